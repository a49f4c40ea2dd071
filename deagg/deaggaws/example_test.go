package deaggaws_test

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/deagg/deaggaws"
	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/producer/aggregator"
)

func Example() {
	ctx, server := context.Background(), kinesisfake.New(kinesisfake.Options{})
	defer server.Close()
	cfg := aws.Config{ // config.LoadDefaultConfig, in a program
		Region: "us-east-1", BaseEndpoint: aws.String("http://kinesis.test"),
		Credentials: aws.AnonymousCredentials{}, HTTPClient: &http.Client{Transport: server.Transport()},
	}
	putAggregate(ctx, cfg)

	client := kinesis.NewFromConfig(cfg, deaggaws.WithDeaggregation()) // the one line
	read := func(kind types.ShardIteratorType, number *string) (last *string) {
		it, err := client.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{StreamName: aws.String("orders"),
			ShardId: aws.String("shardId-000000000000"), ShardIteratorType: kind, StartingSequenceNumber: number})
		if err != nil {
			log.Fatal(err)
		}
		out, err := client.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: it.ShardIterator})
		if err != nil {
			log.Fatal(err)
		}
		for _, r := range out.Records {
			fmt.Printf("%s %s\n", *r.PartitionKey, r.Data)
		}
		return out.Records[0].SequenceNumber
	}
	first := read(types.ShardIteratorTypeTrimHorizon, nil)
	fmt.Println("resumed after the first:")
	read(types.ShardIteratorTypeAfterSequenceNumber, first)
	// Output:
	// user-1 hello
	// user-2 world
	// resumed after the first:
	// user-2 world
}

func putAggregate(ctx context.Context, cfg aws.Config) {
	var e aggregator.Encoder
	for _, r := range []aggregator.Record{
		{PartitionKey: "user-1", Data: []byte("hello")},
		{PartitionKey: "user-2", Data: []byte("world")},
	} {
		if _, err := e.Add(r); err != nil {
			log.Fatal(err)
		}
	}
	client := kinesis.NewFromConfig(cfg)
	_, err := client.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String("orders"), ShardCount: aws.Int32(1)})
	if err != nil {
		log.Fatal(err)
	}
	key, hashKey := e.Keys()
	_, err = client.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: aws.String("orders"), PartitionKey: &key, ExplicitHashKey: &hashKey, Data: e.AppendTo(nil)})
	if err != nil {
		log.Fatal(err)
	}
}
