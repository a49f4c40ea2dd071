package producer_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/hashkey"
	"github.com/kplkit/kplkit/producer"
)

// split halves a shard, by index.
func (b *bench) split(shard int) {
	b.Helper()
	id := fmt.Sprintf("shardId-%012d", shard)
	ranges, _ := lineage(b.T, b.client, "s")
	b.must(b.client.SplitShard(b.ctx, &kinesis.SplitShardInput{
		StreamName: aws.String("s"), ShardToSplit: &id, NewStartingHashKey: aws.String(middle(ranges[id])),
	}))
}

// middle is the hash key that halves a range.
func middle(r hashkey.Range) string { return r.Split(2)[1].Start().String() }

func (b *bench) merge(shard, next int) {
	b.Helper()
	b.must(b.client.MergeShards(b.ctx, &kinesis.MergeShardsInput{
		StreamName: aws.String("s"), ShardToMerge: aws.String(fmt.Sprintf("shardId-%012d", shard)),
		AdjacentShardToMerge: aws.String(fmt.Sprintf("shardId-%012d", next)),
	}))
}

// TestReshard changes the shards between the listing and the put, which is where the KPL loses records.
func TestReshard(t *testing.T) {
	for name, reshard := range map[string]func(b *bench){
		"split":        func(b *bench) { b.split(0) },
		"double split": func(b *bench) { b.split(0); b.split(2); b.split(3) },
		"merge":        func(b *bench) { b.merge(0, 1) },
		"split, merge": func(b *bench) { b.split(0); b.split(1); b.merge(3, 4) }, // of children of two shards
		"merge, split": func(b *bench) { b.merge(0, 1); b.split(2) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 2, func(b *bench) {
				p := b.producer()
				r := b.put(p, 0, 300)
				b.must(nil, p.Flush(b.ctx)) // by now the shards are listed
				reshard(b)
				for i := 300; i < 900; i++ {
					b.must(nil, p.Put(b.ctx, record(i), r.done))
				}
				b.must(nil, p.Close(b.ctx))
				b.check(r, 900)
				for _, policy := range []deagg.Policy{deagg.KCL, deagg.Lossless} {
					if got := b.read(policy); !slices.Equal(got, numbers(0, 900)) {
						b.Errorf("policy %d: read %d records of 900", policy, len(got))
					}
				}
			})
		})
	}
}

// TestClosedShard lets an aggregate land in a shard that is closed before the producer looks.
func TestClosedShard(t *testing.T) {
	inBubble(t, 1, func(b *bench) {
		p := b.producer()
		r := b.put(p, 0, 10)
		b.must(nil, p.Flush(b.ctx))
		b.split(0)
		b.put(p, 10, 0)
		for i := 10; i < 300; i++ {
			b.must(nil, p.Put(b.ctx, record(i), r.done))
		}
		time.Sleep(150 * time.Millisecond) // sent, landed in one of the children, not judged yet
		if n := len(r.by); n != 10 {
			b.Fatalf("%d results: an aggregate was acknowledged before the shards were listed", n)
		}
		b.split(1)
		b.split(2)
		b.must(nil, p.Close(b.ctx))
		b.check(r, 300)
		if got := b.read(deagg.KCL); !slices.Equal(got, numbers(0, 300)) {
			b.Errorf("read %d records of 300", len(got))
		}
	})
}

// TestWholeAggregateFits: one that landed elsewhere, but where all of it belongs, is not sent again.
func TestWholeAggregateFits(t *testing.T) {
	inBubble(t, 1, func(b *bench) {
		p := b.producer()
		r := b.put(p, 0, 10)
		b.must(nil, p.Flush(b.ctx))
		b.split(0)
		var mine []string
		for i := 10; len(mine) < 50; i++ {
			if rec := record(i); hashkey.Of(rec.PartitionKey).Compare(hashkey.Whole().Split(2)[0].End()) <= 0 {
				b.must(nil, p.Put(b.ctx, rec, r.done))
				mine = append(mine, string(rec.Data))
			}
		}
		b.must(nil, p.Close(b.ctx))
		b.check(r, 60)
		if n := b.count("PutRecords"); n != 2 {
			b.Errorf("%d requests, want 2", n)
		}
		for _, data := range mine {
			if res := r.by[data][0]; res.Attempts != 1 || res.ShardID != "shardId-000000000001" {
				b.Errorf("record %s: %+v", data, res)
			}
		}
	})
}

