package producer_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"

	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/producer"
)

// oddAPI answers as no Kinesis does.
type oddAPI struct {
	put      func(context.Context, *kinesis.PutRecordsInput) (*kinesis.PutRecordsOutput, error)
	list     func(context.Context, *kinesis.ListShardsInput) (*kinesis.ListShardsOutput, error)
	describe func(context.Context) (*kinesis.DescribeStreamSummaryOutput, error)
}

func (a *oddAPI) PutRecords(ctx context.Context, in *kinesis.PutRecordsInput, _ ...func(*kinesis.Options)) (*kinesis.PutRecordsOutput, error) {
	if a.put == nil {
		return allStored(in), nil
	}
	return a.put(ctx, in)
}

func (a *oddAPI) ListShards(ctx context.Context, in *kinesis.ListShardsInput, _ ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error) {
	if a.list == nil {
		return &kinesis.ListShardsOutput{Shards: oneShard}, nil
	}
	return a.list(ctx, in)
}

func (a *oddAPI) DescribeStreamSummary(ctx context.Context, _ *kinesis.DescribeStreamSummaryInput, _ ...func(*kinesis.Options)) (*kinesis.DescribeStreamSummaryOutput, error) {
	if a.describe == nil {
		return &kinesis.DescribeStreamSummaryOutput{StreamDescriptionSummary: &types.StreamDescriptionSummary{}}, nil
	}
	return a.describe(ctx)
}

var oneShard = []types.Shard{{
	ShardId:      aws.String("shard-0"),
	HashKeyRange: &types.HashKeyRange{StartingHashKey: aws.String("0"), EndingHashKey: aws.String("340282366920938463463374607431768211455")},
}}

func allStored(in *kinesis.PutRecordsInput) *kinesis.PutRecordsOutput {
	out := &kinesis.PutRecordsOutput{}
	for i := range in.Records {
		out.Records = append(out.Records, types.PutRecordsResultEntry{ShardId: aws.String("shard-0"), SequenceNumber: aws.String(fmt.Sprint(i + 1))})
	}
	return out
}

// answer returns a PutRecords whose answers are changed.
func answer(change func(*kinesis.PutRecordsOutput)) func(context.Context, *kinesis.PutRecordsInput) (*kinesis.PutRecordsOutput, error) {
	return func(_ context.Context, in *kinesis.PutRecordsInput) (*kinesis.PutRecordsOutput, error) {
		out := allStored(in)
		change(out)
		return out, nil
	}
}

// limit returns a DescribeStreamSummary of a stream that says to take so much.
func limit(kib int32) func(context.Context) (*kinesis.DescribeStreamSummaryOutput, error) {
	return func(context.Context) (*kinesis.DescribeStreamSummaryOutput, error) {
		return &kinesis.DescribeStreamSummaryOutput{StreamDescriptionSummary: &types.StreamDescriptionSummary{MaxRecordSizeInKiB: &kib}}, nil
	}
}

