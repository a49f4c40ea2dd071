package producer

import (
	"cmp"
	crand "crypto/rand"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/kplkit/kplkit/deagg/hashkey"
)

// loop owns the state of a Producer. All its methods run on one goroutine.
type loop struct {
	p      *Producer  // what other goroutines use, too: settings, gate, mailbox
	in     mail       // what came last
	rnd    *rand.Rand // jitter; of its own, so that a seeded crypto/rand makes runs equal
	stream description

	shards  *shardMap      // nil: not known
	lanes   []*lane        // in the order of their ranges
	retired map[*lane]bool // lanes of shards that are gone, while something of them is under way
	fresh   struct{ count, bytes int }
	moved   bool // records, since the gate looked whom it can let in

	schedule schedule

	held     int           // records without a result
	inFlight int           // requests
	least    time.Duration // that a request took: the way there and back, without what it carried
	carries  int           // bytes of a request that arrive in time, as far as is known
	settled  []*outcome
	failed   int // of settled: given up by Close

	lister   lister
	unjudged []landing // of aggregates elsewhere than expected, until the stream has been looked at
}

func newLoop(p *Producer) *loop {
	var seed [32]byte
	crand.Read(seed[:]) // never fails
	l := &loop{p: p, rnd: rand.New(rand.NewChaCha8(seed)), stream: usualStream, carries: largestRecord, retired: map[*lane]bool{}}
	l.lister = lister{wanted: true, pause: listPause}
	l.lanes = []*lane{l.newLane(shard{keys: allKeys})}
	l.p.gate.arrange(nil, []*share{l.lanes[0].share})
	return l
}

// run works off the mailbox, and what is due, until the producer is closed and everything has a result.
func (l *loop) run() {
	defer l.p.box.end()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		l.in = l.p.box.take(l.in)
		next := l.step(time.Now())
		l.p.box.settle(l.settled, l.failed)
		l.settled, l.failed = nil, 0
		if l.in.closed && l.held == 0 {
			l.p.cancel()
			if !l.lister.running && l.inFlight == 0 {
				return
			}
		}
		timer.Reset(max(tick, time.Until(next)))
		select {
		case <-l.p.box.wake:
		case <-timer.C:
		}
	}
}

// step does everything that can be done now, and returns when there is more without further mail.
func (l *loop) step(now time.Time) time.Time {
	if l.in.listing != nil {
		l.learn(now, l.in.listing)
	}
	for _, b := range l.in.answers {
		l.answered(now, b)
	}
	for some := range slices.Chunk(l.in.puts, placedAtOnce) { // which stay in the processor's cache
		l.held += len(some)
		l.p.gate.placeAll(some)
		for _, e := range some {
			l.add(now, e)
		}
	}
	if l.in.aborted {
		l.giveUp()
	}
	if l.moved { // the lane that they went to leaves room in those beside it
		l.moved = false
		l.p.gate.leave(nil)
	}
	l.dispatch(now)
	return earliest(l.list(now), l.nextDue(now))
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// add puts a new record into its lane.
func (l *loop) add(now time.Time, e *pending) {
	closed := l.place(e)
	l.fresh.count += closed.count
	l.fresh.bytes += closed.bytes
	if l.fresh.count >= l.p.cfg.maxBatchCount || l.fresh.bytes >= laneVolume {
		l.dispatch(now)
	}
}

// place puts a record into its lane, and tells by how much the lane has more to send now.
func (l *loop) place(e *pending) (more struct{ count, bytes int }) {
	if err := l.stream.admits(e); err != nil { // the stream has changed since Put
		l.fail([]*pending{e}, err)
		return more
	}
	n := e.share.lane
	if n.retired {
		n = l.lane(e.key)
		l.p.gate.move(e, n.share)
		l.moved = true
	}
	count, bytes, filled := len(n.waiting), n.bytes, len(n.filling.records)
	n.add(e)
	if filled == 0 || len(n.waiting) > count { // else it is due when it was
		l.schedule.change(n)
	}
	more.count, more.bytes = len(n.waiting)-count, n.bytes-bytes
	return more
}

func (l *loop) lane(k hashkey.Key) *lane {
	if len(l.lanes) == 1 {
		return l.lanes[0]
	}
	return l.lanes[l.shards.owner(k)]
}

// requeue puts records into the lanes that they belong to now, and keeps the order of the Puts there.
func (l *loop) requeue(records []*pending) {
	touched := map[*lane]bool{}
	for _, e := range records[:len(records):len(records)] {
		if n := l.lane(e.key); !touched[n] {
			touched[n] = true
			records = append(records, n.takeUnsent()...)
			l.schedule.change(n)
		}
	}
	slices.SortFunc(records, func(a, b *pending) int { return cmp.Compare(a.seq, b.seq) })
	for _, e := range records {
		l.place(e)
	}
}

// settle gives records their results.
func (l *loop) settle(o *outcome) {
	l.held -= len(o.records)
	l.settled = append(l.settled, o)
}

// fail gives records the result that they are not stored.
func (l *loop) fail(records []*pending, err error) {
	if len(records) > 0 {
		l.settle(&outcome{records: records, err: err})
	}
}
