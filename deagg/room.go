package deagg

import (
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/kplkit/kplkit/internal/wire"
)

// Count returns how many user records the Decoder delivers of a stored record's data, at most, so that room can be made for
// them. It counts what an aggregate lists, without its checksum: that costs little beside taking it apart.
func Count(data []byte) int {
	if !HasMagic(data) {
		return 1
	}
	end := max(len(data)-wire.DigestSize, len(wire.Magic))
	c := cursor{b: data[:end], pos: len(wire.Magic), dialect: java} // java reads on where canonical sees damage
	return max(1, c.count()[wire.Records])                          // a damaged one is delivered whole
}

// count returns how many fields of the aggregate there are from c.pos on, by number, as far as they can be read.
func (c *cursor) count() (n [wire.Records + 1]int) {
	for c.err == nil && c.pos < len(c.b) {
		if size, k := shortVarint(c.b, c.pos+1); k > 0 && c.b[c.pos] == recordTag && size <= len(c.b)-c.pos-1-k {
			c.pos += 1 + k + size // as nearly all fields are
			n[wire.Records]++
			continue
		}
		number, typ := c.tag()
		switch {
		case c.err != nil:
		case typ != protowire.BytesType || number > wire.Records:
			c.skip(number, typ, 0)
		default:
			c.bytes()
			n[number]++
		}
	}
	return n
}

// makeRoom makes room for all fields of c from pos on, where one of them has found none. It counts them first: growing
// step by step would allocate five times as much. It reads fields as parse does, so that it is called once for an
// aggregate at most, whatever stands in it.
func (a *AggregatedRecord) makeRoom(c cursor, pos int) {
	c.pos = pos
	n := c.count()
	a.partitionKeys = slices.Grow(a.partitionKeys, n[wire.PartitionKeyTable])
	a.explicitHashKeys = slices.Grow(a.explicitHashKeys, n[wire.ExplicitHashKeyTable])
	a.users = slices.Grow(a.users, n[wire.Records])
}
