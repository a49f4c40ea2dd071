package kinesisfake

import (
	"time"

	"github.com/kplkit/kplkit/deagg/hashkey"
)

type mergeShardsInput struct {
	streamRef
	ShardToMerge         *string
	AdjacentShardToMerge *string
}

func (s *Server) mergeShards(in *mergeShardsInput) (any, error) {
	st, err := s.provisioned(in.streamRef)
	if err != nil {
		return nil, err
	}
	sh, err := st.openShard(in.ShardToMerge, "shardToMerge")
	if err != nil {
		return nil, err
	}
	adjacent, err := st.openShard(in.AdjacentShardToMerge, "adjacentShardToMerge")
	if err != nil {
		return nil, err
	}
	low, high := sh.hashRange, adjacent.hashRange
	if low.Start().Compare(high.Start()) > 0 {
		low, high = high, low
	}
	if sh == adjacent || low.End().Next() != high.Start() {
		return nil, invalidArgument("Shards %s and %s in %v are not an adjacent pair of shards eligible for merging.",
			sh.id, adjacent.id, st)
	}
	keys, _ := hashkey.NewRange(low.Start(), high.End())
	s.begin(st, updating, func(now time.Time) { st.reshard(now, []hashkey.Range{keys}, sh, adjacent) })
	return nil, nil
}
