package kinesisfake

import (
	"time"

	"github.com/kplkit/kplkit/deagg/hashkey"
)

const (
	maxShards      = 10_000 // of all streams together
	onDemandShards = 4      // of a new on-demand stream
	mebibyte       = 1 << 20
	userKeys       = "USER_PARTITION_KEY"
	autoKeys       = "AUTO"
)

type createStreamInput struct {
	StreamName                 *string
	ShardCount                 *int
	StreamModeDetails          *streamModeDetails
	RecordDistributionStrategy *string
	MaxRecordSizeInKiB         *int
}

func (s *Server) createStream(in *createStreamInput) (any, error) {
	if in.StreamName == nil {
		return nil, missing("streamName")
	}
	if err := checkName(*in.StreamName, "streamName"); err != nil {
		return nil, err
	}
	st := &stream{name: *in.StreamName, created: time.Now(), retention: s.opts.Retention,
		recordSize: mebibyte, limited: s.opts.RateLimits, consumers: map[string]*consumer{}}
	shards, err := st.capacity(in)
	if err != nil {
		return nil, err
	}
	if _, err := s.streamNamed(st.name); err == nil {
		return nil, inUse("Stream %s under account %s already exists.", st.name, accountID)
	}
	if have := s.openShards(); have+shards > maxShards {
		return nil, fail("LimitExceededException", "The account %s has %d shards; %d more exceed its limit of %d.",
			accountID, have, shards, maxShards)
	}
	st.born = s.born + 1 // only now: streamNamed may have ended a deletion
	s.streams[st.name] = st
	s.begin(st, creating, func(at time.Time) {
		for _, keys := range hashkey.Whole().Split(shards) {
			st.addShard(keys, at)
		}
		st.sortOpen()
	})
	return nil, nil
}

// capacity sets the stream's mode, distribution and record size, and returns its number of shards.
func (st *stream) capacity(in *createStreamInput) (shards int, err error) {
	if in.StreamModeDetails != nil {
		if st.onDemand, err = parseMode(*in.StreamModeDetails); err != nil {
			return 0, err
		}
	}
	if in.RecordDistributionStrategy != nil {
		if err := st.setStrategy(*in.RecordDistributionStrategy); err != nil {
			return 0, err
		}
	}
	if err := st.setRecordSize(in.MaxRecordSizeInKiB); err != nil {
		return 0, err
	}
	if err := within(in.ShardCount, 1, 1<<31-1, "shardCount"); err != nil {
		return 0, err
	}
	switch {
	case st.onDemand && in.ShardCount != nil:
		return 0, invalidArgument("ShardCount goes with PROVISIONED streams only.")
	case st.onDemand:
		return onDemandShards, nil
	case in.ShardCount == nil:
		return 0, invalidArgument("A PROVISIONED stream needs a ShardCount.")
	}
	return *in.ShardCount, nil
}

// openShards counts the open shards of all streams.
func (s *Server) openShards() int {
	n := 0
	for _, st := range s.streams {
		n += len(st.open)
	}
	return n
}
