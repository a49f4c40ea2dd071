package producer

import (
	"github.com/kplkit/kplkit/deagg/hashkey"
)

// place finds the lanes of what has been let in.
func (g *gate) place() {
	for more := true; more; {
		g.mu.Lock()
		more = g.sortSome()
		g.mu.Unlock()
	}
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
