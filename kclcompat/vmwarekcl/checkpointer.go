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

// KinesisAPI is what a Checkpointer asks of Kinesis: which shards there are.
type KinesisAPI interface {
	ListShards(context.Context, *kinesis.ListShardsInput, ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error)
}

// Checkpointer keeps leases and checkpoints in vmware's table. It takes the place of vmware's own checkpointer, for one
// worker, and is safe for concurrent use. NewWorker sets one up.
type Checkpointer struct {
	cfg       *config.KinesisClientLibConfiguration
	table     table
	stream    KinesisAPI
	newStream NewStream

	running context.Context // ends when the worker stops
	stop    context.CancelFunc
	calls   calls // into Kinesis and into Processors

	mu      sync.Mutex // never held during I/O
	shards  map[string]*shardState
	listing listing
	loop    loop
	twin    bool // another process with this worker's id was seen
}

var _ chk.Checkpointer = (*Checkpointer)(nil)

var errStopping = errors.New("vmwarekcl: the worker stops")

// NewCheckpointer returns the checkpointer of a worker with this configuration.
func NewCheckpointer(cfg *config.KinesisClientLibConfiguration, api chk.DynamoDBAPI, stream KinesisAPI) *Checkpointer {
	cfg = normal(cfg)
	c := &Checkpointer{cfg: cfg, table: table{api, cfg.TableName}, stream: stream, shards: map[string]*shardState{}}
	c.loop.sync = millis(cfg.ShardSyncIntervalMillis)
	c.running, c.stop = context.WithCancel(context.Background())
	c.calls.init()
	return c
}

// patience returns the context of a call that vmware waits for: while the worker runs, a failover time at most.
func (c *Checkpointer) patience() (context.Context, context.CancelFunc) {
	return context.WithTimeout(c.running, c.failover())
}

func leaseLost(shardID string) error {
	return fmt.Errorf("vmwarekcl: shard %s: %w", shardID, kclcompat.ErrLeaseLost)
}

// FetchCheckpoint sets the position that a shard is to be read from, or "" with chk.ErrSequenceIDNotFound. vmware calls
// it before it asks for a lease, again when the lease is held, and to see whether a parent is finished. A shard whose
// lease is another stream's reads as finished, unless the option StartAgain is set.
func (c *Checkpointer) FetchCheckpoint(shard *par.ShardStatus) error {
	var h *holding
	c.with(shard.ID, func(s *shardState) { h = s.current() })
	if h != nil && shard.GetLeaseOwner() == c.cfg.WorkerID {
		return c.standing(shard, h)
	}
	if h != nil {
		return chk.ErrSequenceIDNotFound // the event loop asks, while the consumer hands the shard back
	}
	if c.loop.on {
		if it, read, due := c.offer(shard.ID); due {
			return c.fetch(shard, it, read)
		}
		return chk.ErrSequenceIDNotFound // there is nothing to be had
	}
	ctx, cancel := c.patience()
	defer cancel()
	it, err := c.table.get(ctx, shard.ID)
	read := time.Now()
	switch {
	case c.running.Err() != nil:
		return chk.ErrSequenceIDNotFound // no lease is acquired any more, and an error would be logged
	case err != nil:
		return err
	}
	c.sight(shard.ID, it, read)
	if err := c.checkItem(shard.ID, it); err != nil {
		return err
	}
	why, _ := c.checkStream(ctx, shard.ID, it, read)
	c.with(shard.ID, func(s *shardState) { s.other = why != "" })
	return c.fetch(shard, it, read)
}

