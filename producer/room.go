package producer

import (
	"fmt"
	"time"
)

// amount is what a lane, or several records, have of the buffer.
type amount struct {
	held int64         // bytes
	load time.Duration // it takes so much of the shard's rates
}

func (a amount) plus(b amount) amount  { return amount{a.held + b.held, a.load + b.load} }
func (a amount) minus(b amount) amount { return amount{a.held - b.held, a.load - b.load} }

// most is the larger of each.
func (a amount) most(b amount) amount { return amount{max(a.held, b.held), max(a.load, b.load)} }

// part is what some records have of one share.
type part struct {
	share   *share
	amount  amount
	records int
}

// partsOf returns what records have, each of which has its lane.
func partsOf(records []*pending) (parts []part) {
	var last *part
	for _, e := range records {
		if last == nil || last.share != e.share {
			parts = append(parts, part{share: e.share})
			last = &parts[len(parts)-1]
		}
		last.amount = last.amount.plus(e.share.of(e))
		last.records++
	}
	return parts
}

// What follows is called with the gate's lock held.

// isPromised tells whether the next room is for somebody who waits for it.
func (g *gate) isPromised() bool { return g.next() != nil }

// hasRoom tells whether a record of a lane can come in.
func (g *gate) hasRoom(s *share, e *pending) bool {
	return g.held+e.cost() <= g.most && g.laneHasRoom(s, e)
}

// laneHasRoom tells whether its lane has room for a record, whatever the others have. An empty lane takes any record.
func (g *gate) laneHasRoom(s *share, e *pending) bool {
	has := s.sum()
	return has.held == 0 || g.isRoomFor(has.plus(s.of(e)))
}

// isRoomFor tells whether a lane may have so much.
func (g *gate) isRoomFor(a amount) bool {
	return a.held <= max(g.most/int64(len(g.shares)), g.most-g.held) && a.load <= g.mostLoad
}

// anyHasRoom tells whether a record can come in whatever its lane: if it is certain that the fullest has room. Which that is
// need not be looked up often, since it takes a look at each lane: once for as many records as there are lanes.
func (g *gate) anyHasRoom(part amount) bool {
	if g.held+part.held > g.most {
		return false
	}
	part = part.plus(g.loose)
	if g.left >= len(g.shares) && !g.isRoomFor(part.plus(g.fullest)) {
		g.lookUp()
	}
	return g.isRoomFor(part.plus(g.fullest))
}

// lookUp finds what the fullest lane has.
func (g *gate) lookUp() {
	g.fullest, g.left = amount{}, 0
	for _, s := range g.shares {
		g.fullest = g.fullest.most(s.sum())
	}
}

// refusal tells why a record can't come in.
func (g *gate) refusal(s *share, e *pending) string {
	has := s.sum()
	switch {
	case g.held+e.cost() > g.most:
		return fmt.Sprintf("it holds %d of %d bytes", g.held, g.most)
	case g.isPromised():
		return fmt.Sprintf("others wait for room in its %d bytes", g.most)
	case has.load+s.of(e).load > g.mostLoad:
		return fmt.Sprintf("what it holds for %s takes %v at its rate, half the time to live", s, has.load.Round(time.Millisecond))
	}
	return fmt.Sprintf("for %s, which has its share, %d bytes of %d", s, has.held, g.most)
}

// take counts a record in a share, place one that has come in already.
func (g *gate) take(s *share, e *pending) {
	g.held += e.cost()
	g.place(s, e)
}

func (g *gate) place(s *share, e *pending) (part amount) {
	part = s.of(e)
	e.share = s
	s.has = s.has.plus(part)
	g.fullest = g.fullest.most(s.has.plus(s.inherited))
	return part
}

// remove takes off what n records have of a share.
func (g *gate) remove(s *share, sum amount, n int) {
	s.has = s.has.minus(sum)
	g.held -= sum.held
	g.left += n
}
