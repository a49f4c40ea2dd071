package producer_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/producer"
)

// observed is what a Trace was told.
type observed struct {
	mu       sync.Mutex
	attempts []producer.Attempt
	retries  map[producer.Reason]int
}

func (o *observed) trace() producer.Option {
	return producer.WithTrace(producer.Trace{Attempt: o.attempt, Retry: o.retry})
}

func (o *observed) attempt(a producer.Attempt) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.attempts = append(o.attempts, a)
}

func (o *observed) retry(why producer.Reason, userRecords int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.retries == nil {
		o.retries = map[producer.Reason]int{}
	}
	o.retries[why] += userRecords
}

// TestReasons: what fails once is sent again, and why is told.
func TestReasons(t *testing.T) {
	request := func(code string) kinesisfake.Fault { return kinesisfake.Fault{ErrorCode: code} }
	entry := func(code string) kinesisfake.Fault { return kinesisfake.Fault{FailEntries: map[int]string{0: code}} }
	for name, c := range map[string]struct {
		fault  kinesisfake.Fault
		why    producer.Reason
		failed bool // the whole request
		stored int  // how often
	}{
		"request throttled":     {fault: request("ProvisionedThroughputExceededException"), why: producer.Throttled, failed: true},
		"too many requests":     {fault: request("LimitExceededException"), why: producer.Throttled, failed: true},
		"entry throttled":       {fault: entry("ProvisionedThroughputExceededException"), why: producer.Throttled},
		"key service throttled": {fault: entry("KMSThrottlingException"), why: producer.Throttled},
		"entry failed":          {fault: entry("InternalFailure"), why: producer.Internal},
		"request failed":        {fault: request("InternalFailure"), why: producer.Internal, failed: true},
		"unknown error":         {fault: request("SomethingNew"), why: producer.Internal, failed: true},
		"expired credentials":   {fault: request("ExpiredTokenException"), why: producer.Credentials, failed: true},
		"clock is wrong":        {fault: request("RequestExpired"), why: producer.Credentials, failed: true},
		"no answer":             {fault: kinesisfake.Fault{Delay: time.Minute}, why: producer.Timeout, failed: true},
		"request lost":          {fault: kinesisfake.Fault{Drop: true}, why: producer.Network, failed: true},
		"answer lost":           {fault: kinesisfake.Fault{LoseResponse: true}, why: producer.Network, failed: true, stored: 2},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(b *bench) {
				b.fault = func(n int, r kinesisfake.Request) (f kinesisfake.Fault) {
					if r.Operation == "PutRecords" && n == 1 {
						f = c.fault
					}
					return f
				}
				o := &observed{}
				p := b.producer(o.trace())
				r := b.put(p, 0, 10)
				b.must(nil, p.Close(b.ctx))
				b.check(r, 10)
				if r.by["0"][0].Attempts != 2 || !maps.Equal(o.retries, map[producer.Reason]int{c.why: 10}) {
					b.Errorf("result %+v, retries %v", r.by["0"][0], o.retries)
				}
				if len(o.attempts) != 2 {
					b.Fatalf("%d attempts", len(o.attempts))
				}
				first, second := o.attempts[0], o.attempts[1]
				if first.StoredRecords != 1 || first.UserRecords != 10 || first.Failed != 1 || (first.Err != nil) != c.failed || second.Failed != 0 || second.Err != nil {
					b.Errorf("attempts %+v", o.attempts)
				}
				if got := b.read(deagg.KCL); len(got) != 10*max(1, c.stored) {
					b.Errorf("%d records are read", len(got))
				}
			})
		})
	}
}

// TestExpired: what is refused until it is too old fails with the reason.
func TestExpired(t *testing.T) {
	inBubble(t, 1, func(b *bench) {
		b.fault = func(n int, r kinesisfake.Request) kinesisfake.Fault {
			return kinesisfake.Fault{ErrorCode: "ExpiredTokenException"}
		}
		o := &observed{}
		p := b.producer(producer.WithTimeToLive(10*time.Second), o.trace())
		begin := time.Now()
		res, err := p.PutSync(b.ctx, record(1))
		var api smithy.APIError
		if !errors.Is(err, producer.ErrExpired) || !errors.As(err, &api) || api.ErrorCode() != "ExpiredTokenException" {
			b.Errorf("%v", err)
		}
		// 50 to 100 ms after the first attempt, then up to twice as long each time, up to 2 s.
		if d := time.Since(begin); d < 10*time.Second || d > 12*time.Second || res[0].Attempts < 8 || res[0].Attempts > 20 {
			b.Errorf("%d attempts in %v", res[0].Attempts, d)
		}
		if want := fmt.Sprintf("attempts: %d in %v, the first after 100ms in the buffer; the last one: ", res[0].Attempts, time.Since(begin).Round(time.Millisecond)); !strings.Contains(err.Error(), want) {
			b.Errorf("%v\nlacks %q", err, want)
		}
		if n := o.retries[producer.Credentials]; n != res[0].Attempts-1 && n != res[0].Attempts { // the last pause may last too long
			b.Errorf("retries %v", o.retries)
		}
		b.must(nil, p.Close(b.ctx))
	})
}