// fetch takes in a lease that this worker does not hold, and may acquire.
func (c *Checkpointer) fetch(shard *par.ShardStatus, it item, read time.Time) error {
	other := false
	c.with(shard.ID, func(s *shardState) {
		other = s.other
		if s.current() == nil {
			s.fetched = &fetched{it, read}
		}
	})
	shard.ClaimRequest = it.text(chk.ClaimRequestKey) // nobody else reads it while no lease is held
	position := it.position()
	switch {
	case other && c.newStream == StartAgain:
		position = ""
	case other:
		position = chk.ShardEnd
	}
	// Never call this worker the owner here: vmware would take the shard for one that it is consuming already.
	if owner := it.text(chk.LeaseOwnerKey); owner != c.cfg.WorkerID {
		shard.SetLeaseOwner(owner)
	}
	if t := it.timeout(); !t.IsZero() {
		shard.SetLeaseTimeout(t)
	}
	return found(shard, position)
}

// standing sets the position of a lease that this worker holds: what it has read or written last, under its token.
func (c *Checkpointer) standing(shard *par.ShardStatus, h *holding) error {
	if !c.holds(h) {
		return leaseLost(shard.ID)
	}
	position := ""
	c.with(shard.ID, func(*shardState) { position = h.position })
	return found(shard, position)
}

// checkItem returns an error for a lease whose checkpoint can't be read.
func (c *Checkpointer) checkItem(shardID string, it item) error {
	if err := it.check(); err != nil {
		return fmt.Errorf("vmwarekcl: shard %s: checkpoint: %w; mend the lease, or set its Checkpoint to TRIM_HORIZON to read the shard from its start", shardID, err)
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

// CheckpointSequence stores the position text in shard. Processors of this package do not come here; it is for record
// processors of vmware's own kind. SHARD_END is refused, since nothing tells whether the end was seen.
func (c *Checkpointer) CheckpointSequence(shard *par.ShardStatus) error {
	h := c.holdingOf(shard.ID)
	at, err := seqnum.ParseExtended(shard.GetCheckpoint())
	n, isNumber := at.Number()
	if err != nil || !isNumber {
		bad := shard.GetCheckpoint()
		if err := c.FetchCheckpoint(shard); err != nil && !errors.Is(err, chk.ErrSequenceIDNotFound) { // vmware has put it into memory
			return err
		}
		return fmt.Errorf("vmwarekcl: shard %s: checkpoint %q is not the position of a record; to end a shard, use NewWorker", shard.ID, bad)
	}
	if h == nil {
		return leaseLost(shard.ID)
	}
	ctx, cancel := c.during(context.Background(), h)
	defer cancel()
	it, err := c.table.get(ctx, shard.ID)
	if err != nil {
		return c.orLost(h, err)
	}
	if now, err := parsePosition(it.position()); err == nil && at.Less(now) {
		return fmt.Errorf("vmwarekcl: shard %s: %v lies before %v: %w", shard.ID, at, now, kclcompat.ErrBackwards)
	}
	var finished seqnum.Extended
	if at.Whole() {
		finished = seqnum.After(n)
	}
	return c.write(ctx, h, at, finished)
}

// RemoveLeaseInfo deletes the lease of a shard that the stream no longer has, if it is finished and nobody's. vmware calls it
// after one listing without the shard, and one may lag: any other lease stays.
func (c *Checkpointer) RemoveLeaseInfo(shardID string) error {
	ctx, cancel := c.patience()
	defer cancel()
	err := c.table.remove(ctx, shardID, newUpdate().ifEqual(chk.SequenceNumberKey, chk.ShardEnd).ifAbsent(chk.LeaseOwnerKey))
	if conditionFailed(err) {
		err = nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.shards[shardID]; s != nil && s.current() == nil {
		delete(c.shards, shardID)
	}
	return err
}

// GetLeaseOwner returns the worker that holds a shard, or chk.NoLeaseOwnerErr.
func (c *Checkpointer) GetLeaseOwner(shardID string) (string, error) {
	ctx, cancel := c.patience()
	defer cancel()
	it, err := c.table.get(ctx, shardID)
	if err != nil {
		return "", err
	}
	if owner := it.text(chk.LeaseOwnerKey); owner != "" {
		return owner, nil
	}
	return "", chk.NoLeaseOwnerErr
}
