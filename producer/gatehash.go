package producer

import (
	"slices"

	"github.com/kplkit/kplkit/deagg/hashkey"
)

// lockPlaced takes the lock when all that is in has its lane: only then sums of lanes count. However many are without one, it
// keeps nobody waiting for long.
func (g *gate) lockPlaced() {
	for g.mu.Lock(); g.placeSome(); g.mu.Lock() {
		g.mu.Unlock()
	}
}

// placeAll returns when each of some records has its lane.
func (g *gate) placeAll(records []*pending) {
	isPlaced := func(e *pending) bool { return e.share != nil }
	for n := 0; n < len(records); {
		g.mu.Lock()
		for ; n < len(records) && isPlaced(records[n]); n++ {
		}
		if n < len(records) {
			g.placeSome()
		}
		g.mu.Unlock()
	}
}

// placeSome finds the lanes of those that came first, and tells whether there are more. The lock is held.
func (g *gate) placeSome() (more bool) {
	some := g.unplaced[g.placed:min(len(g.unplaced), g.placed+placedAtOnce)]
	g.hasher.hash(some...)
	for _, e := range some {
		g.loose = g.loose.minus(g.place(g.shareOf(e), e))
	}
	if g.placed += len(some); 2*g.placed >= len(g.unplaced) {
		g.unplaced, g.placed = slices.Delete(g.unplaced, 0, g.placed), 0
	}
	return len(g.unplaced) > 0
}

// placedAtOnce is for how many records the lock is held while their hash keys are computed: some microseconds.
const placedAtOnce = 128

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
