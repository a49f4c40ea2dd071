package deagg

import "github.com/kplkit/kplkit/deagg/hashkey"

// keyHash is the hash key of one entry of a key table, once it has been asked for.
type keyHash struct {
	key   hashkey.Key
	state hashState
}

type hashState uint8

const (
	unasked  hashState = iota
	known              // key is it
	outside            // a number, but none of 0…2^128−1: it lies in no range (only Java reads such numbers)
	noNumber           // an explicit hash key that can't be read: it lies in no range either
	lost               // an index is out of its table: nothing is known
)

// keyHashes holds the hash keys of an aggregate's two key tables, so that each is computed at most once however many
// user records share it, and not at all if nobody asks.
type keyHashes struct {
	partition, explicit []keyHash
}

func (h *keyHashes) reset(a *AggregatedRecord) {
	h.partition = zeroed(h.partition, len(a.partitionKeys))
	h.explicit = zeroed(h.explicit, len(a.explicitHashKeys))
}

// zeroed returns n zero values, in s's memory if it is large enough.
func zeroed(s []keyHash, n int) []keyHash {
	if cap(s) < n {
		return make([]keyHash, n)
	}
	s = s[:n]
	clear(s)
	return s
}

// of returns the hash key of user record s of a. read reads an explicit hash key.
func (h *keyHashes) of(a *AggregatedRecord, s *userSpan, read func(string) keyHash) keyHash {
	explicit := s.explicitHashKey != noIndex
	if s.partitionKey >= uint32(len(h.partition)) || explicit && s.explicitHashKey >= uint32(len(h.explicit)) {
		return keyHash{state: lost}
	}
	if explicit {
		return h.ofExplicit(a, int(s.explicitHashKey), read)
	}
	return h.ofPartition(a, int(s.partitionKey))
}

func (h *keyHashes) ofPartition(a *AggregatedRecord, i int) keyHash {
	k := &h.partition[i]
	if k.state == unasked {
		*k = keyHash{hashkey.Of(a.partitionKeys[i]), known}
	}
	return *k
}

func (h *keyHashes) ofExplicit(a *AggregatedRecord, i int, read func(string) keyHash) keyHash {
	k := &h.explicit[i]
	if k.state == unasked {
		*k = read(a.explicitHashKeys[i])
	}
	return *k
}

// allIn reports whether every key of both tables belongs to r. Then every user record does, which saves looking at
// each of them: the usual case.
func (h *keyHashes) allIn(a *AggregatedRecord, r hashkey.Range, read func(string) keyHash) bool {
	for i := range h.explicit {
		if !h.ofExplicit(a, i, read).in(r) {
			return false
		}
	}
	for i := range h.partition {
		if !h.ofPartition(a, i).in(r) {
			return false
		}
	}
	return true
}

// in reports whether a user record of this hash key belongs to r. What has lost its key counts as belonging.
func (h keyHash) in(r hashkey.Range) bool {
	return h.state == lost || h.state == known && r.Contains(h.key)
}

// explicitHash reads an explicit hash key as Kinesis does.
func explicitHash(text string) keyHash {
	key, err := hashkey.Parse(text)
	if err != nil {
		return keyHash{state: noNumber}
	}
	return keyHash{key, known}
}
