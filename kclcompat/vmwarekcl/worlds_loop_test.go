package vmwarekcl_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/deaggaws"
	"github.com/kplkit/kplkit/internal/sim"
	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/seqnum"
)

// The worlds without vmware, which cost less: a consumer on the SDK alone, and a store of its own for what a
// kclcompat.Checkpointer writes.

const loopWorldsOfEachKind = 140

// TestWorldsLoop: all consumers have kplkit, so that checkpoints are exact.
func TestWorldsLoop(t *testing.T) { loopWorlds(t, kclcompat.Kplkit()) }

// TestWorldsLoopMixed: some consumers go on after a stored record, so that checkpoints are held, by one aggregate at most.
func TestWorldsLoopMixed(t *testing.T) { loopWorlds(t, kclcompat.Kplkit(), kclcompat.SDK()) }

func loopWorlds(t *testing.T, readers ...kclcompat.Reader) {
	sim.Worlds(t, loopWorldsOfEachKind, many(), func(sw *sim.World) {
		w := newWorld(sw, scenario{})
		s := &store{world: w, readers: readers, positions: map[string]string{}}
		w.ended = func(shard string) bool { return s.position(shard) == "SHARD_END" }
		w.CreateStream("s", 1+w.rnd.IntN(4))
		written := w.writeAndReshard()
		for i := range 3 {
			name := fmt.Sprint("loop-", i)
			p := &process{Host: w.Host(name), name: name, world: w, dead: make(chan struct{})}
			p.bare = len(readers) > 1 && w.rnd.IntN(2) == 0
			if i < 2 {
				p.killAfter(1 + w.rnd.IntN(2*storedRecords))
			}
			go newLoop(p, s).run()
			if i < 2 {
				p.wait(time.Minute)
				p.stop()
			}
		}
		<-written
		w.untilComplete()
		w.check()
	})
	t.Log(&totals)
}

// store keeps positions of shards, as a database does: a write may fail, or succeed without an answer.
type store struct {
	world   *world
	readers []kclcompat.Reader

	mu        sync.Mutex
	positions map[string]string
}

func (s *store) position(shard string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.positions[shard]
}

// sink writes what one session checkpoints.
type sink struct {
	*store
	session *session
}

func (sink) Style() kclcompat.Style { return kclcompat.SubSequenceNumber }

var errUnanswered = errors.New("no answer")

