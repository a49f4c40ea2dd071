package sim_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/internal/sim"
)

// mistake is what a client on the raw SDK can do wrong.
type mistake string

const (
	none             mistake = ""
	forgetsChildren  mistake = "forgets the children of a shard that ends"
	jumpsToLatest    mistake = "reads on from LATEST when an iterator has expired"
	checkpointsFirst mistake = "checkpoints before it delivers"
	trustsPutRecords mistake = "takes a PutRecords without an error for a success"
)

const records = 200

// journey puts records and reads them through splits, merges and kills, and returns what went wrong.
func journey(w *sim.World, m mistake) error {
	w.CreateStream("s", 2)
	resharded := w.Reshard("s", 4, 20*time.Second)
	l := &ledger{world: w, put: map[string]bool{}, checkpoints: map[string]string{}, ended: map[string]bool{}}
	rnd := w.Rand("kills")

	producer := w.Host("producer-1")
	go produce(w, producer, l, m)
	reader := w.Host("reader-1")
	go newReader(reader, l, m).run()
	for i := range 3 {
		time.Sleep(time.Duration(rnd.Int64N(int64(8 * time.Second))))
		if i == 1 {
			producer.Kill()
			producer = w.Host("producer-2")
			go produce(w, producer, l, m)
		}
		reader.Kill()
		reader = w.Host(fmt.Sprintf("reader-%d", i+2))
		go newReader(reader, l, m).run()
	}
	<-resharded
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline) && !l.complete(); {
		time.Sleep(time.Second)
	}
	return l.check()
}

// produce puts what is not put yet, until it is.
func produce(w *sim.World, h *sim.Host, l *ledger, m mistake) {
	client, rnd, ctx := kinesis.NewFromConfig(h.AWS()), w.Rand(fmt.Sprint("producer", l.newProducer())), context.Background()
	for {
		todo := l.missing(1 + rnd.IntN(8))
		if len(todo) == 0 {
			return
		}
		in := &kinesis.PutRecordsInput{StreamName: aws.String("s")}
		for _, data := range todo {
			in.Records = append(in.Records, types.PutRecordsRequestEntry{PartitionKey: &data, Data: []byte(data)})
		}
		if out, err := client.PutRecords(ctx, in); err == nil {
			for i, r := range out.Records {
				if r.ErrorCode == nil || m == trustsPutRecords {
					l.acknowledged(todo[i])
				}
			}
		}
		time.Sleep(time.Duration(rnd.Int64N(int64(500 * time.Millisecond))))
	}
}

// reader reads all shards of the stream, each in a goroutine, children after their parents.
type reader struct {
	host   *sim.Host
	client *kinesis.Client
	ledger *ledger
	mistake

	mu      sync.Mutex
	started map[string]bool
}

func newReader(h *sim.Host, l *ledger, m mistake) *reader {
	return &reader{host: h, client: kinesis.NewFromConfig(h.AWS()), ledger: l, mistake: m, started: map[string]bool{}}
}

// run starts with the shards that the ledger has not ended and whose parents it has.
func (r *reader) run() {
	for {
		out, err := r.client.ListShards(context.Background(), &kinesis.ListShardsInput{StreamName: aws.String("s")})
		if err != nil {
			continue
		}
		for _, sh := range out.Shards {
			r.start(*sh.ShardId, parents(sh))
		}
		return
	}
}

func parents(sh types.Shard) (ids []string) {
	for _, id := range []*string{sh.ParentShardId, sh.AdjacentParentShardId} {
		if id != nil {
			ids = append(ids, *id)
		}
	}
	return ids
}

func (r *reader) start(shard string, parents []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.started[shard] && r.ledger.ready(shard, parents) {
		r.started[shard] = true
		go r.read(shard)
	}
}

// read delivers a shard's records from its checkpoint on.
func (r *reader) read(shard string) {
	session := r.ledger.session(shard)
	iterator := r.iterator(shard, r.ledger.checkpoint(shard))
	for {
		out, err := r.client.GetRecords(context.Background(), &kinesis.GetRecordsInput{ShardIterator: iterator, Limit: aws.Int32(20)})
		if expired := (*types.ExpiredIteratorException)(nil); errors.As(err, &expired) {
			after := r.ledger.checkpoint(shard)
			if r.mistake == jumpsToLatest {
				after = "LATEST"
			}
			iterator = r.iterator(shard, after)
		}
		if err != nil {
			time.Sleep(time.Second)
			continue
		}
		r.deliver(session, out.Records)
		if iterator = out.NextShardIterator; iterator == nil {
			r.end(shard, out.ChildShards)
			return
		}
		time.Sleep(300 * time.Millisecond)
	}
}

