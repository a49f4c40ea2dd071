package producer

import (
	"cmp"
	"time"

	"github.com/kplkit/kplkit/internal/wire"
)

// share is what a lane has of the buffer.
type share struct {
	lane               *lane
	shardID            string  // "": of the whole stream
	perByte, perRecord float64 // seconds of the shard's rates that a byte and a stored record take
	bytes              float64 // of the user records that share a stored record; 0: none do
	partOfByte         float64 // of an aggregate, that a byte takes at least
	partOfRecord       float64 // and a record
	has                amount
	inherited          amount    // what former have, at most
	queue              []*waiter // the first come is the first let in
	former             []*share  // of lanes that are gone, with the same hash keys: what they hold still has to move here
}

// newShare returns what a lane may have of the buffer. It goes by the rates of one shard where it is not known how many
// there are, and by those that a shard has where this producer may use more.
func (l *loop) newShare(n *lane) *share {
	factor := 1.0
	if l.p.cfg.rateFactor > 0 {
		factor = min(factor, l.p.cfg.rateFactor)
	}
	s := &share{lane: n, shardID: n.id, perByte: 1 / (mebibyte * factor), perRecord: 1 / (1000 * factor)}
	if n.anyShard {
		shards := float64(max(1, l.shards.count()))
		s.perByte, s.perRecord = s.perByte/shards, s.perRecord/shards
	}
	if n.aggregates {
		s.bytes = float64(n.maxBytes)
		s.partOfByte, s.partOfRecord = 1/(s.bytes-float64(wire.Overhead)), 1/float64(n.maxCount)
	}
	return s
}

func (s *share) String() string { return cmp.Or(s.shardID, "the stream") }

// framing is what an aggregate stores of a user record besides data and keys, at most.
const framing = 16

// loadOf is how long a record keeps its shard busy, if that is used to its rates.
func (s *share) loadOf(e *pending) time.Duration {
	size, part := float64(e.stored()), 1.0
	if size < s.bytes {
		size += float64(len(e.ExplicitHashKey) + framing)
		part = min(1, max(size*s.partOfByte, s.partOfRecord))
	}
	return time.Duration(max(size*s.perByte, part*s.perRecord) * float64(time.Second))
}

// of is what a record has of it.
func (s *share) of(e *pending) amount { return amount{e.cost(), s.loadOf(e)} }

// sum is what counts for the lane.
func (s *share) sum() amount {
	s.inherited = amount{} // it never grows: nothing comes into the lanes that are gone
	for _, f := range s.former {
		s.inherited = s.inherited.plus(f.has)
	}
	if s.inherited.held == 0 {
		s.former = nil
	}
	return s.has.plus(s.inherited)
}
