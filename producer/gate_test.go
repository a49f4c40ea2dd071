package producer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kplkit/kplkit/deagg/hashkey"
	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/producer"
)

// inRatedBubble is inBubble with shards that have their rates.
func inRatedBubble(t *testing.T, shards int, fn func(b *bench)) {
	t.Helper()
	inBubbleWith(t, kinesisfake.Options{RateLimits: true}, shards, fn)
}

// TestHealthyStream: what is put into one shard as fast as can be is stored, since Put waits: no record gets too old. The
// first one is 100 MB of lines of 4 KB, with all defaults.
func TestHealthyStream(t *testing.T) {
	for name, c := range map[string]struct {
		n, size int
		opts    []producer.Option
		ttl     time.Duration
	}{
		"lines": {25_000, 4000, nil, 30 * time.Second},
		"plain": {8000, 100, []producer.Option{producer.WithAggregation(producer.AggregateNever), producer.WithTimeToLive(6 * time.Second)}, 6 * time.Second},
		"slow":  {2_000, 4000, []producer.Option{producer.WithRateLimit(0.1)}, 30 * time.Second},
		"small": {6000, 1000, []producer.Option{producer.WithMaxAggregate(2000, 2), producer.WithTimeToLive(5 * time.Second)}, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inRatedBubble(t, 1, func(b *bench) {
				b.fault = func(_ int, r kinesisfake.Request) (f kinesisfake.Fault) {
					if r.Operation == "ListShards" {
						f.Delay = 50 * time.Millisecond // the buffer has all it takes when the shards are known
					}
					return f
				}
				p, line := b.producer(c.opts...), bytes.Repeat([]byte("x"), c.size)
				put, failed, oldest := 0, 0, time.Duration(0)
				for range c.n {
					begin := time.Now() // as good as the instant in which Put has taken the record, or earlier
					b.must(nil, p.Put(b.ctx, producer.Record{PartitionKey: "host-1", Data: line}, func(_ producer.Record, r producer.Result) {
						oldest = max(oldest, time.Since(begin))
						if put++; r.Err != nil {
							put--
							failed++
						}
					}))
				}
				b.must(nil, p.Close(b.ctx))
				b.Logf("put %d, failed %d; the longest took %v", put, failed, oldest)
				if put != c.n || oldest > c.ttl*11/20 {
					b.Errorf("want %d, within about half of %v", c.n, c.ttl)
				}
			})
		})
	}
}

// TestHotShard: a shard that gets more than its rate leaves room in the buffer for the others.
func TestHotShard(t *testing.T) {
	inRatedBubble(t, 4, func(b *bench) {
		const size, offered, length = 10_000, 700_000, 20 * time.Second // bytes a second for each of the others
		p := b.producer()
		ctx, cancel := context.WithTimeout(b.ctx, length)
		defer cancel()
		var stored [4]atomic.Int64
		put := func(shard int) error {
			key := hashkey.Whole().Split(4)[shard].Start().String()
			return p.Put(ctx, producer.Record{PartitionKey: "k", ExplicitHashKey: key, Data: make([]byte, size)}, func(_ producer.Record, r producer.Result) {
				if r.Err == nil && ctx.Err() == nil {
					stored[shard].Add(size)
				}
			})
		}
		for range 8 { // callers that put as much as they can into the first shard
			go func() {
				for put(0) == nil {
				}
			}()
		}
		for shard := 1; shard < 4; shard++ {
			go func() {
				for put(shard) == nil {
					time.Sleep(size * time.Second / offered)
				}
			}()
		}
		<-ctx.Done()
		b.must(nil, p.Close(b.ctx))
		for shard := range stored {
			part := float64(stored[shard].Load()) / (offered * length.Seconds())
			b.Logf("shard %d: %.1f MB, %.0f %%", shard, float64(stored[shard].Load())/1e6, 100*part)
			if shard > 0 && part < 0.95 {
				b.Errorf("of what is put into shard %d, %.0f %% are stored in time", shard, 100*part)
			}
		}
	})
}

