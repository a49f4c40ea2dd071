package scale

import (
	"fmt"
	"slices"
	"time"
)

// step is the time from one worker's replacement to the next one's.
const step = time.Minute

// rolling: every worker is replaced, one after the other, while records are put. reached is the longest time after a
// step until its worker is gone and every shard has an owner.
func rolling(f *fleet, s size) (r figures) {
	f.setUp(s)
	stop := f.produce(s.rate)
	time.Sleep(30 * time.Second)
	f.ledger.lap()
	var left *member
	whole := func() bool { return left.isGone() && f.ledger.owned() >= s.shards }
	var open time.Time // the first step that is not recovered from
	for _, left = range f.live() {
		now := time.Now()
		if open.IsZero() {
			open = now
		}
		f.leave(left, s.kill)
		f.start(1)
		if until(step, whole) != never {
			r.reached, open = max(r.reached, time.Since(open)), time.Time{}
		}
		time.Sleep(time.Until(now.Add(step)))
	}
	if !open.IsZero() {
		r.reached = never
		if until(patience, whole) != never {
			r.reached = time.Since(open)
		}
	}
	stop()
	r.turnover, r.shares, r.owned = f.ledger.lap(), f.ledger.shares(f.live()), f.ledger.owned()
	r.delivery = f.drain()
	return r
}

func (f *fleet) leave(m *member, kill bool) {
	if kill {
		f.kill(m)
	} else {
		f.terminate(m)
	}
}

var rollingColumns = []column{
	reachedColumn("after a step every shard is owned within"), movesColumn, gapColumn, sharesColumn, lostColumn,
	ackedColumn, deliveryColumn, repeatsColumn, latencyColumn,
}

// scaleIn: the worker with the most shards leaves, and nobody comes.
func scaleIn(f *fleet, s size) (r figures) {
	f.setUp(s)
	left := f.busiest()
	f.leave(left, s.kill)
	r.reached = until(patience, func() bool { return left.isGone() && f.ledger.owned() >= s.shards })
	r.turnover, r.shares, r.owned = f.ledger.lap(), f.ledger.shares(f.live()), f.ledger.owned()
	return r
}

func (f *fleet) busiest() *member {
	live := f.live()
	shares := f.ledger.shares(live)
	return live[slices.Index(shares, slices.Max(shares))]
}

var scaleInColumns = []column{reachedColumn("every shard is owned again after"), movesColumn, sharesColumn, lostColumn}

// soak: records are put for a long time, and workers are killed and replaced meanwhile, or not.
func soak(f *fleet, s size) (r figures) {
	f.setUp(s)
	stop := f.produce(s.rate)
	time.Sleep(2 * time.Minute)
	f.ledger.lap()
	r.first = memoryOfWorkers()
	random, kills := f.Rand("kills"), s.rest > 0
	for began := time.Now(); time.Since(began) < s.lasts; {
		if kills {
			live := f.live()
			f.kill(live[random.IntN(len(live))])
			f.start(1)
		}
		time.Sleep(max(s.rest, 5*time.Second))
	}
	time.Sleep(decay + 2*time.Minute) // the last ones killed are buried, and their shards have owners
	r.last = memoryOfWorkers()
	stop()
	r.turnover, r.shares, r.owned = f.ledger.lap(), f.ledger.shares(f.live()), f.ledger.owned()
	r.delivery = f.drain()
	return r
}

var soakColumns = []column{
	ackedColumn, deliveryColumn, repeatsColumn, latencyColumn, movesColumn, gapColumn,
	{"heap of the workers", func(f figures) string { return fmt.Sprintf("%.0f → %.0f MB", f.first.heap, f.last.heap) }},
	{"goroutines", func(f figures) string { return fmt.Sprintf("%d → %d", f.first.goroutines, f.last.goroutines) }},
}
