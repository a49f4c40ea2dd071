package producer_test

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/smithy-go"

	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/producer"
	"github.com/kplkit/kplkit/producer/aggregator"
)

const mebibyte = 1 << 20

// TestBadRecords: what no stream takes is refused at once, with the limit and the kind of error.
func TestBadRecords(t *testing.T) {
	const most = "340282366920938463463374607431768211455"
	for name, c := range map[string]struct {
		key, explicit string
		size          int
		kind          error
		limit         string
	}{
		"no key":                      {kind: aggregator.ErrPartitionKey, limit: "it is empty"},
		"257 characters":              {key: strings.Repeat("é", 257), kind: aggregator.ErrPartitionKey, limit: "1 to 256 Unicode characters in valid UTF-8: it has 257"},
		"no UTF-8":                    {key: "\xff", kind: aggregator.ErrPartitionKey, limit: "not UTF-8"},
		"2^128":                       {key: "k", explicit: most[:len(most)-1] + "6", kind: aggregator.ErrExplicitHashKey, limit: "0 to 2^128-1"},
		"negative":                    {key: "k", explicit: "-1", kind: aggregator.ErrExplicitHashKey, limit: "0 to 2^128-1"},
		"leading zero":                {key: "k", explicit: "01", kind: aggregator.ErrExplicitHashKey, limit: "without leading zeros"},
		"no number":                   {key: "k", explicit: "undefined", kind: aggregator.ErrExplicitHashKey, limit: `"undefined"`},
		"a byte too many":             {key: "k", size: mebibyte, kind: producer.ErrTooLarge, limit: "1048577 bytes of data and partition key, the stream takes 1048576"},
		"256 characters of 4 bytes":   {key: strings.Repeat("😀", 256)},
		"the largest hash key":        {key: "k", explicit: most},
		"the smallest hash key":       {key: "k", explicit: "0"},
		"as large as a record can be": {key: "k", size: mebibyte - 1},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(b *bench) {
				p := b.producer()
				defer p.Close(b.ctx)
				r := producer.Record{PartitionKey: c.key, ExplicitHashKey: c.explicit, Data: make([]byte, c.size)}
				_, sync := p.PutSync(b.ctx, r)
				for put, err := range map[string]error{"Put": p.Put(b.ctx, r, nil), "TryPut": p.TryPut(r, nil), "PutSync": sync} {
					if !errors.Is(err, c.kind) || c.kind != nil && !strings.Contains(err.Error(), c.limit) {
						b.Errorf("%s: %v", put, err)
					}
				}
				b.must(nil, p.Flush(b.ctx))
				if n := b.count("PutRecords"); c.kind != nil && n > 0 {
					b.Errorf("%d requests", n)
				}
			})
		})
	}
}

// TestLargeRecords: the stream says how large they may be, the buffer how large it can hold.
func TestLargeRecords(t *testing.T) {
	inBubble(t, 1, func(b *bench) {
		b.must(b.client.UpdateMaxRecordSize(b.ctx, &kinesis.UpdateMaxRecordSizeInput{StreamARN: aws.String(streamARN), MaxRecordSizeInKiB: aws.Int32(10240)}))
		large := func(n int) producer.Record { return producer.Record{PartitionKey: "k", Data: make([]byte, n-1)} }
		b.fault = func(_ int, r kinesisfake.Request) (f kinesisfake.Fault) {
			if r.Operation == "ListShards" {
				f.Delay = time.Second // the record must wait until the loop knows the stream
			}
			return f
		}
		p := b.producer(producer.WithMaxBuffered(20 * mebibyte))
		if _, err := p.PutSync(b.ctx, large(10*mebibyte)); err != nil {
			b.Error(err)
		}
		if err := p.Put(b.ctx, large(10*mebibyte+1), nil); !errors.Is(err, producer.ErrTooLarge) || !strings.Contains(err.Error(), "takes 10485760") {
			b.Errorf("a byte more: %v", err)
		}
		b.must(nil, p.Close(b.ctx))
		p = b.producer(producer.WithMaxBuffered(2 * mebibyte))
		if err := p.Put(b.ctx, large(2*mebibyte), nil); !errors.Is(err, producer.ErrTooLarge) || !strings.Contains(err.Error(), "a buffer of 2097152") {
			b.Errorf("more than the buffer: %v", err)
		}
		b.must(nil, p.Close(b.ctx))
	})
}

