package vmwarekcl

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	chk "github.com/vmware/vmware-go-kcl-v2/clientlibrary/checkpoint"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/config"
	par "github.com/vmware/vmware-go-kcl-v2/clientlibrary/partition"

	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/seqnum"
)

// shardLister is what a lease table asks of Kinesis: which shards there are.
type shardLister interface {
	ListShards(context.Context, *kinesis.ListShardsInput, ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error)
}

// leaseTable keeps leases and checkpoints in vmware's table. It takes the place of vmware's own checkpointer, for one
// worker, and is safe for concurrent use.
type leaseTable struct {
	cfg       *config.KinesisClientLibConfiguration
	table     table
	stream    shardLister
	region    string // of the stream
	newStream NewStream
	trace     Trace

	running context.Context // ends when the worker stops
	stop    context.CancelFunc
	calls   calls // into Kinesis and into Processors

	mu       sync.Mutex // never held during I/O
	shards   map[string]*shardState
	furthest map[string]seqnum.Extended // what was delivered of each shard, if a Trace asks
	listing  listing
	loop     loop
	twin     bool // another process with this worker's id was seen
}

var _ chk.Checkpointer = (*leaseTable)(nil)

var errStopping = errors.New("vmwarekcl: the worker stops")

// newLeaseTable returns the lease table of a worker with this configuration.
func newLeaseTable(cfg *config.KinesisClientLibConfiguration, api chk.DynamoDBAPI, stream shardLister) *leaseTable {
	cfg = normal(cfg)
	lt := &leaseTable{
		cfg: cfg, table: table{api, cfg.TableName}, stream: stream,
		shards: map[string]*shardState{}, furthest: map[string]seqnum.Extended{},
	}
	lt.loop.sync = millis(cfg.ShardSyncIntervalMillis)
	lt.running, lt.stop = context.WithCancel(context.Background())
	lt.calls.init()
	return lt
}

// patience returns the context of a call that vmware waits for: while the worker runs, a failover time at most.
func (lt *leaseTable) patience() (context.Context, context.CancelFunc) {
	return context.WithTimeout(lt.running, lt.failover())
}

func leaseLost(shardID string) error {
	return fmt.Errorf("vmwarekcl: shard %s: %w", shardID, kclcompat.ErrLeaseLost)
}

// FetchCheckpoint sets the position that a shard is to be read from, or "" with chk.ErrSequenceIDNotFound. vmware calls
// it before it asks for a lease, which it is to have only of one that a survey has found due, and again when the lease is held.
// A shard whose lease is another stream's reads as finished, unless the option StartAgain is set.
func (lt *leaseTable) FetchCheckpoint(shard *par.ShardStatus) error {
	var h *holding
	lt.with(shard.ID, func(s *shardState) { h = s.current() })
	if h != nil && shard.GetLeaseOwner() == lt.cfg.WorkerID {
		return lt.standing(shard, h)
	}
	if h != nil {
		return chk.ErrSequenceIDNotFound // the event loop asks, while the consumer hands the shard back
	}
	if it, read, due := lt.offer(shard.ID); due {
		return lt.fetch(shard, it, read)
	}
	return chk.ErrSequenceIDNotFound // there is nothing to be had
}

// fetch takes in a lease that this worker does not hold, and may acquire.
func (lt *leaseTable) fetch(shard *par.ShardStatus, it item, read time.Time) error {
	other := false
	lt.with(shard.ID, func(s *shardState) {
		other = s.other
		if s.current() == nil {
			s.fetched = &fetched{it, read}
		}
	})
	shard.ClaimRequest = it.text(claimKey) // nobody else reads it while no lease is held
	position := it.position()
	switch {
	case other && lt.newStream == StartAgain:
		position = ""
	case other:
		position = chk.ShardEnd
	}
	// Never call this worker the owner here: vmware would take the shard for one that it is consuming already.
	if owner := it.text(ownerKey); owner != lt.cfg.WorkerID {
		shard.SetLeaseOwner(owner)
	}
	if t := it.timeout(); !t.IsZero() {
		shard.SetLeaseTimeout(t)
	}
	return found(shard, position)
}

// standing sets the position of a lease that this worker holds: what it has read or written last, under its token.
func (lt *leaseTable) standing(shard *par.ShardStatus, h *holding) error {
	if !lt.holds(h) {
		return leaseLost(shard.ID)
	}
	position := ""
	lt.with(shard.ID, func(*shardState) { position = h.position })
	return found(shard, position)
}

// checkItem returns an error for a lease whose checkpoint can't be read.
func (lt *leaseTable) checkItem(shardID string, it item) error {
	if err := it.check(); err != nil {
		return fmt.Errorf("vmwarekcl: shard %s: checkpoint: %w; fix the lease, or set its Checkpoint to TRIM_HORIZON to read the shard from its start", shardID, err)
	}
	return nil
}

func found(shard *par.ShardStatus, position string) error {
	shard.SetCheckpoint(position)
	if position == "" {
		return chk.ErrSequenceIDNotFound // compared with ==
	}
	return nil
}

// CheckpointSequence is for record processors of vmware's own kind, which a worker of NewWorker has none of: it stores nothing.
func (*leaseTable) CheckpointSequence(shard *par.ShardStatus) error {
	return fmt.Errorf("vmwarekcl: shard %s: a Processor checkpoints by the kclcompat.Checkpointer that it is given", shard.ID)
}

// RemoveLeaseInfo deletes the lease of a shard that the stream no longer has, if it is finished and nobody's. vmware calls it
// after one listing without the shard, and one may lag: any other lease stays.
func (lt *leaseTable) RemoveLeaseInfo(shardID string) error {
	ctx, cancel := lt.patience()
	defer cancel()
	err := lt.table.remove(ctx, shardID, newUpdate().ifEqual(checkpointKey, chk.ShardEnd).ifAbsent(ownerKey))
	if conditionFailed(err) {
		err = nil
	}
	lt.mu.Lock()
	defer lt.mu.Unlock()
	if s := lt.shards[shardID]; s != nil && s.current() == nil {
		delete(lt.shards, shardID)
		delete(lt.furthest, shardID)
	}
	return err
}

// GetLeaseOwner is part of vmware's interface. Its worker never calls it.
func (*leaseTable) GetLeaseOwner(string) (string, error) { return "", chk.NoLeaseOwnerErr }
