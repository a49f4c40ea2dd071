package vmwarekcl

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
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

// failover is how long a lease lasts.
func (c *Checkpointer) failover() time.Duration { return millis(c.cfg.FailoverTimeMillis) }

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
	if h != nil {
		return c.standing(shard, h)
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
	other := c.checkStream(ctx, shard.ID, it, read) != ""
	c.with(shard.ID, func(s *shardState) { s.other = other })
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

// write stores a checkpoint. finished goes into the attribute that workers without kplkit read, the exact position
// beside it where they differ. It ends with the lease, and takes no longer than one lasts.
func (c *Checkpointer) write(ctx context.Context, h *holding, at, finished seqnum.Extended) error {
	if !c.holds(h) {
		return leaseLost(h.shardID)
	}
	var base string
	var number int64
	closed, mended := false, false
	c.with(h.shardID, func(*shardState) {
		h.writes++
		number, base, closed, mended = h.writes, h.baseFor(at, finished), h.closed, h.failures.over(at)
	})
	if closed {
		return leaseLost(h.shardID)
	}
	exact := exactOf(at, finished, base)
	u := newUpdate().set(chk.SequenceNumberKey, base).setNumber(writesKey, number).remove(positionKey).
		ifEqual(tokenKey, h.token).ifLess(writesKey, number)
	if exact != base {
		u.set(positionKey, base+"|"+exact)
	}
	if mended {
		u.remove(failuresKey)
	}
	ctx, cancel := c.during(ctx, h)
	defer cancel()
	err := c.persist(ctx, h, u, number)
	if err != nil {
		return c.orLost(h, err)
	}
	c.with(h.shardID, func(*shardState) {
		if h.writes == number {
			h.base, h.position = base, exact
		}
		if mended {
			h.failures = failures{}
		}
	})
	if base == chk.ShardEnd {
		c.look(true)
	}
	return nil
}

// persist sends a checkpoint until it is stored, or the lease or ctx ends: a moment without DynamoDB is not to cost the
// batch. What another attempt can't mend it returns at once.
func (c *Checkpointer) persist(ctx context.Context, h *holding, u *update, number int64) error {
	for {
		err := c.table.update(ctx, h.shardID, u)
		if conditionFailed(err) {
			err = c.settle(ctx, h, number)
		}
		if err == nil || !transient.IsErrorRetryable(err).Bool() {
			return err
		}
		select {
		case <-time.After(c.retryInterval()/2 + rand.N(c.retryInterval())):
		case <-ctx.Done():
			return err
		}
	}
}

// transient tells the errors that the SDK itself tries again after.
var transient = retry.IsErrorRetryables(retry.DefaultRetryables)

// during returns a context that also ends with the lease, or after a failover time: the lease may be renewed meanwhile.
func (c *Checkpointer) during(ctx context.Context, h *holding) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, c.failover())
	unlink := context.AfterFunc(h.ctx, cancel)
	return ctx, func() {
		unlink()
		cancel()
	}
}

// orLost is err, or says that the lease is lost, if that is why.
func (c *Checkpointer) orLost(h *holding, err error) error {
	if errors.Is(err, kclcompat.ErrLeaseLost) || c.holds(h) {
		return err
	}
	return fmt.Errorf("vmwarekcl: shard %s: %w (%w)", h.shardID, kclcompat.ErrLeaseLost, err)
}

// baseFor returns what the Checkpoint attribute becomes: a plain number that any reader may go on after.
func (h *holding) baseFor(at, finished seqnum.Extended) string {
	n, isNumber := finished.Number()
	switch {
	case at == seqnum.ShardEnd():
		return chk.ShardEnd
	case isNumber:
		return n.String()
	}
	if _, err := seqnum.Parse(h.base); err == nil {
		return h.base // nothing is finished since
	}
	return h.start // all of the shard comes after it
}

// exactOf returns the text of at, which is base where all of its stored record is done.
func exactOf(at, finished seqnum.Extended, base string) string {
	n, isNumber := at.Number()
	if f, ok := finished.Number(); ok && isNumber && f == n {
		return base
	}
	return at.String()
}

// settle decides what became of a write whose condition failed: a repeated request may have met its own effect.
func (c *Checkpointer) settle(ctx context.Context, h *holding, number int64) error {
	it, err := c.table.get(ctx, h.shardID)
	switch {
	case err != nil:
		return err
	case it.text(tokenKey) == h.token && it.number(writesKey) >= number:
		return nil
	}
	c.lose(h, "another worker has it, or it was removed")
	return leaseLost(h.shardID)
}

// RemoveLeaseInfo deletes the lease of a shard that the stream no longer has.
func (c *Checkpointer) RemoveLeaseInfo(shardID string) error {
	ctx, cancel := c.patience()
	defer cancel()
	_, err := c.table.api.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &c.table.name, Key: c.table.key(shardID)})
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.shards[shardID]; s != nil && s.current() == nil {
		delete(c.shards, shardID)
	}
	return err
}

// RemoveLeaseOwner hands the lease back. vmware calls it when the shard's consumer has ended, for whatever reason.
func (c *Checkpointer) RemoveLeaseOwner(shardID string) error {
	var h *holding
	var ended func()
	c.with(shardID, func(s *shardState) {
		if h = s.current(); h != nil {
			ended = h.ended
		}
	})
	if ended != nil {
		ended()
	}
	mine := false
	var f failures
	c.with(shardID, func(s *shardState) {
		if mine = h != nil && s.current() == h; mine { // else it was handed back meanwhile
			f, *s = h.failures, shardState{token: h.token, left: time.Now()}
		}
	})
	if !mine {
		return nil
	}
	h.finish()
	err := c.giveBack(shardID, h.token, f)
	c.look(false)
	return err
}

// handOver removes the owner of a lease that another worker has claimed, once the Processor has ended.
func (c *Checkpointer) handOver(h *holding) {
	var ended func()
	var f failures
	c.with(h.shardID, func(*shardState) { ended, f = h.ended, h.failures })
	if ended != nil {
		ended()
	}
	if err := c.giveBack(h.shardID, h.token, f); err != nil {
		c.cfg.Logger.Debugf("kplkit: shard %s: hand the lease over: %v", h.shardID, err)
	}
}

// releaseAll hands all leases back, side by side, and returns when their Processors have ended. vmware hands none back
// while it sleeps between two readings, or waits for an answer.
func (c *Checkpointer) releaseAll() {
	var consumers sync.WaitGroup
	for _, shardID := range c.attached() {
		consumers.Go(func() {
			if err := c.RemoveLeaseOwner(shardID); err != nil {
				c.cfg.Logger.Debugf("kplkit: shard %s: hand the lease back: %v", shardID, err)
			}
		})
	}
	consumers.Wait()
}

// attached returns the shards that have a Processor.
func (c *Checkpointer) attached() (ids []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, s := range c.shards {
		if h := s.current(); h != nil && h.ended != nil {
			ids = append(ids, id)
		}
	}
	return ids
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
