package producer

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/kplkit/kplkit/deagg/hashkey"
)

// gate is the entrance of the buffer, where Put waits. A record counts from there until its done has returned, and
// that of those in the same stored record. Its lock is held for moments only.
//
// The buffer is bounded in bytes, what a lane has of it also in time: a shard has a rate, and what is let in has to be
// stored within the time to live. So that a shard that gets more than its rate leaves room for the others, a lane has
// no more than is left free, but its equal share at any rate.
//
// While there is room in any lane, a record comes in whatever its lane. That is found later, when the loop or somebody who has to
// know asks for it: for many records at once, whose hash keys then take a fraction of the time. Until then the record may be
// one more in the fullest lane.
type gate struct {
	most     int64         // bytes of the buffer
	mostLoad time.Duration // of a lane

	mu      sync.Mutex
	closed  bool
	held    int64
	shards  *shardMap
	shares  []*share // one for each lane, in their order
	queues  []*share // those that records wait for, by the first of each
	tickets uint64

	unplaced []*pending // let in, but counted in no lane yet, the first come first; none while anybody waits
	placed   int        // of unplaced: those that it has had before the others
	loose    amount     // of unplaced
	fullest  amount     // of any lane, at most, unplaced not counted
	left     int        // records that have left since fullest was looked up
	hasher   keyHasher
}

// waiter is a record that waits at the gate.
type waiter struct {
	*pending
	ticket uint64     // the order of all waiters
	ready  chan error // what became of it: nil, it is in
}

// enter lets a record in, as soon as there is room and those before it are in.
func (g *gate) enter(ctx context.Context, e *pending) error {
	if done, err := g.enterAny(e); done {
		return err
	}
	g.lockPlaced()
	if g.closed {
		g.mu.Unlock()
		return errNoMore
	}
	if s := g.shareOf(e); len(g.queues) == 0 && g.hasRoom(s, e) {
		g.take(s, e)
		g.mu.Unlock()
		return nil
	}
	g.tickets++
	w := &waiter{e, g.tickets, make(chan error, 1)}
	g.enqueue(w)
	g.admit() // those before it may wait for something else
	g.mu.Unlock()
	select {
	case err := <-w.ready:
		return err
	case <-ctx.Done():
		return g.giveUp(ctx, w)
	}
}

// enterAny lets a record in whatever its lane, or finds its hash key, since its lane has to be asked.
func (g *gate) enterAny(e *pending) (done bool, err error) {
	done, err = g.tryEnterAny(e)
	if !done && e.unhashed() {
		e.key = hashkey.Of(e.PartitionKey)
	}
	return done, err
}

func (g *gate) tryEnterAny(e *pending) (done bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return true, errNoMore
	}
	part := g.shares[0].of(e) // all lanes have the same rates
	if len(g.queues) > 0 || !g.anyHasRoom(part) {
		return false, nil
	}
	g.held += part.held
	g.loose = g.loose.plus(part)
	g.unplaced = append(g.unplaced, e)
	return true, nil
}

// tryEnter lets a record in, unless it would have to wait.
func (g *gate) tryEnter(e *pending) error {
	if done, err := g.enterAny(e); done {
		return err
	}
	g.lockPlaced()
	defer g.mu.Unlock()
	if g.closed {
		return errNoMore
	}
	s := g.shareOf(e)
	if len(s.queue) > 0 || !g.hasRoom(s, e) || g.isPromised() {
		return fmt.Errorf("%w: %s; wait a little, or use Put, which waits", ErrWouldBlock, g.refusal(s, e))
	}
	g.take(s, e)
	return nil
}

// giveUp takes a waiter out of its queue, unless it was let in just now.
func (g *gate) giveUp(ctx context.Context, w *waiter) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(w.share.queue, w)
	if i < 0 {
		return <-w.ready
	}
	g.dequeue(w.share, i)
	why := g.refusal(w.share, w.pending)
	g.admit()
	return waited("Put waited for room in the buffer: "+why, ctx.Err())
}

// close lets nobody in any more, and sends away who waits.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	for _, s := range g.queues {
		for _, w := range s.queue {
			w.ready <- errNoMore
		}
		s.queue = nil
	}
	g.queues = nil
}

// leave gives back the room of records.
func (g *gate) leave(parts []part) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, p := range parts {
		g.remove(p.share, p.amount, p.records)
	}
	g.admit()
}

// leaveUnput gives back the room of a record that got in and was not put.
func (g *gate) leaveUnput(e *pending) {
	g.lockPlaced()
	g.mu.Unlock()
	g.leave(partsOf([]*pending{e}))
}

// move counts a record in the lane that has it now. It lets nobody in yet: as many may move.
func (g *gate) move(e *pending, to *share) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.remove(e.share, e.share.of(e), 1)
	g.take(to, e)
}

// arrange lets records in by the shares of these lanes from now on.
func (g *gate) arrange(shards *shardMap, shares []*share) {
	g.lockPlaced() // into the lanes that were in use when its load was counted
	defer g.mu.Unlock()
	var waiting []*waiter
	for _, s := range g.queues {
		waiting, s.queue = append(waiting, s.queue...), nil
	}
	slices.SortFunc(waiting, func(a, b *waiter) int { return cmp.Compare(a.ticket, b.ticket) })
	g.shards, g.shares, g.queues = shards, shares, nil
	for _, s := range shares {
		for _, f := range s.former {
			f.former = nil // or they would be kept, one behind the other
		}
	}
	g.lookUp()
	for _, w := range waiting {
		g.enqueue(w)
	}
	g.admit()
}

// What follows is called with the lock held.

// admit lets in what waits and has room. Of those whose lane has room the first come is next: if the buffer is too full
// for it, the others wait, too, or a large record would wait for ever.
func (g *gate) admit() {
	for {
		next := g.next()
		if next == nil || !g.hasRoom(next, next.queue[0].pending) {
			return
		}
		w := next.queue[0]
		g.dequeue(next, 0)
		g.take(next, w.pending)
		w.ready <- nil
	}
}

// next returns the lane that has room for the first that waits for it, and whose first came before those of other such lanes: one
// of the first lanes, as a rule. It is nil if there is none.
func (g *gate) next() *share {
	for _, s := range g.queues {
		if g.laneHasRoom(s, s.queue[0].pending) {
			return s
		}
	}
	return nil
}

// enqueue lets a record wait that came after all others that do.
func (g *gate) enqueue(w *waiter) {
	s := g.shareOf(w.pending)
	if w.share = s; len(s.queue) == 0 {
		g.queues = append(g.queues, s)
	}
	s.queue = append(s.queue, w)
}

func (g *gate) dequeue(s *share, i int) {
	if i == 0 {
		at := g.placeInQueues(s)
		g.queues = slices.Delete(g.queues, at, at+1)
	}
	if s.queue = slices.Delete(s.queue, i, i+1); i == 0 && len(s.queue) > 0 {
		at := g.placeInQueues(s)
		g.queues = slices.Insert(g.queues, at, s)
	}
}

// placeInQueues finds where the queue of a lane is or belongs.
func (g *gate) placeInQueues(s *share) int {
	at, _ := slices.BinarySearchFunc(g.queues, s, func(a, b *share) int { return cmp.Compare(a.queue[0].ticket, b.queue[0].ticket) })
	return at
}
