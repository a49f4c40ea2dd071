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
// While all that is in would leave room in any one lane, a record comes in whatever its lane. The lane is found later, when
// the loop or somebody who has to know asks for it: for many records at once, whose hash keys then take a fraction of the
// time.
type gate struct {
	most     int64         // bytes of the buffer
	mostLoad time.Duration // of a lane

	mu      sync.Mutex
	closed  bool
	held    int64
	load    time.Duration // sum of all lanes'
	shards  *shardMap
	shares  []*share // one for each lane, in their order
	queues  []*share // those that records wait for
	tickets uint64

	unplaced []*pending // let in, but counted in no lane yet
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
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return errNoMore
	}
	g.sort()
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
	load, cost := g.shares[0].loadOf(e), e.cost() // all lanes have the same rates
	if len(g.queues) > 0 || g.held+cost > g.most-g.held || g.load+load > g.mostLoad {
		return false, nil
	}
	g.held += cost
	g.load += load
	g.unplaced = append(g.unplaced, e)
	return true, nil
}

// place finds the lanes of what has been let in.
func (g *gate) place() {
	for more := true; more; {
		g.mu.Lock()
		more = g.sortSome()
		g.mu.Unlock()
	}
}

// tryEnter lets a record in, unless it would have to wait.
func (g *gate) tryEnter(e *pending) error {
	if done, err := g.enterAny(e); done {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return errNoMore
	}
	g.sort()
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
	g.sort()
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

// leave gives back the records' room.
func (g *gate) leave(records []*pending) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.queues) > 0 || len(records) > 0 && records[0].share == nil { // nil: alone, and never put
		g.sort()
	}
	for _, e := range records {
		g.give(e)
	}
	g.admit()
}

// move counts a record in the lane that has it now.
func (g *gate) move(e *pending, to *share) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.give(e)
	g.take(to, e)
}

// arrange lets records in by the shares of these lanes from now on.
func (g *gate) arrange(shards *shardMap, shares []*share) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sort() // into the lanes that were in use when its load was counted
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
	for _, w := range waiting {
		g.enqueue(w)
	}
	g.admit()
}

// What follows is called with the lock held.

// admit lets in what waits and has room. Of those whose lane has room the first come is next: if the buffer is too full
// for it, the others wait, too, or a large record would wait for ever.
func (g *gate) admit() {
	for len(g.queues) > 0 {
		var next *share
		for _, s := range g.queues {
			if g.laneHasRoom(s, s.queue[0].pending) && (next == nil || s.queue[0].ticket < next.queue[0].ticket) {
				next = s
			}
		}
		if next == nil || !g.hasRoom(next, next.queue[0].pending) {
			return
		}
		w := next.queue[0]
		g.dequeue(next, 0)
		g.take(next, w.pending)
		w.ready <- nil
	}
}

// isPromised tells whether the next room is for somebody who waits for it.
func (g *gate) isPromised() bool {
	return slices.ContainsFunc(g.queues, func(s *share) bool { return g.laneHasRoom(s, s.queue[0].pending) })
}

// hasRoom tells whether a record of a lane can come in.
func (g *gate) hasRoom(s *share, e *pending) bool {
	return g.held+e.cost() <= g.most && g.laneHasRoom(s, e)
}

// laneHasRoom tells whether its lane has room for a record, whatever the others have. An empty lane takes any record.
func (g *gate) laneHasRoom(s *share, e *pending) bool {
	held, load := s.sum()
	return held == 0 || held+e.cost() <= max(g.most/int64(len(g.shares)), g.most-g.held) && load+s.loadOf(e) <= g.mostLoad
}

// refusal tells why a record can't come in.
func (g *gate) refusal(s *share, e *pending) string {
	held, load := s.sum()
	switch {
	case g.held+e.cost() > g.most:
		return fmt.Sprintf("it holds %d of %d bytes", g.held, g.most)
	case g.isPromised():
		return fmt.Sprintf("others wait for room in its %d bytes", g.most)
	case load+s.loadOf(e) > g.mostLoad:
		return fmt.Sprintf("what it holds for %s takes %v at its rate, half the time to live", s, load.Round(time.Millisecond))
	}
	return fmt.Sprintf("for %s, which has its share, %d bytes of %d", s, held, g.most)
}

func (g *gate) take(s *share, e *pending) {
	e.share = s
	g.held += e.cost()
	g.load += s.add(e, 1)
}

func (g *gate) give(e *pending) {
	g.held -= e.cost()
	g.load += e.share.add(e, -1)
}

// sort finds the lanes of all that has none yet: only then sums of lanes count.
func (g *gate) sort() {
	for g.sortSome() {
	}
}

// sortSome does it for some, and tells whether there may be more.
func (g *gate) sortSome() (more bool) {
	n := max(0, len(g.unplaced)-sortedAtOnce)
	some := g.unplaced[n:]
	g.hasher.hash(some...)
	for _, e := range some {
		e.share = g.shareOf(e)
		e.share.add(e, 1)
	}
	clear(some)
	g.unplaced = g.unplaced[:n]
	return n > 0
}

// sortedAtOnce is for how many records place holds the lock while their hash keys are computed.
const sortedAtOnce = 128

// keyHasher finds hash keys. It keeps its memory.
type keyHasher struct {
	hasher        hashkey.Hasher
	partitionKeys []string
	keys          []hashkey.Key
}

// hash finds those of some records that are yet to be hashed.
func (h *keyHasher) hash(records ...*pending) {
	h.partitionKeys, h.keys = h.partitionKeys[:0], h.keys[:0]
	for _, e := range records {
		if e.unhashed() {
			h.partitionKeys, h.keys = append(h.partitionKeys, e.PartitionKey), append(h.keys, hashkey.Key{})
		}
	}
	h.hasher.Of(h.partitionKeys, h.keys)
	clear(h.partitionKeys)
	next := 0
	for _, e := range records {
		if e.unhashed() {
			e.key = h.keys[next]
			next++
		}
	}
}

func (g *gate) shareOf(e *pending) *share {
	if len(g.shares) == 1 {
		return g.shares[0]
	}
	return g.shares[g.shards.owner(e.key)]
}

func (g *gate) enqueue(w *waiter) {
	s := g.shareOf(w.pending)
	if w.share = s; len(s.queue) == 0 {
		g.queues = append(g.queues, s)
	}
	s.queue = append(s.queue, w)
}

func (g *gate) dequeue(s *share, i int) {
	if s.queue = slices.Delete(s.queue, i, i+1); len(s.queue) == 0 {
		g.queues = slices.DeleteFunc(g.queues, func(q *share) bool { return q == s })
	}
}
