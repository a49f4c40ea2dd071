package cli

import (
	"context"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/deagg/hashkey"
	"github.com/kplkit/kplkit/producer/aggregator"
)

const (
	demoStream    = "orders"
	demoShards    = 4
	demoAggregate = 40 // user records in an aggregate

	// demoEnds is the number of shards that there are in the end: each split ends one and makes two.
	demoEnds = demoShards + 2*2

	leastDemoRecords = 2000 // fewer do not fill aggregates on all shards before the workers are killed
)

// demoLedger knows where each user record of the demo lies. The data of a user record is its number, 0 to n-1.
// The last demoEnds of them are the last of a shard each, put plain: who has got those is at the end of every shard.
type demoLedger struct {
	n int

	mu         sync.Mutex
	before     []int // user records that lie before each one in its aggregate
	behind     []int // and behind it
	aggregates int
}

func newDemoLedger(n int) *demoLedger {
	return &demoLedger{n: n, before: make([]int, n), behind: make([]int, n)}
}

// aggregated notes an aggregate.
func (l *demoLedger) aggregated(numbers []int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.aggregates++
	for i, number := range numbers {
		l.before[number], l.behind[number] = i, len(numbers)-1-i
	}
}

// inside reports whether a worker that is killed at a user record has a checkpoint inside the same aggregate behind
// it, and some of the aggregate before it.
func (l *demoLedger) inside(number int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.before[number] >= demoCheckpoint && l.behind[number] >= demoCheckpoint
}

// isEnd reports whether a user record is the last of its shard.
func (l *demoLedger) isEnd(number int) bool { return number >= l.n-demoEnds }

// demoProducer fills the stream with an aggregate for each shard at a time, as the KPL does.
type demoProducer struct {
	client *kinesis.Client
	ledger *demoLedger
	shards []*demoShard // that are open
	ended  int
}

type demoShard struct {
	id      string
	keys    hashkey.Range
	encoder aggregator.Encoder
	numbers []int // of the user records in encoder
}

func (p *demoProducer) create(ctx context.Context) error {
	_, err := p.client.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String(demoStream), ShardCount: aws.Int32(demoShards)})
	if err != nil {
		return err
	}
	return p.list(ctx)
}

// list learns which shards are open. What is kept for a shard stays.
func (p *demoProducer) list(ctx context.Context) error {
	known := p.shards
	p.shards = nil
	out, err := p.client.ListShards(ctx, &kinesis.ListShardsInput{StreamName: aws.String(demoStream)})
	if err != nil {
		return err
	}
	for _, shard := range out.Shards {
		if shard.SequenceNumberRange.EndingSequenceNumber != nil {
			continue
		}
		if i := slices.IndexFunc(known, func(s *demoShard) bool { return s.id == *shard.ShardId }); i >= 0 {
			p.shards = append(p.shards, known[i])
			continue
		}
		s, err := newDemoShard(shard)
		if err != nil {
			return err
		}
		p.shards = append(p.shards, s)
	}
	return nil
}

func newDemoShard(shard types.Shard) (*demoShard, error) {
	keys, err := hashkey.ParseRange(*shard.HashKeyRange.StartingHashKey, *shard.HashKeyRange.EndingHashKey)
	return &demoShard{id: *shard.ShardId, keys: keys, encoder: aggregator.Encoder{MaxCount: demoAggregate}}, err
}

// putPart puts one of several equal parts of all that is not the last of a shard.
func (p *demoProducer) putPart(ctx context.Context, part, parts int) error {
	n := p.ledger.n - demoEnds
	for number := n * part / parts; number < n*(part+1)/parts; number++ {
		r := aggregator.Record{PartitionKey: fmt.Sprintf("customer-%d", number), Data: strconv.AppendInt(nil, int64(number), 10)}
		key := hashkey.Of(r.PartitionKey)
		s := p.shards[slices.IndexFunc(p.shards, func(s *demoShard) bool { return s.keys.Contains(key) })]
		if err := p.add(ctx, s, number, r); err != nil {
			return err
		}
	}
	return nil
}

func (p *demoProducer) add(ctx context.Context, s *demoShard, number int, r aggregator.Record) error {
	fits, err := s.encoder.Add(r)
	if err == nil && !fits {
		if err := p.flush(ctx, s); err != nil {
			return err
		}
		_, err = s.encoder.Add(r)
	}
	s.numbers = append(s.numbers, number)
	return err
}

// flush puts what is kept for a shard.
func (p *demoProducer) flush(ctx context.Context, s *demoShard) error {
	if s.encoder.Len() == 0 {
		return nil
	}
	if s.encoder.Len() > 1 {
		p.ledger.aggregated(s.numbers)
	}
	key, hashKey := s.encoder.Keys()
	in := &kinesis.PutRecordInput{StreamName: aws.String(demoStream), PartitionKey: &key, Data: s.encoder.AppendTo(nil)}
	if hashKey != "" {
		in.ExplicitHashKey = &hashKey
	}
	s.encoder.Reset()
	s.numbers = s.numbers[:0]
	_, err := p.client.PutRecord(ctx, in)
	return err
}

// end puts the last user record of a shard.
func (p *demoProducer) end(ctx context.Context, s *demoShard) error {
	if err := p.flush(ctx, s); err != nil {
		return err
	}
	number := p.ledger.n - demoEnds + p.ended
	p.ended++
	last := aggregator.Record{PartitionKey: "last", ExplicitHashKey: s.keys.Start().String(), Data: strconv.AppendInt(nil, int64(number), 10)}
	if err := p.add(ctx, s, number, last); err != nil {
		return err
	}
	return p.flush(ctx, s)
}

// split splits the oldest open shard in the middle.
func (p *demoProducer) split(ctx context.Context) error {
	s := p.shards[0]
	if err := p.end(ctx, s); err != nil {
		return err
	}
	middle := middleOf(s.keys)
	_, err := p.client.SplitShard(ctx, &kinesis.SplitShardInput{StreamName: aws.String(demoStream), ShardToSplit: &s.id, NewStartingHashKey: &middle})
	if err != nil {
		return err
	}
	return p.list(ctx)
}

func middleOf(r hashkey.Range) string {
	start, _ := new(big.Int).SetString(r.Start().String(), 10)
	end, _ := new(big.Int).SetString(r.End().String(), 10)
	sum := new(big.Int).Add(start, end)
	return sum.Rsh(sum, 1).String()
}

// close ends all shards that are open.
func (p *demoProducer) close(ctx context.Context) error {
	for _, s := range p.shards {
		if err := p.end(ctx, s); err != nil {
			return err
		}
	}
	return nil
}
