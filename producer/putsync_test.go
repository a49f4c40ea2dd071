package producer_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/producer"
	"github.com/kplkit/kplkit/producer/aggregator"
)

// TestPutSyncOfMany: many records wait for the linger time once, share a request, and have their results in order.
func TestPutSyncOfMany(t *testing.T) {
	inBubble(t, 1, func(b *bench) {
		p := b.producer()
		b.must(p.PutSync(b.ctx, record(0)))
		begin, before := time.Now(), b.count("PutRecords")
		records := []producer.Record{record(1), {PartitionKey: "k", Data: make([]byte, 2*mebibyte)}, record(2), {}, record(3)}
		results, err := p.PutSync(b.ctx, records...)
		if d := time.Since(begin); d < 100*time.Millisecond || d > 110*time.Millisecond || b.count("PutRecords") != before+1 {
			b.Errorf("%v and %d requests", d, b.count("PutRecords")-before)
		}
		if !errors.Is(err, producer.ErrTooLarge) || !errors.Is(err, aggregator.ErrPartitionKey) || strings.Count(err.Error(), "\n") != 1 {
			b.Errorf("%v", err)
		}
		for i, at := range []int64{0, -1, 1, -1, 2} {
			if got := results[i]; at < 0 != (got.Err != nil) || at >= 0 && got.Position.SubSequenceNumber() != at {
				b.Errorf("%d: %+v", i, got)
			}
		}
		if !errors.Is(results[1].Err, producer.ErrTooLarge) || !errors.Is(results[3].Err, aggregator.ErrPartitionKey) {
			b.Errorf("%v, %v", results[1].Err, results[3].Err)
		}
		b.must(nil, p.Close(b.ctx))
		if got := b.read(deagg.KCL); !slices.Equal(got, []string{"0", "1", "2", "3"}) {
			b.Errorf("read %v", got)
		}
	})
}

// TestPutSyncOfNone returns at once.
func TestPutSyncOfNone(t *testing.T) {
	inBubble(t, 1, func(b *bench) {
		p := b.producer()
		begin := time.Now()
		if results, err := p.PutSync(b.ctx); len(results) != 0 || err != nil || time.Since(begin) != 0 {
			b.Errorf("%v, %v after %v", results, err, time.Since(begin))
		}
		b.must(nil, p.Close(b.ctx))
	})
}

// TestPutSyncOfMoreThanTheBuffer: what there is no room for waits for what is before it.
func TestPutSyncOfMoreThanTheBuffer(t *testing.T) {
	inBubble(t, 1, func(b *bench) {
		p := b.producer(producer.WithMaxBuffered(2*mebibyte), producer.WithRateLimit(0))
		records := slices.Repeat([]producer.Record{{PartitionKey: "k", Data: make([]byte, 300<<10)}}, 20)
		b.must(p.PutSync(b.ctx, records...))
		b.must(nil, p.Close(b.ctx))
		if got := b.read(deagg.KCL); len(got) != 20 {
			b.Errorf("%d are read", len(got))
		}
	})
}

// TestPutSyncGivesUp: what it has put stays under way, what has a result keeps it, and it puts no more.
func TestPutSyncGivesUp(t *testing.T) {
	inBubble(t, 1, func(b *bench) {
		b.fault = func(n int, r kinesisfake.Request) (f kinesisfake.Fault) {
			if r.Operation == "PutRecords" && n > 1 {
				f.Delay = 3 * time.Second
			}
			return f
		}
		p := b.producer(producer.WithMaxBuffered(2*mebibyte), producer.WithMaxBatch(mebibyte, 1), producer.WithMaxInFlight(1))
		ctx, cancel := context.WithTimeout(b.ctx, time.Second)
		defer cancel()
		large := func(data string) producer.Record {
			return producer.Record{PartitionKey: "k", Data: append(make([]byte, mebibyte-2000), data...)}
		}
		results, err := p.PutSync(ctx, large("1"), large("2"), large("3"), large("4"), large("5"))
		if !errors.Is(err, context.DeadlineExceeded) || results[0].Err != nil {
			b.Errorf("%v, %v", results[0].Err, err)
		}
		for i, text := range []string{"it stays under way", "it stays under way", "Put waited for room", "not put"} {
			if err := results[i+1].Err; !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), text) {
				b.Errorf("%d: %v\nhas not %q", i+1, err, text)
			}
		}
		if _, err := p.PutSync(ctx, record(6)); !errors.Is(err, context.DeadlineExceeded) {
			b.Errorf("again: %v", err)
		}
		b.must(nil, p.Close(b.ctx))
		var got []string
		for _, data := range b.read(deagg.KCL) {
			got = append(got, data[len(data)-1:])
		}
		if !slices.Equal(got, []string{"1", "2", "3"}) {
			b.Errorf("read %v", got)
		}
	})
}
