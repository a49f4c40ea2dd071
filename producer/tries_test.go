package producer_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/producer"
)

// TestTries: a result says of each request that its record was part of when it began, how long it took and why it failed.
func TestTries(t *testing.T) {
	inBubble(t, 1, func(b *bench) {
		b.fault = func(n int, r kinesisfake.Request) kinesisfake.Fault {
			switch {
			case r.Operation != "PutRecords":
				return kinesisfake.Fault{}
			case n == 1:
				return kinesisfake.Fault{Delay: 30 * time.Millisecond, ErrorCode: "InternalFailure"}
			case n == 2:
				return kinesisfake.Fault{Delay: 20 * time.Millisecond, FailEntries: map[int]string{0: "ProvisionedThroughputExceededException"}}
			}
			return kinesisfake.Fault{Delay: 10 * time.Millisecond}
		}
		p := b.producer()
		began := time.Now()
		r := b.put(p, 0, 10) // one aggregate
		b.must(nil, p.Flush(b.ctx))
		took := time.Since(began)
		b.must(nil, p.Close(b.ctx))
		for i := range 10 {
			res := r.by[fmt.Sprint(i)][0]
			tries := slices.Collect(res.Tries())
			if len(tries) != 3 || res.Attempts != 3 {
				t.Fatalf("%d tries, %d attempts, want 3", len(tries), res.Attempts)
			}
			var spent time.Duration
			for j, want := range []time.Duration{30 * time.Millisecond, 20 * time.Millisecond, 10 * time.Millisecond} {
				if x := tries[j]; x.Took != want || x.Delay < 0 || (x.Err == nil) != (j == 2) {
					t.Errorf("try %d: %+v", j, x)
				}
				spent += tries[j].Delay + tries[j].Took
			}
			if spent > took || took-spent > 5*time.Millisecond || tries[1].Delay < 50*time.Millisecond {
				t.Errorf("%v of %v: %+v", spent, took, tries)
			}
		}
	})
}

// TestTriesOfAStray: an aggregate that is stored where it does not belong is a try that failed.
func TestTriesOfAStray(t *testing.T) {
	inBubble(t, 1, func(b *bench) {
		p := b.producer()
		b.must(p.PutSync(b.ctx, record(1000))) // the shards are listed
		b.split(0)
		r := b.put(p, 0, 20)
		b.must(nil, p.Close(b.ctx))
		strays := 0
		for _, res := range r.by {
			tries := slices.Collect(res[0].Tries())
			if errors.Is(tries[0].Err, producer.ErrWrongShard) {
				strays++
			}
			if last := tries[len(tries)-1]; last.Err != nil || res[0].Err != nil || len(tries) != res[0].Attempts {
				t.Errorf("%+v: %+v", res[0], tries)
			}
		}
		if strays != 20 {
			t.Errorf("%d of 20 records say that they were in the wrong shard first", strays)
		}
	})
}

// TestWithoutRetryIfThrottled: what is throttled fails at once, everything else is tried again.
func TestWithoutRetryIfThrottled(t *testing.T) {
	inBubble(t, 1, func(b *bench) {
		b.fault = func(n int, r kinesisfake.Request) kinesisfake.Fault {
			switch {
			case r.Operation != "PutRecords" || n > 3:
				return kinesisfake.Fault{}
			case n == 1:
				return kinesisfake.Fault{FailEntries: map[int]string{0: "ProvisionedThroughputExceededException"}}
			}
			return kinesisfake.Fault{FailEntries: map[int]string{0: "InternalFailure"}}
		}
		p := b.producer(producer.WithoutRetryIfThrottled())
		if res, err := p.PutSync(b.ctx, record(0)); !errors.Is(err, producer.ErrThrottled) || res[0].Attempts != 1 {
			t.Errorf("%+v", res)
		}
		if res, err := p.PutSync(b.ctx, record(1)); err != nil || res[0].Attempts != 3 {
			t.Errorf("%+v", res)
		}
		b.must(nil, p.Close(b.ctx))
	})
}

// TestWithAnyLoad: TryPut takes more for a shard than its rates store in time, up to the buffer; without the option it
// does not.
func TestWithAnyLoad(t *testing.T) {
	taken := func(opts ...producer.Option) (n int) {
		inBubble(t, 1, func(b *bench) {
			p := b.producer(append(opts, producer.WithTimeToLive(4*time.Second))...)
			defer p.Close(b.ctx)
			for ; n < 20; n++ {
				if p.TryPut(producer.Record{PartitionKey: "k", Data: make([]byte, 900<<10)}, nil) != nil {
					return
				}
			}
		})
		return n
	}
	if n := taken(); n >= 4 {
		t.Errorf("%d records of 900 KiB are taken for 2 seconds", n)
	}
	if n := taken(producer.WithAnyLoad()); n != 20 {
		t.Errorf("with any load %d are taken, want 20", n)
	}
}
