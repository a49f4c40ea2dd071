package producer

import (
	"context"
	"errors"
	"slices"
	"sort"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/deagg/hashkey"
	"github.com/kplkit/kplkit/seqnum"
)

// description is what DescribeStreamSummary tells that the producer goes by.
type description struct {
	maxRecord      int // bytes of data and partition key
	serviceManaged bool
}

// usualStream is a stream of which nothing is known.
var usualStream = description{maxRecord: usualRecord}

// shardMap is a stream's shards, as listed once.
type shardMap struct {
	open []shard          // in the order of their ranges, which cover all hash keys
	ends []hashkey.Key    // of open: a short list, since each record is looked up in it
	all  map[string]shard // closed ones included, by id
}

// shard is a shard of one stream. Its id is not enough: a stream that is deleted and made anew under the same name has
// the same ids again, for other ranges.
type shard struct {
	id   string
	keys hashkey.Range
	born time.Time // to the second, UTC; zero: not known
}

// gave tells whether the shard can have given out a sequence number, if that names its id: it was born at the same time,
// as far as is known.
func (s shard) gave(sequenceNumber string) bool {
	born := birth(sequenceNumber)
	return s.born.IsZero() || born.IsZero() || s.born.Equal(born)
}

// birth is when the shard of a sequence number was created, zero if the number does not tell.
func birth(sequenceNumber string) time.Time {
	n, err := seqnum.Parse(sequenceNumber)
	if err != nil {
		return time.Time{}
	}
	born, _ := n.ShardCreated()
	return born
}

// listing is what one look at the stream brought.
type listing struct {
	shards      *shardMap    // nil: see err
	description *description // nil: unknown as before
	err         error
	forbidden   bool // ListShards is not allowed: err will not go away by itself
	gone        bool // there is no such stream
}

// look looks at the stream, and leaves what it saw in the mailbox. Its goroutine may be ended in the middle.
func (p *Producer) look() {
	l := &listing{err: errAborted}
	defer func() { p.box.post(func(in *mail) { in.listing = l }) }()
	l.description = p.describe()
	l.shards, l.err = p.listShards()
	l.gone = isGone(l.err)
	l.forbidden = l.err != nil && !l.gone && classify(l.err) == permanent
}

// describe returns what was known before if it fails, or else the usual stream if it can't succeed another time.
func (p *Producer) describe() *description {
	ctx, cancel := context.WithTimeout(p.ctx, describeTimeout)
	defer cancel()
	in := &kinesis.DescribeStreamSummaryInput{}
	in.StreamName, in.StreamARN = p.cfg.streamRef()
	out, err := p.api.DescribeStreamSummary(ctx, in)
	if err != nil {
		known := p.description.Load()
		if known == nil && classify(err) == permanent {
			known = &usualStream
		}
		return known
	}
	d := usualStream
	if out == nil {
		return &d
	}
	if s := out.StreamDescriptionSummary; s != nil {
		d.serviceManaged = s.RecordDistributionStrategy == types.RecordDistributionStrategyAuto
		if kib := s.MaxRecordSizeInKiB; kib != nil && *kib > 0 {
			d.maxRecord = int(*kib) * kibibyte
		}
	}
	return &d
}

// listShards lists all shards, the closed ones, too.
func (p *Producer) listShards() (*shardMap, error) {
	ctx, cancel := context.WithTimeout(p.ctx, listTimeout)
	defer cancel()
	in := &kinesis.ListShardsInput{}
	in.StreamName, in.StreamARN = p.cfg.streamRef()
	var shards []types.Shard
	for {
		out, err := p.api.ListShards(ctx, in)
		switch {
		case err != nil:
			return nil, err
		case out == nil:
			return nil, errNoAnswer
		}
		shards = append(shards, out.Shards...)
		switch next := deref(out.NextToken); {
		case next == "":
			return newShardMap(shards)
		case next == deref(in.NextToken):
			return nil, errEndless
		case ctx.Err() != nil: // an API that goes on all the same must not hold up Close
			return nil, ctx.Err()
		}
		in = &kinesis.ListShardsInput{NextToken: out.NextToken}
	}
}

// errEndless is a listing without an end.
var errEndless = errors.New("ListShards answers with the token that it was asked with")

// errIncomplete is a listing that a reshard got into.
var errIncomplete = errors.New("the open shards listed do not cover all hash keys once")

// newShardMap fails if the open shards do not cover the hash keys. A shard is not open if a child of it is listed,
// even if it says so.
func newShardMap(shards []types.Shard) (*shardMap, error) {
	m := &shardMap{all: map[string]shard{}}
	parents := map[string]bool{}
	for _, s := range shards {
		for _, parent := range []*string{s.ParentShardId, s.AdjacentParentShardId} {
			if parent != nil {
				parents[*parent] = true
			}
		}
	}
	for _, s := range shards {
		if s.ShardId == nil || s.HashKeyRange == nil || s.HashKeyRange.StartingHashKey == nil || s.HashKeyRange.EndingHashKey == nil {
			return nil, errIncomplete
		}
		keys, err := hashkey.ParseRange(*s.HashKeyRange.StartingHashKey, *s.HashKeyRange.EndingHashKey)
		if err != nil {
			return nil, err
		}
		found, closed := shard{id: *s.ShardId, keys: keys}, false
		if r := s.SequenceNumberRange; r != nil {
			found.born, closed = birth(deref(r.StartingSequenceNumber)), r.EndingSequenceNumber != nil
		}
		m.all[found.id] = found
		if !closed && !parents[found.id] {
			m.open = append(m.open, found)
		}
	}
	slices.SortFunc(m.open, func(a, b shard) int { return a.keys.Start().Compare(b.keys.Start()) })
	if !m.covers() {
		return nil, errIncomplete
	}
	m.ends = endsOf(m.open)
	return m, nil
}

// count is how many shards are open; 0: not known.
func (m *shardMap) count() int {
	if m == nil {
		return 0
	}
	return len(m.open)
}

func endsOf(shards []shard) []hashkey.Key {
	ends := make([]hashkey.Key, len(shards))
	for i, s := range shards {
		ends[i] = s.keys.End()
	}
	return ends
}

// covers tells whether each hash key has one open shard.
func (m *shardMap) covers() bool {
	next := hashkey.Key{}
	for _, s := range m.open {
		if s.keys.Start() != next {
			return false
		}
		next = s.keys.End().Next()
	}
	return len(m.open) > 0 && next == hashkey.Key{}
}

// owner returns the index of the open shard of a hash key.
func (m *shardMap) owner(k hashkey.Key) int {
	return sort.Search(len(m.ends)-1, func(i int) bool { return k.Compare(m.ends[i]) <= 0 })
}
