package producer_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/kplkit/kplkit/deagg/hashkey"
	"github.com/kplkit/kplkit/producer"
)

// TestTrickle: however many shards a trickle goes to, lanes that are due soon travel with the one that is due. No record
// waits longer than the linger time for its first request.
func TestTrickle(t *testing.T) {
	const every, seconds, linger = 5 * time.Millisecond, 10, 100 * time.Millisecond
	for _, shards := range []int{1, 10, 1000} {
		t.Run(fmt.Sprint(shards), func(t *testing.T) {
			inBubble(t, shards, func(b *bench) {
				b.fault = slowPuts(linger / 5)
				sends := &sendTimes{}
				p := b.producer(producer.WithLinger(linger), sends.option())
				b.must(nil, p.Flush(b.ctx)) // the shards are listed
				r := &results{}
				for i := range int(seconds * time.Second / every) {
					b.must(nil, p.Put(b.ctx, record(i), r.done))
					time.Sleep(every)
				}
				b.must(nil, p.Close(b.ctx))
				for data, all := range r.by {
					for try := range all[0].Tries() {
						if all[0].Err != nil || try.Delay > linger {
							b.Errorf("record %s waited for %v: %v", data, try.Delay, all[0].Err)
						}
						break
					}
				}
				if most := sends.mostWithin(time.Second); most > 20 || b.count("PutRecords") > 20*seconds {
					b.Errorf("%d requests, up to %d in a second", b.count("PutRecords"), most)
				}
				b.Logf("%d shards: %d requests for %d records", shards, b.count("PutRecords"), len(r.order))
			})
		})
	}
}

// sendTimes are when requests began.
type sendTimes struct {
	mu    sync.Mutex
	times []time.Time
}

func (s *sendTimes) option() producer.Option {
	return producer.WithTrace(producer.Trace{Attempt: func(a producer.Attempt) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.times = append(s.times, time.Now().Add(-a.Latency))
	}})
}

// mostWithin returns how many there are at most in so long a time.
func (s *sendTimes) mostWithin(d time.Duration) (most int) {
	for i, at := range s.times {
		n := 0
		for _, other := range s.times[i:] {
			if other.Sub(at) < d {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// TestLateHasNoCompany: a lane that is late, since its shard has had all that it takes for now, goes as soon as it may. It
// does not cut off what is being filled for others.
func TestLateHasNoCompany(t *testing.T) {
	const linger, length = 100 * time.Millisecond, 5 * time.Second
	inBubble(t, 2, func(b *bench) {
		p := b.producer(producer.WithLinger(linger))
		b.must(nil, p.Flush(b.ctx)) // the shards are listed
		ctx, cancel := context.WithTimeout(b.ctx, length)
		defer cancel()
		put := func(shard, size int) error {
			key := hashkey.Whole().Split(2)[shard].Start().String()
			return p.Put(ctx, producer.Record{PartitionKey: "k", ExplicitHashKey: key, Data: make([]byte, size)}, nil)
		}
		go func() { // as much as the first shard takes, and more
			for put(0, 10_000) == nil {
			}
		}()
		for put(1, 10) == nil {
			time.Sleep(linger / 20)
		}
		b.must(nil, p.Close(b.ctx))
		stored := len(b.server.Records("s")["shardId-000000000001"])
		if most := int(length/linger) + 1; stored > most {
			b.Errorf("%d stored records, want %d at most, one for each linger time", stored, most)
		}
		b.Logf("%d stored records, %d requests", stored, b.count("PutRecords"))
	})
}
