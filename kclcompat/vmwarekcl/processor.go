package vmwarekcl

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/interfaces"

	"github.com/kplkit/kplkit/deagg/deaggaws"
	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/seqnum"
)

// processor is the record processor that the worker calls for one acquisition of a shard. vmware calls from one goroutine,
// and gives the lease back from it; when the worker stops that is done beside it, since vmware may sleep long.
type processor struct {
	processors

	turn    chan struct{} // holds a token during a call: they come one after the other
	lease   *holding
	inner   kclcompat.Processor // nil once it was shut down, or where it could not be set up
	commits *kclcompat.Checkpointer
	missed  bool // a batch was not handed out, or not finished
}

func (p *processor) leases() *leaseTable { return p.worker.leases }

// Initialize sets the Processor up at the position that the worker starts from, if the lease is still held.
func (p *processor) Initialize(in *interfaces.InitializationInput) {
	p.turn <- struct{}{}
	defer func() { <-p.turn }()
	if p.lease = p.leases().attach(in.ShardId, p.release); p.lease == nil {
		return // the worker notices when it renews the lease
	}
	from, err := startOf(aws.ToString(in.ExtendedSequenceNumber.SequenceNumber))
	if err == nil {
		p.commits, err = kclcompat.NewCheckpointer(&sink{p.leases(), p.lease}, from, []kclcompat.Reader{kclcompat.Kplkit()},
			kclcompat.WithCheckpointInterval(p.checkpointInterval))
	}
	if err == nil {
		err = p.leases().calls.processor(func() error {
			if p.inner = p.create(in.ShardId); p.inner == nil {
				return errors.New("newProcessor has returned nil")
			}
			return nil
		})
	}
	if err != nil {
		p.giveUpAfter(p.leases().countFailure(p.lease, nil), "set up", err)
	}
}

// startOf returns the position that a checkpoint text of the table stands for; where there is none the shard is read
// from where the configuration says.
func startOf(text string) (seqnum.Extended, error) {
	if text == "" {
		return seqnum.TrimHorizon(), nil
	}
	return parsePosition(text)
}

// ProcessRecords hands a batch out, unless the lease is over or the worker stops.
func (p *processor) ProcessRecords(in *interfaces.ProcessRecordsInput) {
	p.turn <- struct{}{}
	defer func() { <-p.turn }()
	switch {
	case p.inner == nil || p.missed:
		return // given up: the worker notices when it renews the lease
	case !p.leases().holds(p.lease) || p.lease.batches.Err() != nil:
		p.missed = true
		return
	}
	b := kclcompat.Batch{
		Records:      deaggaws.AppendUserRecords(nil, in.Records, p.leases().standsAt(p.lease)),
		BehindLatest: time.Duration(in.MillisBehindLatest) * time.Millisecond,
	}
	p.leases().traceBatch(p.lease.shardID, b.Records)
	p.commits.BeginBatch()
	err := p.leases().calls.processor(func() error { return p.inner.ProcessRecords(p.lease.batches, b, p.commits) })
	ended := p.lease.batches.Err() != nil // whatever it returns, it may have left off in the middle
	if r := p.flush(); len(b.Records) > 0 && r.Done.IsValid() && r.Held() {
		tell(p.leases().trace.Held, p.lease.shardID, r)
	}
	p.missed = err != nil || ended
	if err != nil && !ended {
		p.batchFailed(b, err)
	}
}

// Shutdown is called when the shard has ended, or the worker stops.
func (p *processor) Shutdown(in *interfaces.ShutdownInput) {
	p.turn <- struct{}{}
	defer func() { <-p.turn }()
	held := p.lease != nil && p.leases().holds(p.lease)
	switch {
	case held && in.ShutdownReason == interfaces.TERMINATE && !p.missed:
		p.shutdown(kclcompat.ShardEnded)
	case held && p.leases().running.Err() != nil:
		p.shutdown(kclcompat.Stopping)
	default:
		p.shutdown(kclcompat.LeaseLost)
	}
}

// release is called when the worker gives the shard back. Where it has not said why, a call of its own has failed, or
// the lease is lost.
func (p *processor) release() {
	p.Shutdown(&interfaces.ShutdownInput{ShutdownReason: interfaces.ZOMBIE})
}

func (p *processor) shutdown(reason kclcompat.Reason) {
	inner := p.inner
	if inner == nil {
		return
	}
	p.inner = nil
	if reason == kclcompat.LeaseLost {
		p.leases().close(p.lease)
	}
	err := p.leases().calls.processor(func() error { return inner.Shutdown(p.lease.ctx, reason, p.commits) })
	switch {
	case err == nil && reason == kclcompat.ShardEnded:
		err = p.commits.ShardEnd(p.lease.ctx)
	case reason != kclcompat.LeaseLost:
		p.flush() // again, where that of the last batch has failed
	}
	log := p.leases().cfg.Logger
	switch {
	case err != nil && reason == kclcompat.LeaseLost: // a checkpoint fails then, as it has to
		log.Debugf("kplkit: shard %s: shut down (%v): %v", p.lease.shardID, reason, err)
	case err != nil:
		log.Errorf("kplkit: shard %s: shut down (%v): %v", p.lease.shardID, reason, err)
	}
}

// flush stores what the Processor has asked for and was put off, whatever else has become of the batch, and returns how it stands.
func (p *processor) flush() kclcompat.Result {
	r, err := p.commits.FinishBatch(p.lease.ctx)
	if err != nil && p.leases().holds(p.lease) { // else another worker reads it again, as it has to
		p.leases().cfg.Logger.Warnf("kplkit: shard %s: a checkpoint that was put off could not be stored: %v", p.lease.shardID, err)
	}
	return r
}

// sink writes the checkpoints of one acquisition to vmware's table.
type sink struct {
	leases *leaseTable
	lease  *holding
}

func (*sink) Style() kclcompat.Style { return kclcompat.SubSequenceNumber }

func (s *sink) WriteCheckpoint(ctx context.Context, at, finished seqnum.Extended) error {
	return s.leases.write(ctx, s.lease, at, finished)
}