func (r *reader) deliver(s *session, records []types.Record) {
	if len(records) == 0 {
		return
	}
	checkpoint := func() { r.ledger.setCheckpoint(s.shard, *records[len(records)-1].SequenceNumber) }
	if r.mistake == checkpointsFirst {
		checkpoint()
	}
	for _, record := range records {
		time.Sleep(5 * time.Millisecond) // the work
		r.host.Live()
		r.ledger.deliver(s, *record.SequenceNumber)
	}
	checkpoint()
}

func (r *reader) end(shard string, children []types.ChildShard) {
	r.ledger.end(shard)
	if r.mistake == forgetsChildren {
		return
	}
	for _, c := range children {
		r.start(*c.ShardId, c.ParentShards)
	}
}

// iterator returns one behind a sequence number; TRIM_HORIZON if that is "", LATEST if it is that.
func (r *reader) iterator(shard, after string) *string {
	in := &kinesis.GetShardIteratorInput{StreamName: aws.String("s"), ShardId: &shard, ShardIteratorType: types.ShardIteratorTypeTrimHorizon}
	switch after {
	case "":
	case "LATEST":
		in.ShardIteratorType = types.ShardIteratorTypeLatest
	default:
		in.ShardIteratorType, in.StartingSequenceNumber = types.ShardIteratorTypeAfterSequenceNumber, &after
	}
	for {
		if out, err := r.client.GetShardIterator(context.Background(), in); err == nil {
			return out.ShardIterator
		}
	}
}

// ledger is what outlives the hosts, and what is checked in the end.
type ledger struct {
	world *sim.World

	mu          sync.Mutex
	producers   int
	put         map[string]bool   // data that a producer believes to be stored
	checkpoints map[string]string // by shard
	ended       map[string]bool
	sessions    []*session
}

// session is what one reader was given of one shard.
type session struct {
	shard     string
	delivered []string // sequence numbers
}

// newProducer counts the producers.
func (l *ledger) newProducer() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.producers++
	return l.producers
}

func (l *ledger) missing(n int) (todo []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := 0; i < records && len(todo) < n; i++ {
		if data := fmt.Sprintf("record-%d", i); !l.put[data] {
			todo = append(todo, data)
		}
	}
	return todo
}

func (l *ledger) acknowledged(data string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.put[data] = true
}

func (l *ledger) ready(shard string, parents []string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.ended[shard] && !slices.ContainsFunc(parents, func(p string) bool { return !l.ended[p] })
}

func (l *ledger) session(shard string) *session {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sessions = append(l.sessions, &session{shard: shard})
	return l.sessions[len(l.sessions)-1]
}

func (l *ledger) checkpoint(shard string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.checkpoints[shard]
}

func (l *ledger) setCheckpoint(shard, sequenceNumber string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.checkpoints[shard] = sequenceNumber
}

func (l *ledger) deliver(s *session, sequenceNumber string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.delivered = append(s.delivered, sequenceNumber)
	l.world.Tracef("delivered %s", sequenceNumber)
}

func (l *ledger) end(shard string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended[shard] = true
}

// complete tells whether all is put, and all that is stored is delivered.
func (l *ledger) complete() bool {
	return len(l.missing(1)) == 0 && l.lost() == nil
}

// check tells what was lost, and what came out of order.
func (l *ledger) check() error {
	if todo := l.missing(records); len(todo) > 0 {
		return fmt.Errorf("%d records were never put", len(todo))
	}
	return errors.Join(l.unstored(), l.lost(), l.disordered())
}

// unstored tells what a producer believes to be stored and no answer has said.
func (l *ledger) unstored() error {
	stored := map[string]bool{}
	for _, shard := range l.world.Acknowledged("s") {
		for _, r := range shard {
			stored[string(r.Data)] = true
		}
	}
	for data := range l.put {
		if !stored[data] {
			return fmt.Errorf("%s counts as put, and no answer said so", data)
		}
	}
	return nil
}

// lost tells what is stored and was not delivered.
func (l *ledger) lost() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	delivered := map[string]bool{}
	for _, s := range l.sessions {
		for _, n := range s.delivered {
			delivered[n] = true
		}
	}
	stored := l.world.Kinesis.Records("s")
	for _, shard := range slices.Sorted(maps.Keys(stored)) {
		for _, r := range stored[shard] {
			if !delivered[r.SequenceNumber] {
				return fmt.Errorf("%s of %s was not delivered", r.Data, shard)
			}
		}
	}
	return nil
}

// disordered tells which session was not a gapless part of its shard.
func (l *ledger) disordered() error {
	stored := l.world.Kinesis.Records("s")
	for _, s := range l.sessions {
		if len(s.delivered) == 0 {
			continue
		}
		shard := stored[s.shard]
		for i, r := range shard {
			if r.SequenceNumber == s.delivered[0] {
				shard = shard[i:]
				break
			}
		}
		for i, n := range s.delivered {
			if i >= len(shard) || n != shard[i].SequenceNumber {
				return fmt.Errorf("record %d that a session delivered of %s is %s, which does not follow the one before", i, s.shard, n)
			}
		}
	}
	return nil
}
