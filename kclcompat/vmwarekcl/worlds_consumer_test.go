package vmwarekcl_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	chk "github.com/vmware/vmware-go-kcl-v2/clientlibrary/checkpoint"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/config"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/interfaces"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/worker"

	"github.com/kplkit/kplkit/deagg/deaggaws"
	"github.com/kplkit/kplkit/internal/sim"
	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/kclcompat/vmwarekcl"
)

// start starts a worker, with kplkit or bare: vmware's own, with the client and the checkpointer that it brings.
func (w *world) start(name string, bare bool) *process {
	p := &process{Host: w.Host(name), name: name, bare: bare, world: w, dead: make(chan struct{})}
	if w.skew {
		p.Skew(w.upTo(failover) - failover/2)
	}
	w.leases.know(p)
	cfg := w.config(p)
	if bare {
		p.worker = worker.NewWorker(bareFactory{p}, cfg).
			WithKinesis(kinesis.NewFromConfig(p.AWS())).
			WithCheckpointer(chk.NewDynamoCheckpoint(cfg).WithDynamoDB(dynamodb.NewFromConfig(p.AWS())))
	} else {
		opts := []vmwarekcl.Option{vmwarekcl.WithCheckpointInterval(w.checkpointInterval)}
		if w.forwarded { // nothing may be dropped: these keys are no writer's mark
			opts = append(opts, vmwarekcl.ClientOptions(deaggaws.WithHashRanges()))
		}
		p.worker = vmwarekcl.NewWorker(cfg, p.AWS(), func(shard string) kclcompat.Processor {
			return &consumer{process: p, session: w.begin(p, shard)}
		}, opts...)
	}
	for p.worker.Start() != nil {
		time.Sleep(100 * time.Millisecond)
	}
	return p
}

// failover is how long a lease lasts.
const failover = 6 * time.Second

func (w *world) config(p *process) *config.KinesisClientLibConfiguration {
	cfg := newConfig(p.workerID()).WithMaxRecords(4 + w.rnd.IntN(40)).WithIdleTimeBetweenReadsInMillis(800).
		WithFailoverTimeMillis(int(failover.Milliseconds())).WithLeaseRefreshWaitTime(1500)
	cfg.ParentShardPollIntervalMillis = 1000
	if w.latest {
		cfg.WithInitialPositionInStream(config.LATEST)
	}
	if w.stealing {
		cfg.WithLeaseStealing(true).WithLeaseStealingIntervalMillis(3000).WithLeaseSyncingIntervalMillis(2000)
		cfg.LeaseStealingClaimTimeoutMillis = 20_000
	}
	if w.fanOut {
		cfg.WithEnhancedFanOutConsumerARN(w.consumer)
	}
	return cfg
}

func (p *process) workerID() string {
	if p.world.oneID {
		return "one"
	}
	return p.name
}

// register registers the consumer for enhanced fan-out.
func register(w *sim.World) string {
	client := kinesis.NewFromConfig(w.Control())
	stream, err := client.DescribeStreamSummary(context.Background(), &kinesis.DescribeStreamSummaryInput{StreamName: aws.String("s")})
	if err != nil {
		w.T.Fatal(err)
	}
	out, err := client.RegisterStreamConsumer(context.Background(), &kinesis.RegisterStreamConsumerInput{
		StreamARN: stream.StreamDescriptionSummary.StreamARN, ConsumerName: aws.String("app")})
	if err != nil {
		w.T.Fatal(err)
	}
	time.Sleep(5 * time.Second)
	return *out.Consumer.ConsumerARN
}

// killAfter kills the process when it has been given n user records.
func (p *process) killAfter(n int) {
	p.world.ledger.mu.Lock()
	defer p.world.ledger.mu.Unlock()
	p.deadline = p.delivered + n
}

// work is one user record's: time passes, and the process may come to its end.
func (p *process) work() {
	p.Live()
	p.world.ledger.mu.Lock()
	p.delivered++
	kill := p.deadline > 0 && p.delivered >= p.deadline && !p.Dead()
	p.world.ledger.mu.Unlock()
	if kill {
		p.Kill()
		close(p.dead)
		totals.add(func(n *figures) { n.kills++ })
	}
	p.Live()
}

// back notes that a call into a consumer is over.
func (p *process) back() {
	p.world.ledger.mu.Lock()
	defer p.world.ledger.mu.Unlock()
	p.returned = time.Now()
}

