package producer

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/kplkit/kplkit/deagg/hashkey"
)

// wait lets a record wait, as enter does.
func (g *gate) wait(key string, size int) *waiter {
	e := &pending{Record: Record{PartitionKey: key, Data: make([]byte, size)}, key: hashkey.Of(key)}
	g.lockPlaced()
	defer g.mu.Unlock()
	g.tickets++
	w := &waiter{e, g.tickets, make(chan error, 1)}
	g.enqueue(w)
	g.admit()
	return w
}

// TestWaitersInTurn: whatever leaves, gives up or moves, of the records whose lane has room the first come gets in, and none waits for
// room that there is.
func TestWaitersInTurn(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 5))
		g := newGate(1<<20, time.Duration(300+r.IntN(3000))*time.Millisecond, 1+r.IntN(60))
		var waiting []*waiter
		var in []*pending
		most := 0
		done, cancel := context.WithCancel(t.Context())
		cancel()
		for range 3000 {
			switch i := r.IntN(len(waiting) + 1); {
			case r.IntN(100) == 0:
				g.resplit(1 + r.IntN(60))
			case i < len(waiting) && r.IntN(20) == 0:
				if err := g.giveUp(done, waiting[i]); err == nil {
					t.Fatalf("seed %d: one that waits is in", seed)
				}
				waiting = slices.Delete(waiting, i, i+1)
			case len(in) > 0 && r.IntN(20) < 9: // fewer than come
				g.leave(partsOf(in[:1]))
				in = in[1:]
			default:
				waiting = append(waiting, g.wait(fmt.Sprint(r.IntN(1+r.IntN(300))), r.IntN(20_000)))
			}
			waiting = slices.DeleteFunc(waiting, func(w *waiter) bool {
				if len(w.ready) > 0 {
					in = append(in, w.pending)
				}
				return len(w.ready) > 0
			})
			if !slices.IsSortedFunc(g.queues, func(a, b *share) int { return cmp.Compare(a.queue[0].ticket, b.queue[0].ticket) }) {
				t.Fatalf("seed %d: who came later is first", seed)
			}
			most = max(most, len(g.queues))
			for _, w := range waiting { // the first come first
				if g.laneHasRoom(w.share, w.pending) && w.share.queue[0] == w {
					if g.hasRoom(w.share, w.pending) {
						t.Fatalf("seed %d: a record waits for room that there is", seed)
					}
					break
				}
			}
		}
		if most < 2 && len(g.shares) > 1 {
			t.Errorf("seed %d: no two lanes are waited for", seed)
		}
		for _, w := range waiting {
			if !slices.Contains(w.share.queue, w) || !slices.Contains(g.queues, w.share) {
				t.Fatalf("seed %d: a record that waits is in no queue", seed)
			}
		}
	}
}

// TestWaitersOfThousands: what a record that leaves a full buffer costs does not grow with the lanes that others wait for: of sixteen
// times as many, it is less than eight times as much.
func TestWaitersOfThousands(t *testing.T) {
	took := func(lanes int) time.Duration {
		best := time.Hour
		for range 3 {
			g := newGate(64*mebibyte, 15*time.Second, lanes)
			var in []*waiter
			for i := range 70_000 {
				in = append(in, g.wait(fmt.Sprint(i), 1000))
			}
			in = slices.DeleteFunc(in, func(w *waiter) bool { return len(w.ready) == 0 })
			began := time.Now()
			for _, w := range in[:500] {
				g.leave(partsOf([]*pending{w.pending}))
			}
			best = min(best, time.Since(began)/500)
			if n := len(g.queues); n < lanes/2 {
				t.Fatalf("only %d lanes are waited for", n)
			}
		}
		return best
	}
	few, many := took(500), took(8000)
	t.Logf("500 lanes: %v, 8,000: %v", few, many)
	if many > 8*few {
		t.Errorf("%v, %.0f times as long as 500 lanes", many, float64(many)/float64(few))
	}
}
