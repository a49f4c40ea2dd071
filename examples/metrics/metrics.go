// Package metrics has kplkit counted by OpenTelemetry: copy what you need. Any other metrics library is hung in the same way, as
// the Examples of vmwarekcl.WithTrace and producer.WithTrace do with expvar.
package metrics

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/kclcompat/vmwarekcl"
	"github.com/kplkit/kplkit/producer"
)

// Consumer returns a trace for vmwarekcl.WithTrace that counts by meter what a worker does, for each shard.
func Consumer(meter metric.Meter) (vmwarekcl.Trace, error) {
	delivered, err1 := meter.Int64Counter("kplkit.consumer.delivered", metric.WithUnit("{record}"),
		metric.WithDescription("User records handed to Processors, repeated ones too"))
	repeated, err2 := meter.Int64Counter("kplkit.consumer.repeated", metric.WithUnit("{record}"),
		metric.WithDescription("User records that this worker had delivered before"))
	held, err3 := meter.Int64Counter("kplkit.consumer.held", metric.WithUnit("{batch}"),
		metric.WithDescription("Batches after which a crash would bring again what was done"))
	lag, err4 := meter.Float64Gauge("kplkit.consumer.lag", metric.WithUnit("s"),
		metric.WithDescription("How far the reader is from the tip of the shard"))
	leases, err5 := meter.Int64UpDownCounter("kplkit.consumer.leases", metric.WithUnit("{lease}"),
		metric.WithDescription("Leases that the worker holds"))
	lost, err6 := meter.Int64Counter("kplkit.consumer.leases.lost", metric.WithUnit("{lease}"),
		metric.WithDescription("Leases that have run out, or that another worker has taken"))

	ctx := context.Background()
	count := func(c metric.Int64Counter) func(string, int) {
		return func(shardID string, n int) { c.Add(ctx, int64(n), ofShard(shardID)) }
	}
	return vmwarekcl.Trace{
		Delivered:    count(delivered),
		Repeated:     count(repeated),
		Held:         func(shardID string, _ kclcompat.Result) { held.Add(ctx, 1, ofShard(shardID)) },
		BehindLatest: func(shardID string, d time.Duration) { lag.Record(ctx, d.Seconds(), ofShard(shardID)) },
		LeaseTaken:   func(string) { leases.Add(ctx, 1) },
		LeaseLost: func(shardID string) {
			leases.Add(ctx, -1)
			lost.Add(ctx, 1, ofShard(shardID))
		},
		LeaseReturned: func(string) { leases.Add(ctx, -1) },
	}, errors.Join(err1, err2, err3, err4, err5, err6)
}

// Producer returns a trace for producer.WithTrace that counts by meter what a Producer does.
func Producer(meter metric.Meter) (producer.Trace, error) {
	stored, err1 := meter.Int64Counter("kplkit.producer.sent", metric.WithUnit("{record}"),
		metric.WithDescription("Stored records in PutRecords requests, those sent again too"))
	failed, err2 := meter.Int64Counter("kplkit.producer.failed", metric.WithUnit("{record}"),
		metric.WithDescription("Stored records that an answer refused, or whose request failed"))
	latency, err3 := meter.Float64Histogram("kplkit.producer.latency", metric.WithUnit("s"),
		metric.WithDescription("How long PutRecords requests take"))
	retried, err4 := meter.Int64Counter("kplkit.producer.retried", metric.WithUnit("{record}"),
		metric.WithDescription("User records that are sent again"))

	ctx := context.Background()
	return producer.Trace{
		Attempt: func(a producer.Attempt) {
			stored.Add(ctx, int64(a.StoredRecords))
			failed.Add(ctx, int64(a.Failed))
			latency.Record(ctx, a.Latency.Seconds())
		},
		Retry: func(why producer.Reason, userRecords int) {
			retried.Add(ctx, int64(userRecords), metric.WithAttributes(attribute.String("reason", string(why))))
		},
	}, errors.Join(err1, err2, err3, err4)
}

func ofShard(shardID string) metric.MeasurementOption {
	return metric.WithAttributes(attribute.String("aws.kinesis.shard.id", shardID))
}
