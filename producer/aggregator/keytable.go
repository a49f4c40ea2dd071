package aggregator

import (
	"hash/maphash"

	"google.golang.org/protobuf/encoding/protowire"
)

// keyTable is one of the two key tables of an aggregate: each key once, in the order of first use. The keys live
// only in the encoded bytes; a hash table over them (open addressing, linear probing, at most half full) finds them
// again. Unlike a map of strings it allocates nothing for a new key and pins nothing of the caller's.
type keyTable struct {
	encoded []byte
	keys    []span
	slots   []uint32 // 1 + index into keys, 0 when free; their number is a power of two
	seed    maphash.Seed
}

// span is where a key lies in the encoded bytes.
type span struct{ start, end int }

// place is where a key is in a table or, if growth is not 0, would be.
type place struct {
	index  int
	growth int // bytes by which the table would grow
	hash   uint64
}

// find looks a key up.
func (t *keyTable) find(key string) place {
	if t.slots == nil {
		t.slots, t.seed = make([]uint32, 16), maphash.MakeSeed()
	}
	p := place{index: len(t.keys), hash: maphash.String(t.seed, key)}
	if i := t.slots[t.slot(p.hash, key)]; i != 0 {
		p.index = int(i - 1)
	} else {
		p.growth = tagSize + protowire.SizeBytes(len(key))
	}
	return p
}

// slot returns the slot of a key or, if the key is new, the free one for it.
func (t *keyTable) slot(hash uint64, key string) int {
	mask := len(t.slots) - 1
	s := int(hash) & mask
	for t.slots[s] != 0 && string(t.key(int(t.slots[s]-1))) != key {
		s = (s + 1) & mask
	}
	return s
}

// key returns the bytes of the key at an index; they alias the encoded bytes.
func (t *keyTable) key(index int) []byte {
	k := t.keys[index]
	return t.encoded[k.start:k.end]
}

// first returns the key at index 0.
func (t *keyTable) first() string { return string(t.key(0)) }

// add adds the key, if it is new, at the place where find did not find it.
func (t *keyTable) add(field protowire.Number, key string, p place) {
	if p.growth == 0 {
		return
	}
	t.encoded = protowire.AppendTag(t.encoded, field, protowire.BytesType)
	t.encoded = protowire.AppendString(t.encoded, key)
	t.slots[t.slot(p.hash, key)] = uint32(p.index + 1)
	t.keys = append(t.keys, span{len(t.encoded) - len(key), len(t.encoded)})
	if 2*len(t.keys) > len(t.slots) {
		t.grow()
	}
}

// grow doubles the slots.
func (t *keyTable) grow() {
	t.slots = make([]uint32, 2*len(t.slots))
	mask := len(t.slots) - 1
	for i := range t.keys {
		s := int(maphash.Bytes(t.seed, t.key(i))) & mask
		for t.slots[s] != 0 {
			s = (s + 1) & mask
		}
		t.slots[s] = uint32(i + 1)
	}
}

// reset empties t and keeps its memory.
func (t *keyTable) reset() {
	t.encoded, t.keys = t.encoded[:0], t.keys[:0]
	clear(t.slots)
}
