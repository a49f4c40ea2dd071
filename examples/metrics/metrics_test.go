package metrics_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/config"
	otel "go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/kplkit/kplkit/examples/metrics"
	"github.com/kplkit/kplkit/internal/dynamofake"
	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/kclcompat/vmwarekcl"
	"github.com/kplkit/kplkit/producer"
)

// TestMetrics: over the embedded Kinesis and DynamoDB a producer puts ten records and a worker reads them, and the SDK's
// reader has counted both.
func TestMetrics(t *testing.T) {
	awsConfig := embedded(t)
	reader := metric.NewManualReader()
	meter := metric.NewMeterProvider(metric.WithReader(reader)).Meter("kplkit")
	put(t, awsConfig, meter)
	if got := measured(t, reader); got["kplkit.producer.sent"] < 1 || got["kplkit.producer.latency"] != got["kplkit.producer.sent"] {
		t.Errorf("the producer's: %v", got)
	}
	trace, err := metrics.Consumer(meter)
	if err != nil {
		t.Fatal(err)
	}
	seen := make(chan string, 100)
	kclConfig := config.NewKinesisClientLibConfig("app", "orders", "us-east-1", "worker-1").
		WithInitialPositionInStream(config.TRIM_HORIZON).WithShardSyncIntervalMillis(50)
	worker := vmwarekcl.NewWorker(kclConfig, awsConfig, func(string) kclcompat.Processor { return processor{seen} }, vmwarekcl.WithTrace(trace))
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		select {
		case <-seen:
		case <-time.After(time.Minute):
			t.Fatal("the worker reads nothing")
		}
	}
	check(t, reader, map[string]float64{"kplkit.consumer.delivered": 10, "kplkit.consumer.leases": 1})
	worker.Shutdown()
	check(t, reader, map[string]float64{"kplkit.consumer.delivered": 10, "kplkit.consumer.leases": 0, "kplkit.consumer.lag": 0})
}

// put puts ten records into stream orders, one request after the other.
func put(t *testing.T, cfg aws.Config, meter otel.Meter) {
	trace, err := metrics.Producer(meter)
	if err != nil {
		t.Fatal(err)
	}
	p, err := producer.New(kinesis.NewFromConfig(cfg), "orders", producer.WithTrace(trace), producer.WithMaxBatch(1<<20, 1))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close(t.Context())
	for i := range 10 {
		key := fmt.Sprint("order-", i)
		if _, err := p.PutSync(t.Context(), producer.Record{PartitionKey: key, Data: []byte(key)}); err != nil {
			t.Fatal(err)
		}
	}
}

// embedded returns the configuration of an embedded Kinesis, with stream orders, and of an embedded DynamoDB.
func embedded(t *testing.T) aws.Config {
	server := kinesisfake.New(kinesisfake.Options{})
	t.Cleanup(server.Close)
	cfg := aws.Config{
		Region: "us-east-1", Credentials: aws.AnonymousCredentials{},
		HTTPClient: &http.Client{Transport: services{server.Transport(), dynamofake.New().Transport()}},
	}
	client := kinesis.NewFromConfig(cfg)
	if _, err := client.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("orders"), ShardCount: aws.Int32(1)}); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// services sends each request to the service that its host names.
type services struct{ kinesis, dynamoDB http.RoundTripper }

func (s services) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == "dynamodb.us-east-1.amazonaws.com" {
		return s.dynamoDB.RoundTrip(r)
	}
	return s.kinesis.RoundTrip(r)
}

type processor struct{ seen chan<- string }

func (p processor) ProcessRecords(ctx context.Context, b kclcompat.Batch, c *kclcompat.Checkpointer) error {
	for _, u := range b.Records {
		c.Done(u)
		p.seen <- u.PartitionKey
	}
	_, err := c.Checkpoint(ctx)
	return err
}

func (processor) Shutdown(context.Context, kclcompat.Reason, *kclcompat.Checkpointer) error {
	return nil
}

// check compares what was measured of some names.
func check(t *testing.T, reader *metric.ManualReader, want map[string]float64) {
	t.Helper()
	got := measured(t, reader)
	for name, value := range want {
		if measured, there := got[name]; !there || measured != value {
			t.Errorf("%s is %v, want %v; all: %v", name, measured, value, got)
		}
	}
}

// measured returns sums and gauges, and of a histogram how many values it has.
func measured(t *testing.T, reader *metric.ManualReader) map[string]float64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				got[m.Name] = float64(data.DataPoints[0].Value)
			case metricdata.Gauge[float64]:
				got[m.Name] = data.DataPoints[0].Value
			case metricdata.Histogram[float64]:
				got[m.Name] = float64(data.DataPoints[0].Count)
			}
		}
	}
	return got
}
