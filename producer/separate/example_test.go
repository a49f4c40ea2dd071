//go:build unix

package separate_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/producer"
	"github.com/kplkit/kplkit/producer/separate"
)

// newStream returns an embedded Kinesis with a stream "orders" of one shard. A program has AWS's own.
func newStream(ctx context.Context) (server *httptest.Server, kplkit string) {
	server = httptest.NewServer(kinesisfake.New(kinesisfake.Options{}))
	client := kinesis.New(kinesis.Options{Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: aws.AnonymousCredentials{}})
	if _, err := client.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String("orders"), ShardCount: aws.Int32(1)}); err != nil {
		log.Fatal(err)
	}
	kplkit, err := separate.BuildKplkit()
	if err != nil {
		log.Fatal(err)
	}
	return server, kplkit
}

// Example puts through kplkit daemon, as a child.
func Example() {
	ctx := context.Background()
	server, kplkit := newStream(ctx)
	defer server.Close()

	p, err := separate.Start(ctx, separate.Config{
		Command:      []string{kplkit, "daemon"}, // may be left out where kplkit is in PATH
		Region:       "us-east-1",
		Endpoint:     server.URL,                                                // left out for AWS
		Credentials:  credentials.NewStaticCredentialsProvider("id", "key", ""), // cfg.Credentials of config.LoadDefaultConfig
		MetricsLevel: "none",
	})
	if err != nil {
		log.Fatal(err)
	}
	for i := range 3 {
		r := producer.Record{PartitionKey: fmt.Sprint("customer-", i), Data: []byte("order")}
		err := p.Put(ctx, "orders", r, func(r producer.Record, res producer.Result) { // called exactly once
			fmt.Println(r.PartitionKey, res.ShardID, res.Err)
		})
		if err != nil {
			log.Fatal(err)
		}
	}
	if err := p.Close(ctx); err != nil { // sends what is left, and ends the child
		log.Fatal(err)
	}
	// Unordered output:
	// customer-0 shardId-000000000000 <nil>
	// customer-1 shardId-000000000000 <nil>
	// customer-2 shardId-000000000000 <nil>
}
