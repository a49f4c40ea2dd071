package producer_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"

	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/producer"
)

// No test here looks for goroutines that are left: a bubble does not end while there are any.

func TestAfterClose(t *testing.T) {
	inBubble(t, 1, func(b *bench) {
		p := b.producer()
		r := b.put(p, 0, 10)
		b.must(nil, p.Close(b.ctx))
		b.check(r, 10)
		_, sync := p.PutSync(b.ctx, record(1))
		large := p.Put(b.ctx, producer.Record{PartitionKey: "k", Data: make([]byte, mebibyte-1)}, nil)
		for name, err := range map[string]error{
			"Put": p.Put(b.ctx, record(1), nil), "TryPut": p.TryPut(record(1), nil), "PutSync": sync, "Flush": p.Flush(b.ctx), "a large one": large,
		} {
			if !errors.Is(err, producer.ErrClosed) {
				b.Errorf("%s: %v", name, err)
			}
		}
		b.must(nil, p.Close(b.ctx))
	})
}

// TestCloseTogether: two calls wait for the same end.
func TestCloseTogether(t *testing.T) {
	inBubble(t, 1, func(b *bench) {
		b.fault = slowPuts(time.Second)
		p := b.producer()
		r := b.put(p, 0, 10)
		other := make(chan error)
		go func() { other <- p.Close(b.ctx) }()
		b.must(nil, p.Close(b.ctx))
		b.must(nil, <-other)
		b.check(r, 10)
	})
}

func slowPuts(d time.Duration) func(int, kinesisfake.Request) kinesisfake.Fault {
	return func(_ int, r kinesisfake.Request) (f kinesisfake.Fault) {
		if r.Operation == "PutRecords" {
			f.Delay = d
		}
		return f
	}
}

// TestHastyClose: what is not sent by then has a result that says so, and Close tells how much that is.
func TestHastyClose(t *testing.T) {
	inBubble(t, 1, func(b *bench) {
		p := b.producer()
		r := b.put(p, 0, 10)
		b.must(nil, p.Flush(b.ctx))
		b.fault = slowPuts(time.Hour)
		for i := 10; i < 30; i++ { // some are under way, some wait
			b.must(nil, p.Put(b.ctx, record(i), r.done))
			time.Sleep(20 * time.Millisecond)
		}
		begin := time.Now()
		ctx, cancel := context.WithTimeout(b.ctx, time.Second)
		defer cancel()
		err := p.Close(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "20 records not sent") {
			b.Errorf("Close: %v", err)
		}
		if d := time.Since(begin); d != time.Second {
			b.Errorf("it took %v", d)
		}
		if again := p.Close(b.ctx); again == nil || again.Error() != err.Error() {
			b.Errorf("Close again: %v", again)
		}
		for data, all := range r.by {
			late := len(data) == 2
			if len(all) != 1 || errors.Is(all[0].Err, producer.ErrClosed) != late || !late && all[0].Err != nil {
				b.Errorf("%s: %v", data, all)
			}
		}
		if len(r.by) != 30 {
			b.Errorf("%d of 30 records have a result", len(r.by))
		}
	})
}

// TestFullBuffer: Put waits for room, as long as its context; TryPut refuses.
func TestFullBuffer(t *testing.T) {
	inBubble(t, 1, func(b *bench) {
		b.fault = slowPuts(3 * time.Second)
		p := b.producer(producer.WithMaxBuffered(2 * mebibyte))
		large := func(data string) producer.Record {
			return producer.Record{PartitionKey: "k", Data: append(make([]byte, mebibyte-2000), data...)}
		}
		r := &results{}
		b.must(nil, p.Put(b.ctx, large("1"), r.done))
		b.must(nil, p.TryPut(large("2"), r.done))
		if err := p.TryPut(large("3"), r.done); !errors.Is(err, producer.ErrWouldBlock) || !strings.Contains(err.Error(), "2097152 bytes") {
			b.Errorf("TryPut: %v", err)
		}
		ctx, cancel := context.WithTimeout(b.ctx, time.Second)
		defer cancel()
		begin := time.Now()
		if err := p.Put(ctx, large("3"), r.done); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Second {
			b.Errorf("Put: %v after %v", err, time.Since(begin))
		}
		b.must(nil, p.Put(b.ctx, large("3"), r.done)) // as soon as there is room
		if d := time.Since(begin); d < 3*time.Second || d > 4*time.Second {
			b.Errorf("Put had room after %v", d)
		}
		b.must(nil, p.Close(b.ctx))
		b.check(r, 3)
	})
}

// TestDoneFails: a done that panics, or ends its goroutine, harms neither other records nor the producer.
func TestDoneFails(t *testing.T) {
	for name, fails := range map[string]func(){"panic": func() { panic("of the caller") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(b *bench) {
				var log bytes.Buffer
				p := b.producer(producer.WithMaxBuffered(2*mebibyte), producer.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
				r := &results{}
				for i := range 30 {
					done := r.done
					if i%3 == 0 {
						done = func(rec producer.Record, res producer.Result) { r.done(rec, res); fails() }
					}
					rec := record(i)
					b.must(nil, p.Put(b.ctx, rec, done))
				}
				b.must(nil, p.Flush(b.ctx))
				b.must(nil, p.Put(b.ctx, record(30), r.done))
				b.must(nil, p.Close(b.ctx))
				b.check(r, 31)
				if n := strings.Count(log.String(), "of the caller"); name == "panic" && n != 10 {
					b.Errorf("%d of 10 panics are logged", n)
				}
			})
		})
	}
}

// TestPutInDone: TryPut may be called in done.
func TestPutInDone(t *testing.T) {
	inBubble(t, 1, func(b *bench) {
		p := b.producer()
		r := &results{}
		b.must(nil, p.Put(b.ctx, record(0), func(rec producer.Record, res producer.Result) {
			r.done(rec, res)
			b.must(nil, p.TryPut(record(1), r.done))
		}))
		b.must(nil, p.Flush(b.ctx))
		synctest.Wait()
		b.must(nil, p.Close(b.ctx))
		b.check(r, 2)
	})
}

// TestCloseTellsWhy: what Close had no time for says what the service has answered, also where the request under way was
// ended, and of records that were not tried yet.
func TestCloseTellsWhy(t *testing.T) {
	inBubble(t, 1, func(b *bench) {
		n := 0
		b.fault = func(_ int, r kinesisfake.Request) (f kinesisfake.Fault) {
			if r.Operation != "PutRecords" {
				return f
			}
			if n++; n > 3 {
				return kinesisfake.Fault{Delay: time.Hour} // under way when Close gives up
			}
			f.FailEntries = map[int]string{0: "InternalFailure"}
			return f
		}
		p := b.producer(producer.WithAggregation(producer.AggregateNever))
		r := &results{}
		b.must(nil, p.Put(b.ctx, record(0), r.done))
		time.Sleep(5 * time.Second)
		b.must(nil, p.Put(b.ctx, record(1), r.done))
		ctx, cancel := context.WithTimeout(b.ctx, 10*time.Millisecond) // less than the linger
		defer cancel()
		if p.Close(ctx) == nil {
			b.Error("Close had time")
		}
		for data, all := range r.by {
			err := all[0].Err
			var api smithy.APIError
			if !errors.Is(err, producer.ErrClosed) || !errors.As(err, &api) || api.ErrorCode() != "InternalFailure" {
				b.Errorf("%s: %v", data, err)
			}
		}
		if len(r.by) != 2 {
			b.Errorf("%d results", len(r.by))
		}
	})
}