// TestWouldBlock: TryPut refuses where Put would wait, and says why: the buffer is full, the shard has its share of it, or
// what is held for the shard takes it half the time to live.
func TestWouldBlock(t *testing.T) {
	for name, c := range map[string]struct {
		shards, size int
		ttl          time.Duration
		puts         int // until the first shard is full
		want         string
		other        bool // another shard takes one more
	}{
		"buffer": {1, mebibyte - 2000, time.Hour, 2, "2097152 bytes", false},
		"share":  {4, 100_000, time.Hour, 10, "for shardId-000000000000, which has its share, 1002580 bytes of 2097152", true},
		"time":   {1, 100_000, 400 * time.Millisecond, 2, "what it holds for shardId-000000000000 takes 191ms at its rate", false},
		"count":  {1, 0, 200 * time.Millisecond, 100, "what it holds for shardId-000000000000 takes 100ms at its rate", false},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, c.shards, func(b *bench) {
				b.fault = slowPuts(time.Minute)
				p := b.producer(producer.WithMaxBuffered(2*mebibyte), producer.WithTimeToLive(c.ttl), producer.WithAggregation(producer.AggregateNever))
				synctest.Wait() // the shards are listed
				put := func(shard int) error {
					key := hashkey.Whole().Split(c.shards)[shard].Start().String()
					return p.TryPut(producer.Record{PartitionKey: "k", ExplicitHashKey: key, Data: make([]byte, c.size)}, nil)
				}
				for range c.puts {
					b.must(nil, put(0))
				}
				if err := put(0); !errors.Is(err, producer.ErrWouldBlock) || !strings.Contains(err.Error(), c.want) {
					b.Errorf("%v, want %s", err, c.want)
				}
				if c.other {
					b.must(nil, put(1))
				}
				ctx, cancel := context.WithTimeout(b.ctx, time.Millisecond)
				defer cancel()
				key := hashkey.Whole().Split(c.shards)[0].Start().String()
				if err := p.Put(ctx, producer.Record{PartitionKey: "k", ExplicitHashKey: key, Data: make([]byte, c.size)}, nil); !errors.Is(err, context.DeadlineExceeded) {
					b.Errorf("Put: %v", err)
				}
				_ = p.Close(ctx)
			})
		})
	}
}

// TestWaitersMove: what waits for room in a shard that is split waits in its children, and all of it gets in.
func TestWaitersMove(t *testing.T) {
	inBubble(t, 1, func(b *bench) {
		p := b.producer(producer.WithMaxBuffered(2*mebibyte), producer.WithRefresh(time.Second))
		r := b.put(p, 0, 10)
		b.must(nil, p.Flush(b.ctx))
		b.fault = slowPuts(5 * time.Second)
		const n = 200
		var left sync.WaitGroup
		for i := 10; i < n; i++ {
			left.Go(func() {
				rec := record(i)
				rec.Data = append(rec.Data, make([]byte, 50_000)...)
				b.must(nil, p.Put(b.ctx, rec, r.done))
				if i%7 == 0 { // some give up
					ctx, cancel := context.WithTimeout(b.ctx, time.Duration(i)*10*time.Millisecond)
					defer cancel()
					_ = p.Put(ctx, record(1000+i), r.done)
				}
			})
		}
		time.Sleep(500 * time.Millisecond)
		b.split(0)
		left.Wait()
		b.must(nil, p.Close(b.ctx))
		b.check(r, len(r.by))
		if len(r.by) < n {
			b.Errorf("%d records have a result", len(r.by))
		}
	})
}

// TestHealthyStreamOfSmallRecords: what an aggregate stores besides the data, hash keys above all, counts, too.
func TestHealthyStreamOfSmallRecords(t *testing.T) {
	key := func(i int) string { return hashkey.Of(strconv.Itoa(i)).String() }
	for name, c := range map[string]struct {
		n      int
		ttl    time.Duration
		record func(i int) producer.Record
	}{
		"hash keys": {60_000, 2 * time.Second, func(i int) producer.Record {
			return producer.Record{PartitionKey: "k", ExplicitHashKey: key(i), Data: make([]byte, 8)}
		}},
		"one byte": {400_000, 3 * time.Second, func(i int) producer.Record {
			return producer.Record{PartitionKey: fmt.Sprintf("%05x", i), Data: make([]byte, 1)}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			inRatedBubble(t, 1, func(b *bench) {
				p := b.producer(producer.WithTimeToLive(c.ttl))
				time.Sleep(time.Second)
				failed := 0
				for i := range c.n {
					b.must(nil, p.Put(b.ctx, c.record(i), func(_ producer.Record, r producer.Result) {
						if r.Err != nil {
							failed++
						}
					}))
				}
				b.must(nil, p.Close(b.ctx))
				if failed > 0 {
					b.Errorf("%d of %d failed", failed, c.n)
				}
			})
		})
	}
}

