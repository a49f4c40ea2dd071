package producer_test

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/producer"
)

func Example() {
	ctx, server := context.Background(), kinesisfake.New(kinesisfake.Options{})
	defer server.Close()
	client := kinesis.New(kinesis.Options{ // kinesis.NewFromConfig(cfg), in a program
		Region: "us-east-1", BaseEndpoint: aws.String("http://kinesis.test"),
		Credentials: aws.AnonymousCredentials{}, HTTPClient: &http.Client{Transport: server.Transport()},
	})
	_, err := client.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String("orders"), ShardCount: aws.Int32(1)})
	if err != nil {
		log.Fatal(err)
	}

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
