package producer_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/deagg/hashkey"
	"github.com/kplkit/kplkit/producer"
)

// instant is a stream of four shards that stores nothing and answers at once, so that nothing but the producer is
// measured.
type instant struct{}

func (instant) ListShards(context.Context, *kinesis.ListShardsInput, ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error) {
	out := &kinesis.ListShardsOutput{}
	for i, r := range hashkey.Whole().Split(4) {
		out.Shards = append(out.Shards, types.Shard{
			ShardId:      aws.String(fmt.Sprint(i)),
			HashKeyRange: &types.HashKeyRange{StartingHashKey: aws.String(r.Start().String()), EndingHashKey: aws.String(r.End().String())},
		})
	}
	return out, nil
}

func (instant) DescribeStreamSummary(context.Context, *kinesis.DescribeStreamSummaryInput, ...func(*kinesis.Options)) (*kinesis.DescribeStreamSummaryOutput, error) {
	return &kinesis.DescribeStreamSummaryOutput{}, nil
}

func (instant) PutRecords(_ context.Context, in *kinesis.PutRecordsInput, _ ...func(*kinesis.Options)) (*kinesis.PutRecordsOutput, error) {
	out := &kinesis.PutRecordsOutput{Records: make([]types.PutRecordsResultEntry, len(in.Records))}
	number := aws.String("49590338271490256608559692538361571095921575989136588898")
	for i, r := range in.Records {
		key := hashkey.Of(*r.PartitionKey)
		if r.ExplicitHashKey != nil {
			key, _ = hashkey.Parse(*r.ExplicitHashKey)
		}
		for shard, keys := range hashkey.Whole().Split(4) {
			if keys.Contains(key) {
				out.Records[i] = types.PutRecordsResultEntry{ShardId: aws.String(fmt.Sprint(shard)), SequenceNumber: number}
			}
		}
	}
	return out, nil
}

// BenchmarkPut puts records of 100 bytes, from one goroutine, until all have their result.
func BenchmarkPut(b *testing.B) {
	var keys [1000]string
	for i := range keys {
		keys[i] = fmt.Sprint("device-", i)
	}
	data := make([]byte, 100)
	p, err := producer.New(instant{}, "s", producer.WithRateLimit(0))
	if err != nil {
		b.Fatal(err)
	}
	failed := 0
	done := func(_ producer.Record, r producer.Result) {
		if r.Err != nil {
			failed++
		}
	}
	b.ReportAllocs()
	b.SetBytes(100)
	n := 0
	for b.Loop() {
		if err := p.Put(context.Background(), producer.Record{PartitionKey: keys[n%len(keys)], Data: data}, done); err != nil {
			b.Fatal(err)
		}
		n++
	}
	if err := p.Close(context.Background()); err != nil || failed > 0 {
		b.Fatal(failed, err)
	}
}