// TestTryPutDoesNotOvertake: a large record gets in, though TryPut takes every room that comes.
func TestTryPutDoesNotOvertake(t *testing.T) {
	inBubble(t, 4, func(b *bench) {
		b.fault = slowPuts(300 * time.Millisecond)
		p := b.producer(producer.WithMaxBuffered(2*mebibyte), producer.WithTimeToLive(time.Hour), producer.WithRateLimit(0),
			producer.WithMaxAggregate(2000, 100), producer.WithMaxBatch(50_000, 500))
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
		defer cancel()
		for shard := 1; shard < 4; shard++ {
			key := hashkey.Whole().Split(4)[shard].Start().String()
			go func() {
				for ctx.Err() == nil {
					if p.TryPut(producer.Record{PartitionKey: "k", ExplicitHashKey: key, Data: make([]byte, 1000)}, nil) != nil {
						time.Sleep(time.Millisecond)
					}
				}
			}()
		}
		time.Sleep(5 * time.Second)
		if err := p.Put(ctx, producer.Record{PartitionKey: "k", ExplicitHashKey: "0", Data: make([]byte, mebibyte-1000)}, nil); err != nil {
			b.Errorf("a large record: %v", err)
		}
		cancel()
		time.Sleep(time.Second)
		b.must(nil, p.Close(b.ctx))
	})
}

// TestClosedToWaiters: who waits at the gate, or comes to it, hears at once that the producer is closed.
func TestClosedToWaiters(t *testing.T) {
	inBubble(t, 1, func(b *bench) {
		b.fault = slowPuts(5 * time.Second)
		p := b.producer(producer.WithMaxBuffered(2 * mebibyte))
		time.Sleep(10 * time.Second)
		large := producer.Record{PartitionKey: "k", Data: make([]byte, 100_000)}
		for p.TryPut(large, nil) == nil {
		}
		waiting := make(chan error)
		go func() { waiting <- p.Put(b.ctx, large, nil) }()
		synctest.Wait()
		closed := make(chan error)
		go func() { closed <- p.Close(b.ctx) }()
		synctest.Wait()
		begin := time.Now()
		for i, err := range []error{<-waiting, p.Put(b.ctx, large, nil), p.TryPut(large, nil)} {
			if !errors.Is(err, producer.ErrClosed) {
				b.Errorf("%d: %v", i, err)
			}
		}
		if d := time.Since(begin); d > 0 {
			b.Errorf("after %v", d)
		}
		b.must(nil, <-closed)
	})
}

// TestRoomOfWhatMoved: of a shard that is split, the records that wait go to one half. What waits for room in the other gets in at
// once, whatever is under way.
func TestRoomOfWhatMoved(t *testing.T) {
	inBubble(t, 1, func(b *bench) {
		b.fault = slowPuts(6 * time.Second)
		p := b.producer(producer.WithTimeToLive(10*time.Second), producer.WithRequestTimeout(8*time.Second), producer.WithRefresh(time.Second))
		synctest.Wait() // the shards are listed
		halves := hashkey.Whole().Split(2)
		to := func(half int) producer.Record {
			return producer.Record{PartitionKey: "k", ExplicitHashKey: halves[half].Start().String(), Data: make([]byte, 20_000)}
		}
		b.must(nil, p.Put(b.ctx, to(0), nil))
		time.Sleep(200 * time.Millisecond) // it is under way
		for p.TryPut(to(0), nil) == nil {
		}
		ctx, cancel := context.WithTimeout(b.ctx, 3*time.Second)
		defer cancel()
		b.split(0)
		if err := p.Put(ctx, to(1), nil); err != nil {
			b.Error(err)
		}
		b.must(nil, p.Close(b.ctx))
	})
}