// TestIsolated: one record that the stream refuses does not take others with it.
func TestIsolated(t *testing.T) {
	inBubble(t, 2, func(b *bench) {
		b.fault = func(n int, r kinesisfake.Request) (f kinesisfake.Fault) {
			if r.Operation == "PutRecords" && strings.Contains(string(r.Body()), `"PartitionKey":"key-7"`) {
				f.ErrorCode = "ValidationException"
			}
			return f
		}
		o := &observed{}
		p := b.producer(producer.WithAggregation(producer.AggregateNever), o.trace())
		r := b.put(p, 0, 10)
		b.must(nil, p.Close(b.ctx))
		if res := r.by["7"][0]; !errors.Is(res.Err, producer.ErrRefused) || isPermanent(res.Err) || res.Attempts != 2 {
			b.Errorf("record 7: %+v", res)
		}
		delete(r.by, "7")
		b.check(r, 9)
		if n := o.retries[producer.Isolated]; n != 10 {
			b.Errorf("%d records were sent again", n)
		}
	})
}

// TestStrictOrder: records of a key are stored in the order of their Puts, whatever is sent again; without the option
// they are not.
func TestStrictOrder(t *testing.T) {
	for _, strict := range []bool{true, false} {
		t.Run(fmt.Sprint(strict), func(t *testing.T) {
			inBubble(t, 2, func(b *bench) {
				b.fault = func(n int, r kinesisfake.Request) (f kinesisfake.Fault) {
					if r.Operation == "PutRecords" && n%3 != 0 {
						f.FailEntries = map[int]string{0: "InternalFailure"}
					}
					return f
				}
				opts := []producer.Option{producer.WithMaxAggregate(51200, 5)}
				if strict {
					opts = append(opts, producer.WithStrictOrder())
				}
				p := b.producer(opts...)
				r := &results{}
				for i := range 200 {
					b.must(nil, p.Put(b.ctx, producer.Record{PartitionKey: fmt.Sprint("key-", i%2), Data: fmt.Appendf(nil, "%03d", i)}, r.done))
				}
				b.must(nil, p.Close(b.ctx))
				b.check(r, 200)
				inOrder := true
				for _, records := range b.server.Records("s") {
					read := map[string][]string{}
					for u := range new(deagg.Decoder).UserRecords(storedRecords(records)...) {
						read[u.PartitionKey] = append(read[u.PartitionKey], string(u.Data))
					}
					for _, data := range read {
						inOrder = inOrder && slices.IsSorted(data)
					}
				}
				if inOrder != strict {
					b.Errorf("in order: %v", inOrder)
				}
			})
		})
	}
}

// TestExpiryTellsItsOwn: of records in one request each one's result wraps the error of its own last attempt.
func TestExpiryTellsItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		codes := map[string]string{"a": "InternalFailure", "b": "ProvisionedThroughputExceededException"}
		p, err := producer.New(&oddAPI{put: func(_ context.Context, in *kinesis.PutRecordsInput) (*kinesis.PutRecordsOutput, error) {
			out := &kinesis.PutRecordsOutput{}
			for _, r := range in.Records {
				out.Records = append(out.Records, types.PutRecordsResultEntry{ErrorCode: aws.String(codes[*r.PartitionKey])})
			}
			return out, nil
		}}, "s", producer.WithAggregation(producer.AggregateNever), producer.WithTimeToLive(3*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		for key := range codes {
			err := p.Put(t.Context(), producer.Record{PartitionKey: key}, func(r producer.Record, res producer.Result) {
				if api := smithy.APIError(nil); !errors.As(res.Err, &api) || api.ErrorCode() != codes[r.PartitionKey] {
					t.Errorf("%s: %v", r.PartitionKey, res.Err)
				}
			})
			if err != nil {
				t.Error(err)
			}
		}
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
