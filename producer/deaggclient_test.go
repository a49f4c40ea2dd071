package producer_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/deagg/deaggaws"
	"github.com/kplkit/kplkit/producer"
)

// TestOneClientForBoth: a client that de-aggregates what it reads serves a producer, too, and reads its user records.
func TestOneClientForBoth(t *testing.T) {
	inBubble(t, 1, func(b *bench) {
		client := kinesis.New(b.client.Options(), deaggaws.WithDeaggregation())
		p, err := producer.New(client, "s")
		b.must(p, err)
		b.must(nil, p.Flush(b.ctx)) // the shards are listed
		const n = 20
		r := b.put(p, 0, n)
		b.must(nil, p.Close(b.ctx))
		b.check(r, n)
		it, err := client.GetShardIterator(b.ctx, &kinesis.GetShardIteratorInput{
			StreamName: aws.String("s"), ShardId: aws.String("shardId-000000000000"), ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
		})
		b.must(it, err)
		out, err := client.GetRecords(b.ctx, &kinesis.GetRecordsInput{ShardIterator: it.ShardIterator})
		b.must(out, err)
		if stored := b.count("PutRecords"); stored != 1 || len(out.Records) != n {
			b.Errorf("%d requests, %d user records", stored, len(out.Records))
		}
		for i, got := range out.Records {
			if want := record(i); *got.PartitionKey != want.PartitionKey || string(got.Data) != string(want.Data) {
				b.Errorf("record %d: %q %q", i, *got.PartitionKey, got.Data)
			}
		}
	})
}