// suffer is what befalls a process before a batch, apart from its requests.
func (p *process) suffer(rnd *rand.Rand) {
	time.Sleep(time.Duration(rnd.Int64N(int64(40 * time.Millisecond))))
	upTo := func(d time.Duration) time.Duration { return time.Duration(rnd.Int64N(int64(d))) }
	if rnd.IntN(60) == 0 {
		time.Sleep(2*time.Second + upTo(12*time.Second))
	}
	if p.world.slowBatches && rnd.IntN(12) == 0 {
		time.Sleep(failover/2 + upTo(2*failover))
	}
	if p.world.silences && !p.bare && rnd.IntN(20) == 0 {
		service, d := []sim.Service{sim.DynamoDB, sim.DynamoDB, sim.Kinesis}[rnd.IntN(3)], time.Second+upTo(4*failover)
		p.Silence(service, d, rnd.IntN(2) == 0)
		totals.add(func(n *figures) { n.silences++ })
		if rnd.IntN(2) == 0 {
			time.Sleep(upTo(d))
		}
	}
	if p.world.stalls && rnd.IntN(16) == 0 {
		d := 5*time.Second + upTo(20*time.Second)
		p.Stall(d)
		totals.add(func(n *figures) { n.stalls++ })
		if rnd.IntN(2) == 0 {
			time.Sleep(d + upTo(2*time.Second))
		}
	}
	if p.world.outages && rnd.IntN(60) == 0 {
		service := []sim.Service{sim.DynamoDB, sim.Kinesis}[rnd.IntN(2)]
		p.Outage(service, 500*time.Millisecond+upTo(12*time.Second))
		totals.add(func(n *figures) { n.outages++ })
	}
}

// consumer is the Processor under test.
type consumer struct {
	process *process
	session *session
}

func (c *consumer) ProcessRecords(ctx context.Context, b kclcompat.Batch, cp *kclcompat.Checkpointer) error {
	w, rnd := c.process.world, c.session.rnd
	defer c.process.back()
	w.leases.mayStart(c.session)
	defer context.AfterFunc(ctx, func() { w.leases.ended(c.session) })()
	c.process.suffer(rnd)
	if rnd.IntN(8) == 0 {
		return errors.New("a fault of the application")
	}
	for _, u := range b.Records {
		if ctx.Err() != nil && rnd.IntN(4) > 0 {
			return ctx.Err() // most consumers heed it
		}
		c.process.work()
		sub := int64(-1) // the last user record of an aggregate has none
		if u.Aggregated {
			sub = u.SubSequenceNumber
		}
		w.ledger.deliver(c.session, u.SequenceNumber, string(u.Data), sub)
		c.process.Live()
		cp.Done(u)
		if rnd.Float64() >= w.checkpointRate {
			continue
		}
		if err := c.checkpoint(ctx, cp); errors.Is(err, kclcompat.ErrLeaseLost) || err != nil && rnd.IntN(4) == 0 {
			return err
		}
	}
	return nil
}

func (c *consumer) checkpoint(ctx context.Context, cp *kclcompat.Checkpointer) error {
	result, err := cp.Checkpoint(ctx)
	if err != nil {
		return err
	}
	w := c.process.world
	putOff := w.checkpointInterval > 0 && result.Written.Less(result.Done)
	if putOff != result.Held() || result.Effect > kclcompat.Repeats {
		w.T.Errorf("%v: %s: a checkpoint at %v was written as %v: %v", c.process, c.session.shard, result.Done, result.Written, result.Effect)
	}
	written := result.Written.String()
	w.ledger.acknowledge(c.session, written)
	w.leases.acknowledged(c.session.shard, written)
	totals.add(func(n *figures) {
		n.checkpoints++
		if putOff {
			n.putOff++
		} else if e := result.Written; !e.Whole() && e.SubSequenceNumber() > 0 {
			n.inside++
		}
	})
	return nil
}

// Shutdown says of most shards that they are finished, and has the others read again.
func (c *consumer) Shutdown(ctx context.Context, reason kclcompat.Reason, cp *kclcompat.Checkpointer) error {
	c.process.Live()
	defer c.process.back()
	switch reason {
	case kclcompat.ShardEnded:
		if n := c.process.world.ledger.left(c.session); n > 0 {
			c.process.world.T.Errorf("%v: %s ended, %d user records after record %d were not delivered", c.process, c.session.shard, n, c.session.next)
		}
		if c.session.rnd.IntN(4) == 0 {
			return errors.New("not yet")
		}
	case kclcompat.Stopping:
		return c.checkpoint(ctx, cp)
	}
	return nil
}

// bareFactory makes record processors of vmware's own kind.
type bareFactory struct{ process *process }

func (f bareFactory) CreateProcessor() interfaces.IRecordProcessor {
	return &bareConsumer{process: f.process}
}

// bareConsumer checkpoints at the end of most batches, as vmware can.
type bareConsumer struct {
	process *process
	session *session
}

func (c *bareConsumer) Initialize(in *interfaces.InitializationInput) {
	c.session = c.process.world.ledger.begin(c.process, in.ShardId, aws.ToString(in.ExtendedSequenceNumber.SequenceNumber))
}

func (c *bareConsumer) ProcessRecords(in *interfaces.ProcessRecordsInput) {
	c.process.suffer(c.session.rnd)
	for _, r := range in.Records {
		c.process.work()
		c.process.world.ledger.deliver(c.session, *r.SequenceNumber, string(r.Data), -1)
		c.process.Live()
	}
	if n := len(in.Records); n > 0 && c.session.rnd.IntN(10) < 7 {
		in.Checkpointer.Checkpoint(in.Records[n-1].SequenceNumber)
	}
}

func (c *bareConsumer) Shutdown(in *interfaces.ShutdownInput) {
	if in.ShutdownReason == interfaces.TERMINATE && c.session.rnd.IntN(4) > 0 {
		in.Checkpointer.Checkpoint(nil)
	}
}
