package vmwarekcl_test

import (
	"context"
	"expvar"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/config"

	"github.com/kplkit/kplkit/internal/dynamofake"
	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/kclcompat/vmwarekcl"
	"github.com/kplkit/kplkit/producer/aggregator"
)

// printer prints user records, with a checkpoint after each, and tells when it has the last one.
type printer struct{ seen chan<- string }

func (p *printer) ProcessRecords(ctx context.Context, b kclcompat.Batch, c *kclcompat.Checkpointer) error {
	for _, u := range b.Records {
		fmt.Printf("%s %s\n", u.PartitionKey, u.Data)
		c.Done(u)
		if _, err := c.Checkpoint(ctx); err != nil { // also inside an aggregate
			return err
		}
		p.seen <- u.PartitionKey
	}
	return nil
}

func (p *printer) Shutdown(context.Context, kclcompat.Reason, *kclcompat.Checkpointer) error {
	return nil
}

func Example() {
	server := kinesisfake.New(kinesisfake.Options{})
	defer server.Close()
	awsConfig := aws.Config{ // config.LoadDefaultConfig, in a program
		Region: "us-east-1", Credentials: aws.AnonymousCredentials{},
		HTTPClient: &http.Client{Transport: services{server.Transport(), dynamofake.New().Transport()}},
	}
	putExample(awsConfig)

	kclConfig := config.NewKinesisClientLibConfig("app", "orders", "us-east-1", "worker-1").
		WithInitialPositionInStream(config.TRIM_HORIZON).WithShardSyncIntervalMillis(50).WithLogger(quiet{})
	seen := make(chan string)
	worker := vmwarekcl.NewWorker(kclConfig, awsConfig, func(string) kclcompat.Processor {
		return &printer{seen}
	})
	if err := worker.Start(); err != nil {
		log.Fatal(err)
	}
	for <-seen != "user-2" {
	}
	worker.Shutdown()
	// Output:
	// user-1 hello
	// user-2 world
}

// Counters of expvar, which a program serves under /debug/vars.
func ExampleWithTrace() {
	counts, lags := new(expvar.Map), new(expvar.Map) // expvar.NewMap("orders"), in a program
	count := func(name string) func(string, int) {
		return func(_ string, records int) { counts.Add(name, int64(records)) }
	}
	trace := vmwarekcl.Trace{
		Delivered: count("delivered"), Repeated: count("repeated"),
		Held: func(string, kclcompat.Result) { counts.Add("held", 1) },
		BehindLatest: func(shardID string, behindLatest time.Duration) {
			seconds := new(expvar.Float)
			seconds.Set(behindLatest.Seconds())
			lags.Set(shardID, seconds)
		},
		LeaseTaken:    func(string) { counts.Add("leases", 1) },
		LeaseLost:     func(string) { counts.Add("leases", -1); counts.Add("lost", 1) },
		LeaseReturned: func(shardID string) { counts.Add("leases", -1); lags.Delete(shardID) },
	}

	server := kinesisfake.New(kinesisfake.Options{})
	defer server.Close()
	awsConfig := aws.Config{ // config.LoadDefaultConfig, in a program
		Region: "us-east-1", Credentials: aws.AnonymousCredentials{},
		HTTPClient: &http.Client{Transport: services{server.Transport(), dynamofake.New().Transport()}},
	}
	putExample(awsConfig)
	kclConfig := config.NewKinesisClientLibConfig("app", "orders", "us-east-1", "worker-1").
		WithInitialPositionInStream(config.TRIM_HORIZON).WithShardSyncIntervalMillis(50).WithLogger(quiet{})
	seen := make(chan string)
	worker := vmwarekcl.NewWorker(kclConfig, awsConfig, func(string) kclcompat.Processor {
		return &printer{seen}
	}, vmwarekcl.WithTrace(trace))
	if err := worker.Start(); err != nil {
		log.Fatal(err)
	}
	for <-seen != "user-2" {
	}
	fmt.Println(counts)
	worker.Shutdown()
	fmt.Println(counts)
	// Output:
	// user-1 hello
	// user-2 world
	// {"delivered": 2, "leases": 1}
	// {"delivered": 2, "leases": 0}
}

// services sends each request to the service that its host names.
type services struct{ kinesis, dynamoDB http.RoundTripper }

func (s services) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == "dynamodb.us-east-1.amazonaws.com" {
		return s.dynamoDB.RoundTrip(r)
	}
	return s.kinesis.RoundTrip(r)
}

// putExample puts an aggregate of two user records.
func putExample(cfg aws.Config) {
	ctx, client := context.Background(), kinesis.NewFromConfig(cfg)
	var e aggregator.Encoder
	for _, r := range []aggregator.Record{
		{PartitionKey: "user-1", Data: []byte("hello")},
		{PartitionKey: "user-2", Data: []byte("world")},
	} {
		if _, err := e.Add(r); err != nil {
			log.Fatal(err)
		}
	}
	if _, err := client.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String("orders"), ShardCount: aws.Int32(1)}); err != nil {
		log.Fatal(err)
	}
	key, hashKey := e.Keys()
	if _, err := client.PutRecord(ctx, &kinesis.PutRecordInput{
		StreamName: aws.String("orders"), PartitionKey: &key, ExplicitHashKey: &hashKey, Data: e.AppendTo(nil),
	}); err != nil {
		log.Fatal(err)
	}
}
