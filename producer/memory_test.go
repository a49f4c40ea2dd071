package producer_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/deagg/hashkey"
	"github.com/kplkit/kplkit/producer"
)

// stuck is an API whose PutRecords does not return before its context ends.
type stuck struct{ *kinesis.Client }

func (stuck) PutRecords(ctx context.Context, _ *kinesis.PutRecordsInput, _ ...func(*kinesis.Options)) (*kinesis.PutRecordsOutput, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestMemory: a full buffer, and the aggregates made of it, take no more than twice its limit; the allocator rounds up by
// another eighth.
func TestMemory(t *testing.T) {
	const limit = 8 * mebibyte
	for _, size := range []int{0, 100, 10_000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			inBubble(t, 4, func(b *bench) {
				before := heap()
				p, err := producer.New(stuck{b.client}, "s", producer.WithMaxBuffered(limit), producer.WithRequestTimeout(time.Hour), producer.WithTimeToLive(time.Hour))
				b.must(p, err)
				n := 0
				for ; ; n++ {
					err := p.TryPut(producer.Record{PartitionKey: fmt.Sprint("key-", n), Data: make([]byte, size)}, func(producer.Record, producer.Result) {})
					if errors.Is(err, producer.ErrWouldBlock) {
						break
					}
					b.must(nil, err)
				}
				time.Sleep(time.Second)
				grown := heap() - before
				b.Logf("%d records in a buffer of %d bytes take %d", n, limit, grown)
				if grown > 2*limit+limit/4 {
					b.Error("which is too much")
				}
				ctx, cancel := context.WithCancel(b.ctx)
				cancel()
				if err := p.Close(ctx); err == nil {
					b.Error("Close sent what can't be sent")
				}
			})
		})
	}
}

func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// TestManyShards: what was filled for each of many shards, one after the other, is not kept.
func TestManyShards(t *testing.T) {
	const n = 256
	shards, stored := make([]types.Shard, n), map[string]*string{}
	for i, r := range hashkey.Whole().Split(n) {
		shards[i] = types.Shard{ShardId: aws.String(fmt.Sprint("shard-", i)), HashKeyRange: &types.HashKeyRange{
			StartingHashKey: aws.String(r.Start().String()), EndingHashKey: aws.String(r.End().String()),
		}}
		stored[r.Start().String()] = shards[i].ShardId
	}
	api := &oddAPI{
		list: func(context.Context, *kinesis.ListShardsInput) (*kinesis.ListShardsOutput, error) {
			return &kinesis.ListShardsOutput{Shards: shards}, nil
		},
		put: func(_ context.Context, in *kinesis.PutRecordsInput) (*kinesis.PutRecordsOutput, error) {
			out := allStored(in)
			for i, r := range in.Records {
				out.Records[i].ShardId = stored[*r.ExplicitHashKey]
			}
			return out, nil
		},
	}
	p, err := producer.New(api, "s", producer.WithMaxBuffered(2*mebibyte))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := heap()
	for _, s := range shards {
		for range 50 {
			r := producer.Record{PartitionKey: "k", ExplicitHashKey: *s.HashKeyRange.StartingHashKey, Data: make([]byte, 1000)}
			if err := p.Put(t.Context(), r, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if kept := int64(heap() - before); kept > 4*mebibyte {
		t.Errorf("%.1f MiB kept", float64(kept)/mebibyte)
	}
	if err := p.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
