package vmwarekcl

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/interfaces"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/deaggaws"
	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/seqnum"
)

// processor is the record processor that the worker calls for one acquisition of a shard. The worker calls from one
// goroutine; the Checkpointer calls release from the same one, when the worker gives the lease back.
type processor struct {
	create       func(shardID string) Processor
	checkpointer *Checkpointer

	shardID string
	inner   Processor // nil once it was shut down, or where it could not be set up
	commits *kclcompat.Checkpointer
	ctx     context.Context
}

// Initialize sets the Processor up at the position that the worker starts from.
func (p *processor) Initialize(in *interfaces.InitializationInput) {
	p.shardID = in.ShardId
	ctx, cancel := context.WithCancel(context.Background())
	token := p.checkpointer.attach(p.shardID, cancel, p.release)
	from, err := startOf(aws.ToString(in.ExtendedSequenceNumber.SequenceNumber))
	if err == nil {
		p.commits, err = kclcompat.NewCheckpointer(&sink{p.checkpointer, p.shardID, token}, from, []kclcompat.Reader{kclcompat.Kplkit()})
	}
	if err != nil {
		p.giveUp("set up", err)
		return
	}
	p.ctx, p.inner = ctx, p.create(p.shardID)
}

// startOf returns the position that a checkpoint text of the table stands for; where there is none the shard is read
// from where the configuration says.
func startOf(text string) (seqnum.Extended, error) {
	if text == "" {
		return seqnum.TrimHorizon(), nil
	}
	return parsePosition(text)
}

func (p *processor) ProcessRecords(in *interfaces.ProcessRecordsInput) {
	if p.inner == nil {
		return // given up: the worker notices when it renews the lease
	}
	var decoder deagg.Decoder // what the worker hands on are finished user records
	stored := deaggaws.AppendStored(make([]deagg.StoredRecord, 0, len(in.Records)), in.Records)
	records := make([]deagg.UserRecord, 0, len(stored))
	for u := range decoder.UserRecords(stored...) {
		records = append(records, u)
	}
	if err := p.inner.ProcessRecords(p.ctx, records, p.commits); err != nil {
		p.giveUp("process records", err)
	}
}

func (p *processor) Shutdown(in *interfaces.ShutdownInput) {
	reason := Stopping
	if in.ShutdownReason == interfaces.TERMINATE {
		reason = ShardEnded
	}
	p.shutdown(reason)
}

// release is called when the worker has given the shard back. If it has not said why before, the lease was lost.
func (p *processor) release() { p.shutdown(LeaseLost) }

func (p *processor) shutdown(reason Reason) {
	inner := p.inner
	if inner == nil {
		return
	}
	p.inner = nil
	err := inner.Shutdown(p.ctx, reason, p.commits)
	if err == nil && reason == ShardEnded {
		err = p.commits.ShardEnd(p.ctx)
	}
	if err != nil {
		p.checkpointer.cfg.Logger.Errorf("kplkit: shard %s: shut down: %v", p.shardID, err)
	}
}

// giveUp ends the processing of the shard. The next renewal of the lease fails, so that the worker lets go of it.
func (p *processor) giveUp(what string, err error) {
	p.checkpointer.cfg.Logger.Errorf("kplkit: shard %s: %s: %v; it is given up and read again from its last checkpoint", p.shardID, what, err)
	p.checkpointer.giveUp(p.shardID)
	p.shutdown(LeaseLost)
}

// sink writes the checkpoints of one acquisition to vmware's table.
type sink struct {
	checkpointer *Checkpointer
	shardID      string
	token        string
}

func (*sink) Style() kclcompat.Style { return kclcompat.SubSequenceNumber }

func (s *sink) WriteCheckpoint(ctx context.Context, at, finished seqnum.Extended) error {
	return s.checkpointer.write(ctx, s.shardID, s.token, at, finished)
}
