package cli

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/kplkit/kplkit/deagg/hashkey"
	"github.com/kplkit/kplkit/producer"
	"github.com/kplkit/kplkit/producer/aggregator"
	"github.com/kplkit/kplkit/seqnum"
)

const (
	demoStream    = "orders"
	demoShards    = 4
	demoAggregate = 40 // user records in an aggregate

	// demoEnds is the number of shards that there are in the end: each split ends one and makes two.
	demoEnds = demoShards + 2*2

	leastDemoRecords = 2000 // fewer do not fill aggregates on all shards before the workers are killed
)

// demoLedger knows where each user record of the demo lies, as far as the producer has been told. The data of a user
// record is its number, 0 to n-1. The last demoEnds of them are the last of a shard each, put plain: who has got those
// is at the end of every shard.
type demoLedger struct {
	n int

	mu    sync.Mutex
	at    []seqnum.Extended
	sizes map[seqnum.Number]int // user records of each aggregate
}

func newDemoLedger(n int) *demoLedger {
	return &demoLedger{n: n, at: make([]seqnum.Extended, n), sizes: map[seqnum.Number]int{}}
}

// stored notes where a user record lies.
func (l *demoLedger) stored(number int, at seqnum.Extended) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.at[number] = at
	if stored, ok := at.Number(); ok && !at.Whole() {
		l.sizes[stored]++
	}
}

// inside reports whether a worker that is killed at a user record has a checkpoint inside the same aggregate behind
// it, and some of the aggregate before it.
func (l *demoLedger) inside(number int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := l.at[number]
	stored, _ := at.Number()
	before := int(at.SubSequenceNumber())
	return before >= demoCheckpoint && l.sizes[stored]-1-before >= demoCheckpoint
}

// isEnd reports whether a user record is the last of its shard.
func (l *demoLedger) isEnd(number int) bool { return number >= l.n-demoEnds }

// demoProducer fills the stream.
type demoProducer struct {
	client *kinesis.Client
	ledger *demoLedger
	open   []hashkey.Range // of the shards that are open, the oldest first
	ended  int             // shards
}

func (p *demoProducer) create(ctx context.Context) error {
	_, err := p.client.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String(demoStream), ShardCount: aws.Int32(demoShards)})
	p.open = hashkey.Whole().Split(demoShards)
	return err
}

// put puts user records, and returns the first one's result when all are stored. Each time a producer of its own does,
// which knows of all splits: what misses its shard is put again, and would come twice to every consumer, whoever reads.
func (p *demoProducer) put(ctx context.Context, numbers []int, record func(number int) producer.Record) (producer.Result, error) {
	sender, err := producer.New(p.client, demoStream, producer.WithMaxAggregate(aggregator.DefaultMaxBytes, demoAggregate),
		producer.WithRequestTimeout(demoPatience), producer.WithTimeToLive(demoPatience)) // a slow machine is no reason to put again
	if err != nil {
		return producer.Result{}, err
	}
	results, err := sender.PutSync(ctx, record(numbers[0])) // it knows the shards then, and aggregates
	first := results[0]
	p.ledger.stored(numbers[0], first.Position)
	var failed error
	for _, number := range numbers[1:] {
		if err != nil {
			break
		}
		err = sender.Put(ctx, record(number), func(_ producer.Record, res producer.Result) {
			p.ledger.stored(number, res.Position)
			failed = cmp.Or(failed, res.Err)
		})
	}
	if closed := sender.Close(ctx); err == nil {
		err = cmp.Or(closed, failed)
	}
	return first, err
}

// putPart puts one of several equal parts of all that is not the last of a shard.
func (p *demoProducer) putPart(ctx context.Context, part, parts int) error {
	n := p.ledger.n - demoEnds
	var numbers []int
	for number := n * part / parts; number < n*(part+1)/parts; number++ {
		numbers = append(numbers, number)
	}
	_, err := p.put(ctx, numbers, func(number int) producer.Record {
		return producer.Record{PartitionKey: fmt.Sprintf("customer-%d", number), Data: strconv.AppendInt(nil, int64(number), 10)}
	})
	return err
}

// end puts the last user record of a shard, and returns the shard's id.
func (p *demoProducer) end(ctx context.Context, keys hashkey.Range) (shardID string, err error) {
	number := p.ledger.n - demoEnds + p.ended
	p.ended++
	last, err := p.put(ctx, []int{number}, func(number int) producer.Record {
		return producer.Record{PartitionKey: "last", ExplicitHashKey: keys.Start().String(), Data: strconv.AppendInt(nil, int64(number), 10)}
	})
	return last.ShardID, err
}

// split splits the oldest open shard in the middle.
func (p *demoProducer) split(ctx context.Context) error {
	keys := p.open[0]
	id, err := p.end(ctx, keys)
	if err != nil {
		return err
	}
	halves := keys.Split(2)
	p.open = append(p.open[1:], halves...)
	middle := halves[1].Start().String()
	_, err = p.client.SplitShard(ctx, &kinesis.SplitShardInput{StreamName: aws.String(demoStream), ShardToSplit: &id, NewStartingHashKey: &middle})
	return err
}

// close ends all shards that are open.
func (p *demoProducer) close(ctx context.Context) error {
	for _, keys := range p.open {
		if _, err := p.end(ctx, keys); err != nil {
			return err
		}
	}
	return nil
}
