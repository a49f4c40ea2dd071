package kinesisfake

import (
	"cmp"
	"slices"
	"strconv"
	"time"
)

type listShardsInput struct {
	streamRef
	ExclusiveStartShardId *string
	MaxResults            *int
	NextToken             *string
	ShardFilter           *shardFilter
	createdAt
}

type shardFilter struct {
	Type      string
	ShardId   *string
	Timestamp *epoch
}

type listShardsOutput struct {
	Shards    []shardDescription
	NextToken string `json:",omitempty"`
}

func (s *Server) listShards(in *listShardsInput) (any, error) {
	if err := within(in.MaxResults, 1, 10_000, "maxResults"); err != nil {
		return nil, err
	}
	filter, after := in.ShardFilter, in.ExclusiveStartShardId
	var st *stream
	var err error
	if in.NextToken != nil {
		st, filter, after, err = s.nextShards(in)
	} else {
		st, err = s.streamOf(in.streamRef, in.createdAt)
	}
	if err != nil {
		return nil, err
	}
	shards := st.held()
	if filter != nil {
		if shards, err = st.filter(shards, *filter); err != nil {
			return nil, err
		}
	}
	shards = behind(shards, after)
	limit := 1000
	if in.MaxResults != nil {
		limit = *in.MaxResults
	}
	if len(shards) <= limit {
		return listShardsOutput{Shards: describe(shards)}, nil
	}
	shards = shards[:limit]
	return listShardsOutput{describe(shards), st.nextToken(filter, shards[limit-1].id)}, nil
}

// behind leaves out the shards up to the one with the id.
func behind(shards []*shard, id *string) []*shard {
	if id == nil {
		return shards
	}
	start, found := slices.BinarySearchFunc(shards, *id, func(sh *shard, id string) int { return cmp.Compare(sh.id, id) })
	if found {
		start++
	}
	return shards[start:]
}

// nextToken carries the stream, the filter, and the last shard listed.
func (st *stream) nextToken(f *shardFilter, last string) string {
	kind, shard, ms := "", "", ""
	if f != nil {
		kind = f.Type
		if f.ShardId != nil {
			shard = *f.ShardId
		}
		if f.Timestamp != nil {
			ms = strconv.FormatInt(f.Timestamp.time().UnixMilli(), 10)
		}
	}
	return sealToken("shards", st.name, last, kind, shard, ms)
}

func (s *Server) nextShards(in *listShardsInput) (st *stream, f *shardFilter, after *string, err error) {
	if in.StreamName != nil || in.StreamARN != nil || in.ShardFilter != nil || in.ExclusiveStartShardId != nil || in.StreamCreationTimestamp != nil {
		return nil, nil, nil, invalidArgument("NextToken says it all: it goes without StreamName, StreamARN, StreamCreationTimestamp, " +
			"ShardFilter and ExclusiveStartShardId.")
	}
	fields, err := openNextToken(*in.NextToken, "shards", 5)
	if err != nil {
		return nil, nil, nil, err
	}
	if kind := fields[2]; kind != "" {
		f = &shardFilter{Type: kind, ShardId: &fields[3]}
		if ms, err := strconv.ParseInt(fields[4], 10, 64); err == nil {
			at := epoch(time.UnixMilli(ms))
			f.Timestamp = &at
		}
	}
	st, err = s.streamNamed(fields[0])
	return st, f, &fields[1], err
}

// filter keeps the shards that a filter asks for.
func (st *stream) filter(shards []*shard, f shardFilter) ([]*shard, error) {
	if err := f.Timestamp.known(); err != nil {
		return nil, err
	}
	switch byTime := f.Type == "AT_TIMESTAMP" || f.Type == "FROM_TIMESTAMP"; {
	case byTime && f.Timestamp == nil:
		return nil, invalidArgument("ShardFilter %s needs a Timestamp.", f.Type)
	case byTime && f.Timestamp.time().Before(st.created), byTime && f.Timestamp.time().Before(st.horizon()):
		f.Type = map[string]string{"AT_TIMESTAMP": "AT_TRIM_HORIZON", "FROM_TIMESTAMP": "FROM_TRIM_HORIZON"}[f.Type]
	}
	var keep func(*shard) bool
	switch f.Type {
	case "AFTER_SHARD_ID":
		if f.ShardId == nil {
			return nil, invalidArgument("ShardFilter %s needs a ShardId.", f.Type)
		}
		return behind(shards, f.ShardId), nil
	case "FROM_TRIM_HORIZON":
		return shards, nil
	case "AT_TRIM_HORIZON":
		keep = func(sh *shard) bool { return !st.hasParent(sh) }
	case "AT_LATEST":
		keep = (*shard).isOpen
	case "AT_TIMESTAMP":
		keep = func(sh *shard) bool { return !sh.created.After(f.Timestamp.time()) && sh.openAt(f.Timestamp.time()) }
	case "FROM_TIMESTAMP":
		keep = func(sh *shard) bool { return sh.openAt(f.Timestamp.time()) }
	default:
		return nil, violation(f.Type, "shardFilter.type", "Member must satisfy enum value set: [AFTER_SHARD_ID, "+
			"AT_TRIM_HORIZON, FROM_TRIM_HORIZON, AT_LATEST, AT_TIMESTAMP, FROM_TIMESTAMP]")
	}
	return slices.DeleteFunc(slices.Clone(shards), func(sh *shard) bool { return !keep(sh) }), nil
}

// openAt tells whether the shard was not closed before t.
func (sh *shard) openAt(t time.Time) bool { return sh.isOpen() || !sh.closed.Before(t) }

// hasParent tells whether any of the shard's parents is still held.
func (st *stream) hasParent(sh *shard) bool {
	return slices.ContainsFunc(sh.parents, func(id string) bool {
		_, err := st.shard(&id, "")
		return err == nil
	})
}
