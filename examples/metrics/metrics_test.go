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
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/kplkit/kplkit/examples/metrics"
	"github.com/kplkit/kplkit/internal/dynamofake"
	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/kclcompat/vmwarekcl"
)

// TestConsumer: a worker over the embedded Kinesis and DynamoDB reads ten records, and the SDK's reader has counted them.
func TestConsumer(t *testing.T) {
	awsConfig := embedded(t)
	reader := metric.NewManualReader()
	trace, err := metrics.Consumer(metric.NewMeterProvider(metric.WithReader(reader)).Meter("kplkit"))
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

// embedded returns the configuration of an embedded Kinesis with ten records in stream orders, and of an embedded DynamoDB.
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
	for i := range 10 {
		key := fmt.Sprint("order-", i)
		if _, err := client.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: aws.String("orders"), PartitionKey: &key, Data: []byte(key)}); err != nil {
			t.Fatal(err)
		}
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
			}
		}
	}
	for name, value := range want {
		if measured, there := got[name]; !there || measured != value {
			t.Errorf("%s is %v, want %v; all: %v", name, measured, value, got)
		}
	}
}
