package producer_test

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/deagg"
)

// watchedAPI knows how much is under way, and whether the producer must have noticed that the stream is service-managed.
type watchedAPI struct {
	*kinesis.Client
	mu                                       sync.Mutex
	requests, bytes, mostRequests, mostBytes int
	described                                types.RecordDistributionStrategy
	managedSince                             time.Time // zero: it is not, or not known to be
	aggregates                               int       // sent to a stream that is known to be service-managed
}

func (a *watchedAPI) DescribeStreamSummary(ctx context.Context, in *kinesis.DescribeStreamSummaryInput, opts ...func(*kinesis.Options)) (*kinesis.DescribeStreamSummaryOutput, error) {
	out, err := a.Client.DescribeStreamSummary(ctx, in, opts...)
	a.mu.Lock()
	defer a.mu.Unlock()
	if err == nil {
		a.described = out.StreamDescriptionSummary.RecordDistributionStrategy
		if a.described != types.RecordDistributionStrategyAuto {
			a.managedSince = time.Time{}
		}
	}
	return out, err
}

// ListShards ends a look at the stream.
func (a *watchedAPI) ListShards(ctx context.Context, in *kinesis.ListShardsInput, opts ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error) {
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.described == types.RecordDistributionStrategyAuto && a.managedSince.IsZero() {
			a.managedSince = time.Now()
		}
	}()
	return a.Client.ListShards(ctx, in, opts...)
}

func (a *watchedAPI) PutRecords(ctx context.Context, in *kinesis.PutRecordsInput, opts ...func(*kinesis.Options)) (*kinesis.PutRecordsOutput, error) {
	size, aggregates := 0, 0
	for _, r := range in.Records {
		size += len(r.Data) + len(aws.ToString(r.PartitionKey))
		if deagg.HasMagic(r.Data) {
			aggregates++
		}
	}
	a.add(1, size, aggregates)
	defer a.add(-1, -size, 0)
	return a.Client.PutRecords(ctx, in, opts...)
}

func (a *watchedAPI) add(requests, bytes, aggregates int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.requests += requests
	a.bytes += bytes
	a.mostRequests, a.mostBytes = max(a.mostRequests, a.requests), max(a.mostBytes, a.bytes)
	if !a.managedSince.IsZero() && time.Now().After(a.managedSince) {
		a.aggregates += aggregates
	}
}

// check holds what can be seen at the API: limits, and the strategy once it is known.
func (a *watchedAPI) check(w *world) {
	if a.mostBytes > maxBuffered || a.mostRequests > w.inFlight {
		w.T.Errorf("%d requests under way at most, of %d bytes at most", a.mostRequests, a.mostBytes)
	}
	if a.aggregates > 0 {
		w.T.Errorf("%d aggregates sent when the stream was known to be service-managed", a.aggregates)
	}
}
