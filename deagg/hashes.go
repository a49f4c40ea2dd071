package deagg

import (
	"strings"

	"github.com/kplkit/kplkit/deagg/hashkey"
)

// hashState is what is known of the hash key of one entry of a key table.
type hashState uint8

const (
	unasked  hashState = iota
	inside             // it lies in the shard's range
	outside            // a number that does not
	noNumber           // an explicit hash key that can't be read: it lies in no range either
	lost               // an index is out of its table: nothing is known

	spanned hashState = 0x80 // besides: keyHashes.span has met it
)

// belongs reports whether a user record belongs to the shard. What has lost its key counts as belonging.
func (s hashState) belongs() bool { return s == inside || s == lost }

// hashReader reads an explicit hash key: inside says that there is a key, wherever it lies.
type hashReader func(text string) (hashkey.Key, hashState)

// keyHashes says where the hash keys of an aggregate's two key tables lie, so that each is computed once however many
// user records share it, and not at all if nobody asks. It keeps a byte for each: a key table may have an entry for
// every two bytes of the aggregate.
type keyHashes struct {
	within              hashkey.Range
	read                hashReader
	partition, explicit []hashState
	hasher              *hashkey.Hasher // nil before it is needed
}

// reset begins with another aggregate. Without a range all numbers of 0…2^128−1 are inside.
func (h *keyHashes) reset(a *AggregatedRecord, within hashkey.Range, read hashReader) {
	if !within.IsValid() {
		within = hashkey.Whole()
	}
	h.within, h.read = within, read
	h.partition = zeroed(h.partition, len(a.partitionKeys))
	h.explicit = zeroed(h.explicit, len(a.explicitHashKeys))
}

// zeroed returns n zero values, in s's memory if it is large enough.
func zeroed(s []hashState, n int) []hashState {
	if cap(s) < n {
		return make([]hashState, n)
	}
	s = s[:n]
	clear(s)
	return s
}

// of returns where user record s of a lies.
func (h *keyHashes) of(a *AggregatedRecord, s *userSpan) hashState {
	explicit := s.explicitHashKey != noIndex
	if s.partitionKey >= uint32(len(h.partition)) || explicit && s.explicitHashKey >= uint32(len(h.explicit)) {
		return lost
	}
	if explicit {
		return h.ofExplicit(a, int(s.explicitHashKey))
	}
	return h.ofPartition(a, int(s.partitionKey))
}

func (h *keyHashes) ofPartition(a *AggregatedRecord, i int) hashState {
	k := &h.partition[i]
	if *k == unasked {
		*k = h.place(hashkey.Of(a.partitionKeys[i]), inside)
	}
	return *k &^ spanned
}

func (h *keyHashes) ofExplicit(a *AggregatedRecord, i int) hashState {
	k := &h.explicit[i]
	if *k == unasked {
		*k = h.place(h.read(a.explicitHashKeys[i]))
	}
	return *k &^ spanned
}

func (h *keyHashes) place(key hashkey.Key, s hashState) hashState {
	if s == inside && !h.within.Contains(key) {
		return outside
	}
	return s
}

// allInside reports whether every key of both tables lies in the range. Then every user record does, which saves looking
// at each of them: the usual case.
func (h *keyHashes) allInside(a *AggregatedRecord) bool {
	for i := range h.explicit {
		if !h.ofExplicit(a, i).belongs() {
			return false
		}
	}
	return h.partitionInside(a)
}

// partitionInside says so of the partition keys, all of which it asks: many at once cost little more than one.
func (h *keyHashes) partitionInside(a *AggregatedRecord) bool {
	if h.hasher == nil {
		h.hasher = new(hashkey.Hasher)
	}
	var keys [32]hashkey.Key
	all := true
	for from := 0; from < len(h.partition); from += len(keys) {
		texts := a.partitionKeys[from:min(from+len(keys), len(h.partition))]
		h.hasher.Of(texts, keys[:])
		for i := range texts {
			s := h.place(keys[i], inside)
			h.partition[from+i] = s
			all = all && s == inside
		}
	}
	return all
}

// span returns the least and the greatest hash key of a's user records, all of which are known. It computes them again:
// few aggregates are asked for them.
func (h *keyHashes) span(a *AggregatedRecord) (least, greatest hashkey.Key) {
	least = hashkey.Max()
	for i := range a.users {
		s := &a.users[i]
		table, at := h.partition, s.partitionKey
		if s.explicitHashKey != noIndex {
			table, at = h.explicit, s.explicitHashKey
		}
		if table[at]&spanned != 0 {
			continue
		}
		table[at] |= spanned
		var key hashkey.Key
		if s.explicitHashKey != noIndex {
			key, _ = h.read(a.explicitHashKeys[at])
		} else {
			key = hashkey.Of(a.partitionKeys[at])
		}
		if key.Compare(least) < 0 {
			least = key
		}
		if key.Compare(greatest) > 0 {
			greatest = key
		}
	}
	return least, greatest
}

// explicitHash reads an explicit hash key as Kinesis does.
func explicitHash(text string) (hashkey.Key, hashState) {
	if strings.Trim(text, "0123456789") != "" {
		return hashkey.Key{}, noNumber // without an error that nobody reads: there may be one for each user record
	}
	key, err := hashkey.Parse(text)
	if err != nil {
		return key, noNumber
	}
	return key, inside
}
