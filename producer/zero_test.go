package producer_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/producer"
)

// TestZeroProducer: each method of the zero value says what to do, at once.
func TestZeroProducer(t *testing.T) {
	var p producer.Producer
	never := func(producer.Record, producer.Result) { t.Error("done is called") }
	_, none := p.PutSync(t.Context())
	_, two := p.PutSync(t.Context(), record(1), record(2))
	for method, err := range map[string]error{
		"Put": p.Put(t.Context(), record(1), never), "TryPut": p.TryPut(record(1), never), "PutSync of none": none, "PutSync": two,
		"Flush": p.Flush(t.Context()), "Close": p.Close(t.Context()),
	} {
		if err == nil || !strings.Contains(err.Error(), "New makes one") || errors.Is(err, producer.ErrClosed) {
			t.Errorf("%s: %v", method, err)
		}
	}
}

// TestPutDone: with a context that is done Put takes nothing, as PutSync, though there is room.
func TestPutDone(t *testing.T) {
	inBubble(t, 1, func(b *bench) {
		p := b.producer()
		b.must(p.PutSync(b.ctx, record(0)))
		before := b.count("PutRecords")
		cancelled, cancel := context.WithCancelCause(b.ctx)
		cancel(errors.New("the cause"))
		late, stop := context.WithTimeout(b.ctx, -1)
		defer stop()
		for ctx, want := range map[context.Context]error{cancelled: context.Canceled, late: context.DeadlineExceeded} {
			err := p.Put(ctx, record(1), func(producer.Record, producer.Result) { b.Error("done is called") })
			results, sync := p.PutSync(ctx, record(1))
			for _, err := range []error{err, sync, results[0].Err} {
				b.told("done", err, []error{want}, "not put, since the context was done before")
			}
		}
		b.must(nil, p.Close(b.ctx))
		if n := b.count("PutRecords") - before; n != 0 {
			b.Errorf("%d requests", n)
		}
	})
}

// TestTracePanics: a panic in a Trace is logged, and harms nobody.
func TestTracePanics(t *testing.T) {
	inBubble(t, 1, func(b *bench) {
		var log strings.Builder
		b.fault = func(n int, r kinesisfake.Request) (f kinesisfake.Fault) {
			if r.Operation == "PutRecords" && n == 1 {
				f.ErrorCode = "InternalFailure"
			}
			return f
		}
		p := b.producer(producer.WithLogger(slog.New(slog.NewTextHandler(&log, nil))), producer.WithTrace(producer.Trace{
			Attempt: func(producer.Attempt) { panic("of the caller") },
			Retry:   func(producer.Reason, int) { panic("of the caller") },
		}))
		began := time.Now()
		results, err := p.PutSync(b.ctx, record(1))
		if b.must(nil, err); results[0].Attempts != 2 || time.Since(began) > time.Second {
			b.Errorf("%+v after %v", results[0], time.Since(began))
		}
		b.must(nil, p.Close(b.ctx))
		if a, r := strings.Count(log.String(), "panic in Trace.Attempt"), strings.Count(log.String(), "panic in Trace.Retry"); a != 2 || r != 1 {
			b.Errorf("%d and %d panics are logged: %s", a, r, log.String())
		}
	})
}

// TestWithTries: a result has the tries that it is given.
func TestWithTries(t *testing.T) {
	want := []producer.Try{{Delay: 3 * time.Second, Took: time.Second, Err: producer.ErrThrottled}, {Took: time.Minute}, {Delay: 1}}
	r := producer.Result{ShardID: "a", Attempts: 7}.WithTries(want...)
	i := 0
	for try := range r.Tries() {
		if try != want[i] {
			t.Errorf("%d: %+v", i, try)
		}
		i++
	}
	if r.ShardID != "a" || r.Attempts != 3 || i != 3 {
		t.Errorf("%+v, %d tries", r, i)
	}
	for range r.WithTries().Tries() {
		t.Error("a try of none")
	}
}
