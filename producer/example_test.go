package producer_test

import (
	"context"
	"errors"
	"expvar"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/producer"
)

// newStream returns a client of an embedded Kinesis with a stream "orders" of one shard. A program has
// kinesis.NewFromConfig(cfg) instead.
func newStream(ctx context.Context) *kinesis.Client {
	client := kinesis.New(kinesis.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://kinesis.test"), Credentials: aws.AnonymousCredentials{},
		HTTPClient: &http.Client{Transport: kinesisfake.New(kinesisfake.Options{}).Transport()},
	})
	_, err := client.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String("orders"), ShardCount: aws.Int32(1)})
	if err != nil {
		log.Fatal(err)
	}
	return client
}

// Example puts with a callback, which is called exactly once for each record.
func Example() {
	ctx := context.Background()
	client := newStream(ctx) // kinesis.NewFromConfig(cfg), in a program

	p, err := producer.New(client, "orders")
	if err != nil {
		log.Fatal(err)
	}
	for i := range 3 {
		r := producer.Record{PartitionKey: fmt.Sprint("customer-", i), Data: []byte("order")}
		err := p.Put(ctx, r, func(r producer.Record, res producer.Result) { // called exactly once
			fmt.Println(r.PartitionKey, res.ShardID, res.Err)
		})
		if err != nil {
			log.Fatal(err)
		}
	}
	if err := p.Close(ctx); err != nil { // sends what is left
		log.Fatal(err)
	}
	// Unordered output:
	// customer-0 shardId-000000000000 <nil>
	// customer-1 shardId-000000000000 <nil>
	// customer-2 shardId-000000000000 <nil>
}

// PutSync waits until the records are stored, or are not.
func ExampleProducer_PutSync() {
	ctx := context.Background()
	client := newStream(ctx) // kinesis.NewFromConfig(cfg), in a program

	p, err := producer.New(client, "orders")
	if err != nil {
		log.Fatal(err)
	}
	results, err := p.PutSync(ctx,
		producer.Record{PartitionKey: "customer-7", Data: []byte("order")},
		producer.Record{PartitionKey: "customer-8", Data: make([]byte, 2<<20)},
		producer.Record{PartitionKey: "customer-9", Data: []byte("order")},
	)
	for _, res := range results {
		fmt.Println(res.ShardID, res.Attempts, res.Err == nil)
	}
	fmt.Println(errors.Is(err, producer.ErrTooLarge), err)

	if err := p.Close(ctx); err != nil {
		log.Fatal(err)
	}
	// Output:
	// shardId-000000000000 1 true
	//  0 false
	// shardId-000000000000 1 true
	// true producer: stream "orders": record "customer-8" of 2097152 bytes: record is too large: 2097162 bytes of data and partition key, the stream takes 1048576; split it, or raise the limit of the stream
}

// A refusal of all records is a reason to stop, one of a single record is not.
func ExampleRefusedError() {
	ctx := context.Background()
	p, err := producer.New(newStream(ctx), "returns") // there is no such stream
	if err != nil {
		log.Fatal(err)
	}
	_, err = p.PutSync(ctx, producer.Record{PartitionKey: "customer-7", Data: []byte("order")})
	var refused *producer.RefusedError
	if errors.As(err, &refused) {
		fmt.Println(refused.Code, refused.Permanent, errors.Is(err, producer.ErrRefused))
	}
	if err := p.Close(ctx); err != nil {
		log.Fatal(err)
	}
	// Output: ResourceNotFoundException true true
}

// Any metrics library can be hung in. The functions are called one after the other, but what reads the metrics does so
// meanwhile.
func ExampleWithTrace() {
	ctx := context.Background()
	client := newStream(ctx) // kinesis.NewFromConfig(cfg), in a program

	metrics := new(expvar.Map) // expvar.NewMap("kinesis_producer"), in a program: served under /debug/vars
	p, err := producer.New(client, "orders", producer.WithTrace(producer.Trace{
		Attempt: func(a producer.Attempt) {
			metrics.Add("requests", 1)
			metrics.Add("stored_records", int64(a.StoredRecords-a.Failed))
			metrics.Add("failed_stored_records", int64(a.Failed))
			metrics.AddFloat("seconds_in_requests", a.Latency.Seconds())
		},
		Retry: func(why producer.Reason, userRecords int) { metrics.Add("retries_"+string(why), int64(userRecords)) },
	}))
	if err != nil {
		log.Fatal(err)
	}
	for i := range 3 {
		r := producer.Record{PartitionKey: fmt.Sprint("customer-", i), Data: []byte("order")}
		err := p.Put(ctx, r, func(_ producer.Record, res producer.Result) {
			if res.Err != nil {
				metrics.Add("failed_user_records", 1)
			}
		})
		if err != nil {
			log.Fatal(err)
		}
	}
	if err := p.Close(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println(metrics.Get("requests"), "request,", metrics.Get("stored_records"), "aggregate,", metrics.Get("failed_stored_records"), "failed")
	// Output: 1 request, 1 aggregate, 0 failed
}

// handle puts what one invocation makes, and returns when all of it is stored, or why it is not.
func handle(ctx context.Context, p *producer.Producer, records []producer.Record) error {
	var mu sync.Mutex
	var errs []error
	for _, r := range records {
		err := p.Put(ctx, r, func(_ producer.Record, res producer.Result) {
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, res.Err) // errors.Join leaves out nil
		})
		if err != nil {
			return err
		}
	}
	if err := p.Flush(ctx); err != nil {
		return err
	}
	mu.Lock()
	defer mu.Unlock()
	return errors.Join(errs...)
}

// A process that may be frozen or ended after the call, such as that of a Lambda function, flushes before it returns.
func ExampleProducer_Flush() {
	ctx := context.Background()
	p, err := producer.New(newStream(ctx), "orders") // once, for all invocations
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(handle(ctx, p, []producer.Record{{PartitionKey: "customer-7", Data: []byte("order")}}))
	if err := p.Close(ctx); err != nil {
		log.Fatal(err)
	}
	// Output: <nil>
}

// TestDocumentedExample: the examples in docs/producing.md are here, line by line.
func TestDocumentedExample(t *testing.T) {
	doc, err := os.ReadFile("../docs/producing.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(doc), "```go\n")[1:]
	for _, block := range blocks {
		block, _, closed := strings.Cut(block, "```")
		indented := "\t" + strings.ReplaceAll(strings.TrimSpace(block), "\n", "\n\t") + "\n"
		if !closed || !strings.Contains(string(source), indented) && !strings.Contains(string(source), block) {
			t.Errorf("docs/producing.md shows what is not in example_test.go:\n%s", block)
		}
	}
	if len(blocks) != 2 {
		t.Errorf("docs/producing.md has %d examples", len(blocks))
	}
}