// TestRefusedStream: that there is no such stream, or no permission, is the first result; it is not tried for ever.
func TestRefusedStream(t *testing.T) {
	for code, shards := range map[string]int{"ResourceNotFoundException": 0, "AccessDeniedException": 1} {
		t.Run(code, func(t *testing.T) {
			inBubble(t, shards, func(b *bench) {
				b.fault = func(n int, r kinesisfake.Request) (f kinesisfake.Fault) {
					if shards > 0 {
						f.ErrorCode = code
					}
					return f
				}
				begin, p := time.Now(), b.producer(producer.WithLogger(slog.New(slog.DiscardHandler)))
				res, err := p.PutSync(b.ctx, record(1))
				var refused *producer.RefusedError
				var api smithy.APIError
				if !errors.As(err, &refused) || !refused.Permanent || refused.Code != code || !errors.Is(err, producer.ErrRefused) ||
					!errors.As(refused, &api) || api.ErrorCode() != code {
					b.Errorf("%v", err)
				}
				if d := time.Since(begin); d > 200*time.Millisecond || res[0].Attempts != 1 || b.count("PutRecords") != 1 {
					b.Errorf("after %v, %d attempts, %d requests", d, res[0].Attempts, b.count("PutRecords"))
				}
				b.must(nil, p.Close(b.ctx))
			})
		})
	}
}

// TestUnknownStream: a record that only some streams take waits until the stream is known.
func TestUnknownStream(t *testing.T) {
	inBubble(t, 1, func(b *bench) {
		b.fault = func(n int, r kinesisfake.Request) kinesisfake.Fault {
			return kinesisfake.Fault{Delay: time.Second, ErrorCode: "LimitExceededException"}
		}
		p := b.producer()
		r := producer.Record{Data: []byte("keyless")}
		if err := p.TryPut(r, nil); !errors.Is(err, producer.ErrWouldBlock) {
			b.Errorf("TryPut: %v", err)
		}
		ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
		defer cancel()
		if err := p.Put(ctx, r, nil); !errors.Is(err, context.DeadlineExceeded) {
			b.Errorf("Put: %v", err)
		}
		go func() { time.Sleep(time.Second); p.Close(b.ctx) }()
		if err := p.Put(b.ctx, r, nil); !errors.Is(err, producer.ErrClosed) {
			b.Errorf("Put while it closes: %v", err)
		}
		b.must(nil, p.Close(b.ctx))
		if err := p.TryPut(r, nil); !errors.Is(err, producer.ErrClosed) {
			b.Errorf("TryPut after Close: %v", err)
		}
	})
}

// TestBadOptions: each bad option is named, with its limit.
func TestBadOptions(t *testing.T) {
	bad := map[string]producer.Option{
		"WithAggregation: 3":               producer.WithAggregation(3),
		"WithMaxAggregate bytes: 63":       producer.WithMaxAggregate(63, 1),
		"WithMaxAggregate bytes: 10485761": producer.WithMaxAggregate(10*mebibyte+1, 1),
		"WithMaxAggregate userRecords: 0":  producer.WithMaxAggregate(64, 0),
		"WithMaxBatch bytes: 0":            producer.WithMaxBatch(0, 1),
		"WithMaxBatch bytes: 10485761":     producer.WithMaxBatch(10*mebibyte+1, 1),
		"WithMaxBatch storedRecords: 0":    producer.WithMaxBatch(1, 0),
		"WithMaxBatch storedRecords: 501":  producer.WithMaxBatch(1, 501),
		"WithLinger: -1ns":                 producer.WithLinger(-1),
		"WithTimeToLive: 100ms":            producer.WithTimeToLive(100 * time.Millisecond),
		"WithRequestTimeout: 9ms":          producer.WithRequestTimeout(9 * time.Millisecond),
		"WithRateLimit: -1":                producer.WithRateLimit(-1),
		"WithRateLimit: 1001":              producer.WithRateLimit(1001),
		"WithRateLimit: NaN":               producer.WithRateLimit(math.NaN()),
		"WithMaxBuffered: 2097151":         producer.WithMaxBuffered(2*mebibyte - 1),
		"WithMaxInFlight: 0":               producer.WithMaxInFlight(0),
		"WithMaxInFlight: 10001":           producer.WithMaxInFlight(10_001),
		"WithRefresh: 999ms":               producer.WithRefresh(999 * time.Millisecond),
		"WithLogger: <nil>":                producer.WithLogger(nil),
		`stream: ""`:                       nil,
	}
	for text, option := range bad {
		stream, opts := "s", []producer.Option{option}
		if option == nil {
			stream, opts = "", nil
		}
		p, err := producer.New(kinesis.New(kinesis.Options{}), stream, opts...)
		if p != nil || err == nil || !strings.Contains(err.Error(), text+", want ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := producer.New(kinesis.New(kinesis.Options{}), "s", producer.WithLinger(1), nil); err == nil || !strings.Contains(err.Error(), "option 2 of 2: nil, want an Option") {
		t.Errorf("a nil option: %v", err)
	}
	_, err := producer.New(kinesis.New(kinesis.Options{}), "", producer.WithLinger(-1), nil, producer.WithMaxInFlight(0), producer.WithLogger(nil), nil)
	for _, text := range []string{"stream", "WithLinger", "WithMaxInFlight", "WithLogger", "option 2 of 5", "option 5 of 5"} {
		if err == nil || !strings.Contains(err.Error(), text+": ") {
			t.Errorf("%s is not named: %v", text, err)
		}
	}
}

// isPermanent tells whether any record would get an error.
func isPermanent(err error) bool {
	var refused *producer.RefusedError
	return errors.As(err, &refused) && refused.Permanent
}