// TestOddAnswers: whatever the answers are, each record has one result, and is stored only if an answer says so.
func TestOddAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		api    oddAPI
		stored bool
	}{
		"description nil": {oddAPI{describe: func(context.Context) (*kinesis.DescribeStreamSummaryOutput, error) { return nil, nil }}, true},
		"of 0 KiB":        {oddAPI{describe: limit(0)}, true},
		"of -1 KiB":       {oddAPI{describe: limit(-1)}, true},
		"of 1 KiB":        {oddAPI{describe: limit(1)}, true},
		"list nil":        {oddAPI{list: func(context.Context, *kinesis.ListShardsInput) (*kinesis.ListShardsOutput, error) { return nil, nil }}, true},
		"shard without anything": {oddAPI{list: func(context.Context, *kinesis.ListShardsInput) (*kinesis.ListShardsOutput, error) {
			return &kinesis.ListShardsOutput{Shards: make([]types.Shard, 1)}, nil
		}}, true},
		"the same token for ever": {oddAPI{list: func(context.Context, *kinesis.ListShardsInput) (*kinesis.ListShardsOutput, error) {
			return &kinesis.ListShardsOutput{Shards: oneShard, NextToken: aws.String("next")}, nil
		}}, true},
		"new tokens for ever": {oddAPI{list: func(_ context.Context, in *kinesis.ListShardsInput) (*kinesis.ListShardsOutput, error) {
			time.Sleep(time.Millisecond)
			return &kinesis.ListShardsOutput{NextToken: aws.String(aws.ToString(in.NextToken) + "+")}, nil
		}}, true},
		"nil":                  {oddAPI{put: func(context.Context, *kinesis.PutRecordsInput) (*kinesis.PutRecordsOutput, error) { return nil, nil }}, false},
		"too many entries":     {oddAPI{put: answer(func(out *kinesis.PutRecordsOutput) { out.Records = append(out.Records, out.Records...) })}, false},
		"too few entries":      {oddAPI{put: answer(func(out *kinesis.PutRecordsOutput) { out.Records = out.Records[1:] })}, false},
		"entries without both": {oddAPI{put: answer(func(out *kinesis.PutRecordsOutput) { clear(out.Records) })}, false},
		"no shard":             {oddAPI{put: answer(func(out *kinesis.PutRecordsOutput) { out.Records[0].ShardId = nil })}, true},
		"no such shard":        {oddAPI{put: answer(func(out *kinesis.PutRecordsOutput) { out.Records[0].ShardId = aws.String("nowhere") })}, true},
		"no sequence number":   {oddAPI{put: answer(func(out *kinesis.PutRecordsOutput) { out.Records[0].SequenceNumber = aws.String("x") })}, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, err := producer.New(&c.api, "s", producer.WithTimeToLive(3*time.Second))
				if err != nil {
					t.Fatal(err)
				}
				const n = 100
				results := [2]int{}
				for i := range n {
					err := p.Put(t.Context(), producer.Record{PartitionKey: fmt.Sprint(i), Data: make([]byte, 50)}, func(_ producer.Record, r producer.Result) {
						if r.Err != nil {
							results[0]++
						} else {
							results[1]++
						}
					})
					if err != nil {
						t.Fatal(err)
					}
					time.Sleep(time.Millisecond) // for the stream to be known
				}
				if err := p.Close(t.Context()); err != nil {
					t.Error(err)
				}
				if c.stored && results != [2]int{0, n} || !c.stored && results != [2]int{n, 0} {
					t.Errorf("%d failed, %d stored", results[0], results[1])
				}
			})
		})
	}
}

// TestAggregateRefused: user records of an aggregate that the stream takes no longer are put one by one.
func TestAggregateRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var refused atomic.Int32
		api := &oddAPI{describe: limit(4 << 10), put: func(_ context.Context, in *kinesis.PutRecordsInput) (*kinesis.PutRecordsOutput, error) {
			for _, r := range in.Records {
				if len(r.Data) > mebibyte {
					refused.Add(1)
					return nil, &smithy.GenericAPIError{Code: "ValidationException"}
				}
			}
			return allStored(in), nil
		}}
		p, err := producer.New(api, "s", producer.WithMaxAggregate(4*mebibyte, 1000))
		if err != nil {
			t.Fatal(err)
		}
		stored := 0
		for range 100 {
			err := p.Put(t.Context(), producer.Record{PartitionKey: "k", Data: make([]byte, 50_000)}, func(_ producer.Record, r producer.Result) {
				if r.Err == nil {
					stored++
				} else {
					t.Log(r.Err)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if err := p.Close(t.Context()); err != nil || stored != 100 || refused.Load() == 0 {
			t.Errorf("%v, %d of 100 stored, %d requests refused", err, stored, refused.Load())
		}
	})
}

func TestNoAPI(t *testing.T) {
	for _, api := range []producer.API{nil, (*kinesis.Client)(nil)} {
		if _, err := producer.New(api, "s"); err == nil {
			t.Errorf("%#v: no error", api)
		}
	}
}

// TestSilentAPI: calls that are never answered end, and hold up no more than what needs them.
func TestSilentAPI(t *testing.T) {
	for name, c := range map[string]struct {
		silent     string
		aggregates int // of what is put after 15 s
	}{
		"no description": {"DescribeStreamSummary", 3},
		"no list":        {"ListShards", 0},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 3, func(b *bench) {
				b.fault = func(n int, r kinesisfake.Request) (f kinesisfake.Fault) {
					if r.Operation == c.silent {
						f.Delay = time.Hour
					}
					return f
				}
				p := b.producer()
				r := b.put(p, 0, 100)
				time.Sleep(15 * time.Second)
				before := b.count(c.silent)
				for i := 100; i < 400; i++ {
					b.must(nil, p.Put(b.ctx, record(i), r.done))
				}
				b.must(nil, p.Flush(b.ctx))
				if ours, _, _ := b.marks(); ours != c.aggregates || before < 2 {
					b.Errorf("%d aggregates, want %d; %d calls without an answer", ours, c.aggregates, before)
				}
				b.check(r, 400)
				b.must(nil, p.Close(b.ctx))
			})
		})
	}
}
