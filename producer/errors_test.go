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
	"github.com/kplkit/kplkit/producer/aggregator"
)

// told checks an error: of which kinds it is, and that its text starts with the package, names stream and record once, and
// has the texts.
func (b *bench) told(name string, err error, kinds []error, texts ...string) {
	b.Helper()
	for _, kind := range kinds {
		if !errors.Is(err, kind) {
			b.Errorf("%s: %v: is no %q", name, err, kind)
		}
	}
	if err == nil || !strings.HasPrefix(err.Error(), `producer: stream "s"`) || strings.Count(err.Error(), "producer: ")+strings.Count(err.Error(), "aggregator:") != 1 {
		b.Errorf("%s: %v", name, err)
		return
	}
	for _, text := range texts {
		if strings.Count(err.Error(), text) != 1 {
			b.Errorf("%s: %v\nhas not %q once", name, err, text)
		}
	}
}

// TestPutErrors: an error of Put says which record is not taken, why, what Put waited for, and what to do.
func TestPutErrors(t *testing.T) {
	inBubble(t, 1, func(b *bench) {
		p := b.producer(producer.WithMaxBuffered(2 * mebibyte))
		b.must(p.PutSync(b.ctx, record(0)))
		b.fault = slowPuts(3 * time.Second)
		put := func(r producer.Record) error { return p.Put(b.ctx, r, nil) }
		b.told("too large", put(producer.Record{PartitionKey: "k", Data: make([]byte, mebibyte)}), []error{producer.ErrTooLarge},
			`record "k" of 1048576 bytes: record is too large: 1048577 bytes of data and partition key`, "split it, or raise the limit of the stream")
		b.told("no key", put(producer.Record{Data: []byte("12")}), []error{aggregator.ErrPartitionKey}, `record "" of 2 bytes: partition key must be`)
		b.told("long key", put(producer.Record{PartitionKey: strings.Repeat("k", 257)}), []error{aggregator.ErrPartitionKey}, `"`+strings.Repeat("k", 50)+`" of 0 bytes`, "it has 257")
		b.told("hash key", put(producer.Record{PartitionKey: "k", ExplicitHashKey: "-1"}), []error{aggregator.ErrExplicitHashKey}, `record "k" of 0 bytes: explicit hash key must`, `it is "-1"`)

		half := producer.Record{PartitionKey: "k", Data: make([]byte, mebibyte-2000)}
		b.must(nil, put(half))
		b.must(nil, put(half))
		b.told("full", p.TryPut(half, nil), []error{producer.ErrWouldBlock}, `record "k" of 1046576 bytes: the buffer is full: it holds 2093666 of 2097152 bytes`, "use Put, which waits")
		ctx, cancel := context.WithTimeout(b.ctx, time.Second)
		defer cancel()
		b.told("no room", p.Put(ctx, half, nil), []error{context.DeadlineExceeded}, `record "k" of 1046576 bytes: Put waited for room in the buffer: it holds 2093666 of 2097152 bytes: context deadline`)
		b.told("Flush", p.Flush(ctx), []error{context.DeadlineExceeded}, "Flush waited for the results of what was put before")
		b.told("Close", p.Close(ctx), []error{context.DeadlineExceeded}, "closed with 2 records not sent")
		b.told("late", put(half), []error{producer.ErrClosed}, `record "k"`, "make another one with New")
		b.told("late Flush", p.Flush(b.ctx), []error{producer.ErrClosed})
	})
}

// TestUnknownStreamErrors: that the stream does not say what it takes is what a large record waits for.
func TestUnknownStreamErrors(t *testing.T) {
	inBubble(t, 1, func(b *bench) {
		b.fault = func(int, kinesisfake.Request) kinesisfake.Fault { return kinesisfake.Fault{Delay: time.Minute} }
		p := b.producer(producer.WithLogger(slog.New(slog.DiscardHandler)))
		ctx, cancel := context.WithTimeout(b.ctx, time.Second)
		defer cancel()
		large := producer.Record{PartitionKey: "k", Data: make([]byte, 2*mebibyte)}
		b.told("TryPut", p.TryPut(large, nil), []error{producer.ErrWouldBlock}, `record "k" of 2097152 bytes`, "the stream is not known yet")
		b.told("Put", p.Put(ctx, large, nil), []error{context.DeadlineExceeded}, `record "k" of 2097152 bytes`, "Put waited for an answer to DescribeStreamSummary")
		b.must(nil, p.Close(b.ctx))
	})
}

// TestResultErrors: an error in a result says for which shard the record was, what the service said, and what to do.
func TestResultErrors(t *testing.T) {
	for code, c := range map[string]struct {
		opts      []producer.Option
		kinds     []error
		permanent bool
		text      string
	}{
		"AccessDeniedException":                  {kinds: []error{producer.ErrRefused}, permanent: true, text: "the service refuses all records of the stream"},
		"ValidationException":                    {kinds: []error{producer.ErrRefused}, text: "the service refuses it, now and always so"},
		"ProvisionedThroughputExceededException": {opts: []producer.Option{producer.WithoutRetryIfThrottled()}, kinds: []error{producer.ErrThrottled}, text: "slow down"},
		"InternalFailure":                        {kinds: []error{producer.ErrExpired}, text: "put it again if twice is better than never"},
	} {
		inBubble(t, 1, func(b *bench) {
			p := b.producer(c.opts...)
			b.must(p.PutSync(b.ctx, record(0)))
			b.fault = func(_ int, r kinesisfake.Request) (f kinesisfake.Fault) {
				if r.Operation == "PutRecords" {
					f.FailEntries = map[int]string{0: code}
				}
				return f
			}
			res, err := p.PutSync(b.ctx, producer.Record{PartitionKey: "k", Data: []byte("123")})
			b.told(code, err, c.kinds, `stream "s", shardId-000000000000: record "k" of 3 bytes: `, code+": ", c.text)
			var refused *producer.RefusedError
			if errors.As(res[0].Err, &refused) != errors.Is(err, producer.ErrRefused) || refused != nil && (refused.Code != code || refused.Permanent != c.permanent) {
				b.Errorf("%s: %+v", code, refused)
			}
			b.fault = slowPuts(time.Hour)
			ctx, cancel := context.WithTimeout(b.ctx, time.Second)
			defer cancel()
			b.must(nil, p.Put(b.ctx, record(1), func(_ producer.Record, res producer.Result) {
				b.told("given up", res.Err, []error{producer.ErrClosed}, "shardId-000000000000: record", "give Close more time")
			}))
			time.Sleep(time.Second)
			if p.Close(ctx) == nil {
				b.Error("Close had time")
			}
		})
	}
}
