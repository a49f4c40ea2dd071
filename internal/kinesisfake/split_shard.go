package kinesisfake

import (
	"time"

	"github.com/kplkit/kplkit/deagg/hashkey"
)

type splitShardInput struct {
	streamRef
	ShardToSplit       *string
	NewStartingHashKey *string
}

func (s *Server) splitShard(in *splitShardInput) (any, error) {
	st, err := s.provisioned(in.streamRef)
	if err != nil {
		return nil, err
	}
	sh, err := st.openShard(in.ShardToSplit, "shardToSplit")
	switch {
	case err != nil:
		return nil, err
	case in.NewStartingHashKey == nil:
		return nil, missing("newStartingHashKey")
	case !explicitHashKey.MatchString(*in.NewStartingHashKey):
		return nil, violation(*in.NewStartingHashKey, "newStartingHashKey",
			`Member must satisfy regular expression pattern: 0|([1-9]\d{0,38})`)
	}
	keys := sh.hashRange
	at, err := hashkey.Parse(*in.NewStartingHashKey)
	if err != nil || at.Compare(keys.Start().Next()) <= 0 || at.Compare(keys.End()) >= 0 || keys.Start() == hashkey.Max() {
		return nil, invalidArgument("NewStartingHashKey %s used in SplitShard() on shard %s in %v is not both greater than one plus "+
			"the shard's StartingHashKey %v and less than the shard's EndingHashKey %v.",
			*in.NewStartingHashKey, sh.id, st, keys.Start(), keys.End())
	}
	if s.openShards() >= maxShards {
		return nil, fail("LimitExceededException", "The account %s has its limit of %d shards.", accountID, maxShards)
	}
	lower, _ := hashkey.NewRange(keys.Start(), at.Prev())
	upper, _ := hashkey.NewRange(at, keys.End())
	s.begin(st, updating, func(now time.Time) { st.reshard(now, []hashkey.Range{lower, upper}, sh) })
	return nil, nil
}

// provisioned finds a stream whose shards may be split and merged.
func (s *Server) provisioned(ref streamRef) (*stream, error) {
	st, err := s.activeStream(ref)
	if err == nil && st.onDemand {
		return nil, invalidArgument("The shards of %v are not for its user to change: it is ON_DEMAND.", st)
	}
	return st, err
}

// openShard finds a shard that may be split or merged.
func (st *stream) openShard(id *string, member string) (*shard, error) {
	sh, err := st.shard(id, member)
	if err == nil && !sh.isOpen() {
		return nil, invalidArgument("Shard %s in %v has already been merged or split, and thus is not eligible for merging or splitting.",
			sh.id, st)
	}
	return sh, err
}