// lateLists answers ListShards a second late, with what was true when it was asked.
type lateLists struct{ *kinesis.Client }

func (a lateLists) ListShards(ctx context.Context, in *kinesis.ListShardsInput, opts ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error) {
	out, err := a.Client.ListShards(ctx, in, opts...)
	time.Sleep(time.Second)
	return out, err
}

// TestLateListing: an aggregate that landed elsewhere is not judged by a listing that began before, since that may not
// have its shard, in which all of it belongs.
func TestLateListing(t *testing.T) {
	inBubble(t, 2, func(b *bench) {
		begin := time.Now()
		p, err := producer.New(lateLists{b.client}, "s", producer.WithRefresh(5*time.Second))
		b.must(p, err)
		r := b.put(p, 0, 10)
		time.Sleep(6500*time.Millisecond - time.Since(begin)) // the second listing began at 6 s, and ends at 7 s
		b.merge(0, 1)
		for i := 10; i < 300; i++ {
			b.must(nil, p.Put(b.ctx, record(i), r.done))
		}
		time.Sleep(700 * time.Millisecond)
		if len(r.by) != 10 {
			b.Errorf("%d results, when nothing was listed since the merge", len(r.by))
		}
		b.must(nil, p.Close(b.ctx))
		b.check(r, 300)
		if got := b.read(deagg.KCL); !slices.Equal(got, numbers(0, 300)) {
			b.Errorf("read %d records of 300", len(got))
		}
	})
}

// TestServiceManaged switches a stream to AUTO and back.
func TestServiceManaged(t *testing.T) {
	inBubble(t, 3, func(b *bench) {
		b.must(b.client.UpdateStreamMode(b.ctx, &kinesis.UpdateStreamModeInput{
			StreamARN:         aws.String("arn:aws:kinesis:us-east-1:000000000000:stream/s"),
			StreamModeDetails: &types.StreamModeDetails{StreamMode: types.StreamModeOnDemand},
		}))
		p := b.producer()
		r := b.put(p, 0, 300)
		b.must(nil, p.Flush(b.ctx))

		b.strategy(types.RecordDistributionStrategyAuto)
		b.must(b.client.PutRecord(b.ctx, &kinesis.PutRecordInput{StreamName: aws.String("s"), Data: []byte("0")})) // it takes turns: be off by one
		for i := 300; i < 600; i++ {                                                                               // aggregates that land anywhere show the switch
			b.must(nil, p.Put(b.ctx, record(i), r.done))
		}
		b.must(nil, p.Flush(b.ctx))
		aggregates, _, _ := b.marks()
		for i := 600; i < 900; i++ {
			b.must(nil, p.Put(b.ctx, record(i), r.done))
		}
		b.must(nil, p.Put(b.ctx, producer.Record{Data: []byte("keyless")}, r.done))
		b.must(nil, p.Flush(b.ctx))
		if now, _, _ := b.marks(); now != aggregates {
			b.Errorf("%d aggregates after the switch was noticed", now-aggregates)
		}
		b.check(r, 901)

		b.strategy(types.RecordDistributionStrategyUserPartitionKey)
		time.Sleep(2 * time.Minute) // the background notices
		if err := p.TryPut(producer.Record{Data: []byte("keyless")}, nil); err == nil {
			b.Error("a record without a partition key was taken")
		}
		for i := 900; i < 1200; i++ {
			b.must(nil, p.Put(b.ctx, record(i), r.done))
		}
		b.must(nil, p.Close(b.ctx))
		if now, _, _ := b.marks(); now != aggregates+3 {
			b.Errorf("%d aggregates after the switch back, want one for each shard", now-aggregates)
		}
		b.check(r, 1201)
		if got := b.read(deagg.KCL); len(slices.Compact(got)) != 1201 {
			b.Errorf("the KCL reads %d records of 1201", len(slices.Compact(got)))
		}
	})
}

func (b *bench) strategy(s types.RecordDistributionStrategy) {
	b.Helper()
	b.must(b.client.UpdateStreamRecordDistributionStrategy(b.ctx, &kinesis.UpdateStreamRecordDistributionStrategyInput{
		StreamARN: aws.String("arn:aws:kinesis:us-east-1:000000000000:stream/s"), RecordDistributionStrategy: s,
	}))
}
