package producer

import (
	"cmp"
	crand "crypto/rand"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/kplkit/kplkit/deagg/hashkey"
)

// loop owns the state of a Producer. All its methods run on one goroutine.
type loop struct {
	*Producer
	rnd    *rand.Rand // jitter; of its own, so that a seeded crypto/rand makes runs equal
	mail              // what came last
	stream description

	shards  *shardMap // nil: not known
	lanes   []*lane   // in the order of their ranges
	retired []*lane   // lanes of shards that are gone, while something of them is under way
	turn    int       // the lane that is asked first
	fresh   struct{ count, bytes int }

	held     int           // records without a result
	inFlight int           // requests
	least    time.Duration // that a request took: the way there and back, without what it carried
	carries  int           // bytes of a request that arrive in time, as far as is known
	settled  []*outcome
	failed   int // of settled: given up by Close

	lister   lister
	landings []landing
}

func newLoop(p *Producer) *loop {
	var seed [32]byte
	crand.Read(seed[:]) // never fails
	l := &loop{Producer: p, rnd: rand.New(rand.NewChaCha8(seed)), stream: usualStream, carries: largestRecord}
	l.lister = lister{wanted: true, pause: listPause}
	l.lanes = []*lane{l.newLane(shard{keys: allKeys})}
	l.gate.arrange(nil, []*share{l.lanes[0].share})
	return l
}

// run works off the mailbox, and what is due, until the producer is closed and everything has a result.
func (l *loop) run() {
	defer l.box.end()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		l.mail = l.box.take(l.mail)
		next := l.step(time.Now())
		l.box.settle(l.settled, l.failed)
		l.settled, l.failed = nil, 0
		if l.closed && l.held == 0 {
			l.cancel()
			if !l.lister.running && l.inFlight == 0 {
				return
			}
		}
		timer.Reset(max(time.Millisecond, time.Until(next)))
		select {
		case <-l.box.wake:
		case <-timer.C:
		}
	}
}

// step does everything that can be done now, and returns when there is more without further mail.
func (l *loop) step(now time.Time) time.Time {
	if l.listing != nil {
		l.learn(now, l.listing)
	}
	for _, b := range l.answers {
		l.answered(now, b)
	}
	for _, e := range l.puts {
		l.held++
		l.add(now, e)
	}
	if l.aborted {
		l.giveUp()
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
	if l.fresh.count >= l.cfg.maxBatchCount || l.fresh.bytes >= laneVolume {
		l.dispatch(now)
	}
}

// place puts a record into its lane, and tells by how much the lane has more to send now.
func (l *loop) place(e *pending) (more struct{ count, bytes int }) {
	if err := l.stream.admits(e.Record); err != nil { // the stream has changed since Put
		l.settle(&outcome{records: []*pending{e}, err: fmt.Errorf("producer: %w", err)})
		return more
	}
	n := l.lane(e.key)
	if e.share != n.share {
		l.gate.move(e, n.share)
	}
	count, bytes := len(n.waiting), n.bytes
	n.add(e, l.cfg.linger)
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

// fail gives records the result that they are not stored: kind, and for what reason.
func (l *loop) fail(records []*pending, kind, why error) {
	if len(records) == 0 {
		return
	}
	err := fmt.Errorf("producer: %w", kind)
	if why != nil {
		err = fmt.Errorf("producer: %w: %w", kind, why)
	}
	l.settle(&outcome{records: records, err: err})
	if kind == ErrClosed {
		l.failed += len(records)
	}
}

// tooOld tells whether a record has had its time, and at least one attempt.
func (l *loop) tooOld(now time.Time, e *pending) bool {
	return e.attempts > 0 && now.Sub(e.arrived) >= l.cfg.ttl
}

// failExpired fails the records that are too old, and returns the others. why is what they waited for last, if that is
// not the error of their last attempt.
func (l *loop) failExpired(now time.Time, records []*pending, why error) (rest []*pending) {
	for i, e := range records {
		if !l.tooOld(now, e) {
			rest = append(rest, e)
			continue
		}
		l.fail(records[i:i+1], ErrExpired, fmt.Errorf("attempts: %d in %v, the first after %v in the buffer; the last one: %w",
			e.attempts, now.Sub(e.arrived).Round(time.Millisecond), e.waited.Round(time.Millisecond), cmp.Or(why, e.last, errNextTurn)))
	}
	return rest
}

// giveUp fails all that is not under way. What is will follow: its requests are being ended.
func (l *loop) giveUp() {
	for _, n := range l.lanes {
		l.fail(n.takeUnsent(), ErrClosed, nil)
	}
	for _, x := range l.landings {
		l.land(x.stored)
		l.fail(x.records, ErrClosed, ErrWrongShard)
	}
	l.landings = nil
}
