package producer_test

import (
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/hashkey"
	"github.com/kplkit/kplkit/producer"
)

// makeAnew deletes the stream and makes one of the same name, whose shards have the same ids.
func (b *bench) makeAnew(shards int) {
	b.Helper()
	b.must(b.client.DeleteStream(b.ctx, &kinesis.DeleteStreamInput{StreamName: aws.String("s")}))
	b.must(b.client.CreateStream(b.ctx, &kinesis.CreateStreamInput{StreamName: aws.String("s"), ShardCount: aws.Int32(int32(shards))}))
}

// TestStreamMadeAnew: of a stream that is made anew with other ranges under the same ids, a KCL that knows them reads all
// that is acknowledged: an aggregate in the shard of the expected id is not where it belongs.
func TestStreamMadeAnew(t *testing.T) {
	for _, shards := range [][2]int{{1, 4}, {4, 1}, {2, 3}, {3, 3}} {
		t.Run(fmt.Sprint(shards), func(t *testing.T) {
			inBubble(t, shards[0], func(b *bench) {
				p := b.producer()
				b.put(p, 0, 100)
				b.must(nil, p.Flush(b.ctx))
				b.makeAnew(shards[1])
				r := &results{}
				first := record(100)
				first.ExplicitHashKey = "0" // so that all of them land in shard 0
				b.must(nil, p.Put(b.ctx, first, r.done))
				for i := 101; i < 500; i++ {
					b.must(nil, p.Put(b.ctx, record(i), r.done))
				}
				b.must(nil, p.Close(b.ctx))
				b.check(r, 400)
				if got := b.read(deagg.KCL); !slices.Equal(got, numbers(100, 400)) {
					b.Errorf("the KCL reads %d of 400 records", len(got))
				}
			})
		})
	}
}

// TestLandedBeforeTheEnd: an aggregate that landed in a child waits for a listing. That of the stream made anew has a
// shard of this id and with these hash keys, too, but it is another one.
func TestLandedBeforeTheEnd(t *testing.T) {
	inBubble(t, 1, func(b *bench) {
		p := b.producer()
		b.put(p, 0, 10)
		b.must(nil, p.Flush(b.ctx))
		b.split(0)
		r, n := &results{}, 0
		for i := 10; n < 300; i++ {
			if rec := record(i); hashkey.Whole().Split(2)[1].Contains(hashkey.Of(rec.PartitionKey)) { // all of it belongs in the child
				b.must(nil, p.Put(b.ctx, rec, r.done))
				n++
			}
		}
		time.Sleep(150 * time.Millisecond)
		if len(r.by) > 0 {
			b.Fatalf("%d results before the shards were listed", len(r.by))
		}
		b.makeAnew(1)
		b.split(0)
		b.must(nil, p.Close(b.ctx))
		b.check(r, n)
		if got := b.read(deagg.KCL); len(got) != n {
			b.Errorf("the KCL reads %d of %d records", len(got), n)
		}
	})
}

// TestStreamGone: that there is no such stream, said by a put or by a listing, takes the map with it, and the producer
// looks for the stream every few seconds. What is put when it is there again goes plain at first, and by its shards then.
func TestStreamGone(t *testing.T) {
	for name, put := range map[string]bool{"by a put": true, "by a listing": false} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 4, func(b *bench) {
				p := b.producer(producer.WithLogger(slog.New(slog.DiscardHandler)))
				b.put(p, 0, 100)
				b.must(nil, p.Flush(b.ctx))
				b.must(b.client.DeleteStream(b.ctx, &kinesis.DeleteStreamInput{StreamName: aws.String("s")}))
				if put {
					if _, err := p.PutSync(b.ctx, record(100)); !isPermanent(err) {
						b.Errorf("no stream: %v", err)
					}
				} else {
					time.Sleep(70 * time.Second)
				}
				b.must(b.client.CreateStream(b.ctx, &kinesis.CreateStreamInput{StreamName: aws.String("s"), ShardCount: aws.Int32(2)}))
				r := b.put(p, 200, 100)
				b.must(nil, p.Flush(b.ctx))
				if ours, _, plain := b.marks(); ours != 0 || plain != 100 {
					b.Errorf("%d aggregates by the old shards, %d plain records", ours, plain)
				}
				time.Sleep(6 * time.Second)
				for i := 300; i < 400; i++ {
					b.must(nil, p.Put(b.ctx, record(i), r.done))
				}
				b.must(nil, p.Close(b.ctx))
				b.check(r, 200)
				if ours, _, _ := b.marks(); ours != 2 {
					b.Errorf("%d aggregates, want one for each of 2 shards", ours)
				}
				if got := b.read(deagg.KCL); !slices.Equal(got, numbers(200, 200)) {
					b.Errorf("the KCL reads %d of 200 records", len(got))
				}
			})
		})
	}
}
