package cli

import (
	"cmp"
	"slices"
	"strings"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/hashkey"
)

const (
	mostShards  = 4096   // whose user records are counted
	mostStrayed = 10_000 // hash keys that wait for the range that holds them
)

// shardCounts counts user records by the shard that they were meant for: their stored record's, if its range holds their
// hash key, else the newest shard whose range does. Ranges come with the records, so that hash keys may have to wait.
type shardCounts struct {
	counts  map[shardRange]int64
	strayed map[hashkey.Key]int64
	unknown int64 // in no range of the input, or without a hash key
}

type shardRange struct {
	id     string // "" where the input has none
	hashes hashkey.Range
}

// saw notes a shard. It returns false if it has no range, or there are too many.
func (s *shardCounts) saw(id string, hashes hashkey.Range) bool {
	at := shardRange{id, hashes}
	if _, known := s.counts[at]; known || !hashes.IsValid() {
		return known
	}
	if s.counts == nil {
		s.counts, s.strayed = make(map[shardRange]int64), make(map[hashkey.Key]int64)
	}
	if len(s.counts) == mostShards {
		return false
	}
	at.id = strings.Clone(id) // it shares the memory of its record
	s.counts[at] = 0
	return true
}

// add counts a user record of a stored record that was in the shard id.
func (s *shardCounts) add(u *deagg.UserRecord, id string, hashes hashkey.Range) {
	hash, err := hashkey.Of(u.PartitionKey), error(nil)
	if u.ExplicitHashKey != "" {
		hash, err = hashkey.Parse(u.ExplicitHashKey)
	}
	own := s.saw(id, hashes)
	switch {
	case err != nil:
		s.unknown++
	case own && hashes.Contains(hash):
		s.counts[shardRange{id, hashes}]++
	default:
		if s.strayed == nil {
			s.strayed = make(map[hashkey.Key]int64)
		}
		if s.strayed[hash]++; len(s.strayed) >= mostStrayed {
			s.settle()
		}
	}
}

// settle counts the hash keys that have waited.
func (s *shardCounts) settle() {
	newest := s.shards()
	slices.Reverse(newest)
	for hash, n := range s.strayed {
		if i := slices.IndexFunc(newest, func(at shardRange) bool { return at.hashes.Contains(hash) }); i >= 0 {
			s.counts[newest[i]] += n
		} else {
			s.unknown += n
		}
	}
	clear(s.strayed)
}

// shards returns the shards in order of their ids, which is the order in which they were made.
func (s *shardCounts) shards() []shardRange {
	var shards []shardRange
	for at := range s.counts {
		shards = append(shards, at)
	}
	slices.SortFunc(shards, func(a, b shardRange) int {
		return cmp.Or(strings.Compare(a.id, b.id), a.hashes.Start().Compare(b.hashes.Start()), a.hashes.End().Compare(b.hashes.End()))
	})
	return shards
}