func (s sink) WriteCheckpoint(_ context.Context, at, finished seqnum.Extended) error {
	rnd := s.session.rnd
	time.Sleep(time.Duration(rnd.Int64N(int64(10 * time.Millisecond))))
	s.session.process.Live()
	if rnd.IntN(10) == 0 {
		return errUnanswered
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	shard, text, ledger := s.session.shard, at.String(), s.world.ledger
	if was := s.positions[shard]; at != seqnum.ShardEnd() && ledger.before(shard, text) < ledger.before(shard, was) {
		s.world.T.Errorf("%v: %s: back from %q to %q", s.session.process, shard, was, text)
	}
	n, isNumber := at.Number()
	if f, ok := finished.Number(); ok && isNumber && f == n && ledger.before(shard, text) < ledger.before(shard, n.String()) {
		s.world.T.Errorf("%v: %s: %v is to be written, and %v to be finished", s.session.process, shard, at, finished)
	}
	s.positions[shard] = text
	if rnd.IntN(10) == 0 {
		return errUnanswered
	}
	return nil
}

// loop reads all shards of the stream, children after their parents, each in a goroutine.
type loop struct {
	*process
	client  *kinesis.Client
	store   *store
	started map[string]bool
}

// newLoop returns a loop with kplkit in its client, or a bare one that uses the Decoder and knows stored records only.
func newLoop(p *process, s *store) *loop {
	l := &loop{process: p, store: s, started: map[string]bool{}}
	switch {
	case p.bare:
		l.client = kinesis.NewFromConfig(p.AWS())
	case p.world.forwarded: // nothing may be dropped: these keys are no writer's mark
		l.client = kinesis.NewFromConfig(p.AWS(), deaggaws.WithDeaggregation(deaggaws.WithHashRanges()))
	default:
		l.client = kinesis.NewFromConfig(p.AWS(), deaggaws.WithDeaggregation())
	}
	return l
}

func (l *loop) run() {
	for {
		out, err := l.client.ListShards(context.Background(), &kinesis.ListShardsInput{StreamName: aws.String("s")})
		if err == nil {
			for _, s := range out.Shards {
				if id := *s.ShardId; !l.started[id] && l.ready(s) {
					l.started[id] = true
					go l.read(id)
				}
			}
		}
		time.Sleep(time.Second)
	}
}

func (l *loop) ready(s types.Shard) bool {
	for _, parent := range []*string{s.ParentShardId, s.AdjacentParentShardId} {
		if parent != nil && l.store.position(*parent) != "SHARD_END" {
			return false
		}
	}
	return l.store.position(*s.ShardId) != "SHARD_END"
}

func (l *loop) read(shard string) {
	start, from := l.store.position(shard), seqnum.TrimHorizon()
	if start != "" {
		from, _ = seqnum.ParseExtended(start) // the Checkpointer wrote it
	}
	if n, ok := from.Number(); ok && l.bare {
		start = n.String()
	}
	session := l.world.ledger.begin(l.process, shard, start)
	cp, err := kclcompat.NewCheckpointer(sink{l.store, session}, from, l.store.readers, kclcompat.WithCheckpointInterval(l.world.checkpointInterval))
	if err != nil {
		panic(err)
	}
	iterator := l.iterator(shard, start)
	for iterator != nil {
		out, err := l.client.GetRecords(context.Background(), &kinesis.GetRecordsInput{ShardIterator: iterator, Limit: aws.Int32(10)})
		if expired := (*types.ExpiredIteratorException)(nil); errors.As(err, &expired) {
			iterator = l.iterator(shard, start)
		}
		if err != nil {
			continue
		}
		l.suffer(session.rnd)
		var asked seqnum.Extended
		cp.BeginBatch()
		for u := range l.userRecords(out.Records, start) {
			asked = l.processOne(session, cp, u, asked)
		}
		l.flush(session, cp, asked)
		if n := len(out.Records); n > 0 {
			start = *out.Records[n-1].SequenceNumber
		}
		iterator = out.NextShardIterator
		time.Sleep(300 * time.Millisecond)
	}
	for cp.ShardEnd(context.Background()) != nil {
	}
}

// userRecords returns those of a batch that comes after a position text.
func (l *loop) userRecords(batch []types.Record, after string) iter.Seq[deagg.UserRecord] {
	if l.bare {
		var decoder deagg.Decoder
		return decoder.UserRecords(deaggaws.AppendStored(nil, batch)...)
	}
	at, _ := seqnum.ParseExtended(after)
	return slices.Values(deaggaws.AppendUserRecords(nil, batch, at))
}

// iterator returns one behind a position text.
func (l *loop) iterator(shard, after string) *string {
	in := &kinesis.GetShardIteratorInput{StreamName: aws.String("s"), ShardId: &shard, ShardIteratorType: types.ShardIteratorTypeTrimHorizon}
	if after != "" && after != "TRIM_HORIZON" {
		in.ShardIteratorType, in.StartingSequenceNumber = types.ShardIteratorTypeAfterSequenceNumber, &after
	}
	for {
		if out, err := l.client.GetShardIterator(context.Background(), in); err == nil {
			return out.ShardIterator
		}
	}
}

// processOne processes one user record, and often enough checkpoints it. It returns the last position that was.
func (l *loop) processOne(s *session, cp *kclcompat.Checkpointer, u deagg.UserRecord, asked seqnum.Extended) seqnum.Extended {
	l.work()
	l.world.ledger.deliver(s, u.SequenceNumber, string(u.Data), -1)
	l.Live()
	cp.Done(u)
	if s.rnd.Float64() >= l.world.checkpointRate {
		return asked
	}
	result, err := cp.Checkpoint(context.Background())
	if err != nil {
		return asked
	}
	putOff := l.hold(s, result, l.world.checkpointInterval > 0)
	totals.add(func(n *figures) {
		n.checkpoints++
		if putOff {
			n.putOff++
		} else if e := result.Written; !e.Whole() && e.SubSequenceNumber() > 0 {
			n.inside++
		}
	})
	return result.Done
}

// flush ends a batch: what was asked for is stored, as far as the readers let it.
func (l *loop) flush(s *session, cp *kclcompat.Checkpointer, asked seqnum.Extended) {
	result, err := cp.FinishBatch(context.Background())
	if err != nil || !asked.IsValid() {
		return
	}
	result.Done, result.Effect = asked, kclcompat.Exact
	if repeats, _ := l.world.ledger.storedBetween(s.shard, result.Written.String(), asked.String()); repeats > 0 {
		result.Effect = kclcompat.Repeats
	}
	l.hold(s, result, false)
}

// hold checks what a result says, and reports whether more than the readers ask for was put off.
func (l *loop) hold(s *session, r kclcompat.Result, mayPutOff bool) (putOff bool) {
	done, written := r.Done.String(), r.Written.String()
	repeats, _ := l.world.ledger.storedBetween(s.shard, written, done)
	putOff = repeats > len(l.store.readers)-1
	if putOff && !mayPutOff || repeats > 0 != r.Held() {
		l.world.T.Errorf("%v: %s: done %s, written %s, %v: a crash repeats %d stored records", l.process, s.shard, done, written, r.Effect, repeats)
	}
	l.world.ledger.acknowledge(s, written)
	return putOff
}
