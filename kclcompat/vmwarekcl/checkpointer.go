package vmwarekcl

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	chk "github.com/vmware/vmware-go-kcl-v2/clientlibrary/checkpoint"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/config"
	par "github.com/vmware/vmware-go-kcl-v2/clientlibrary/partition"

	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/seqnum"
)

// KinesisAPI is what a Checkpointer asks of Kinesis: the parents of a shard.
type KinesisAPI interface {
	ListShards(context.Context, *kinesis.ListShardsInput, ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error)
}

// Checkpointer keeps leases and checkpoints in vmware's table. It takes the place of vmware's own checkpointer, for one
// worker, and is safe for concurrent use. NewWorker sets one up.
type Checkpointer struct {
	cfg    *config.KinesisClientLibConfiguration
	table  table
	stream KinesisAPI

	mu      sync.Mutex // never held during I/O
	shards  map[string]*shardState
	parents map[string][]string // of each shard, as far as the stream still lists them
}

var _ chk.Checkpointer = (*Checkpointer)(nil)

// NewCheckpointer returns the checkpointer of a worker with this configuration.
func NewCheckpointer(cfg *config.KinesisClientLibConfiguration, api chk.DynamoDBAPI, stream KinesisAPI) *Checkpointer {
	return &Checkpointer{cfg: cfg, table: table{api, cfg.TableName}, stream: stream, shards: map[string]*shardState{}}
}

// Init creates the table if there is none.
func (c *Checkpointer) Init() error {
	return chk.NewDynamoCheckpoint(c.cfg).WithDynamoDB(c.table.api).Init()
}

// FetchCheckpoint sets the position that a shard is to be read from, or "" with chk.ErrSequenceIDNotFound. vmware calls
// it before it asks for a lease, again when the lease is held, and to see whether a parent is finished.
func (c *Checkpointer) FetchCheckpoint(shard *par.ShardStatus) error {
	it, err := c.table.get(context.Background(), shard.ID)
	if err != nil {
		return err
	}
	position := it.position()
	if position != "" {
		if _, err := parsePosition(position); err != nil {
			return fmt.Errorf("vmwarekcl: shard %s: checkpoint: %w; mend the lease, or remove its checkpoint to read the shard from its start", shard.ID, err)
		}
	}
	token := c.tokenOf(shard.ID)
	if token != "" && it.text(tokenKey) != token {
		c.lose(shard.ID, token)
		return fmt.Errorf("vmwarekcl: shard %s: %w", shard.ID, kclcompat.ErrLeaseLost)
	}
	c.with(shard.ID, func(s *shardState) {
		if token != "" && s.token == token {
			s.base = it.text(chk.SequenceNumberKey)
		}
		s.fetched = s.token == "" && !s.lost
	})
	// Never call this worker the owner here: vmware would take the shard for one that it is consuming already.
	if owner := it.text(chk.LeaseOwnerKey); owner != c.cfg.WorkerID {
		shard.SetLeaseOwner(owner)
	}
	if t := it.timeout(); !t.IsZero() {
		shard.SetLeaseTimeout(t)
	}
	shard.SetCheckpoint(position)
	if position == "" {
		return chk.ErrSequenceIDNotFound // compared with ==
	}
	return nil
}

// CheckpointSequence stores the position text in shard. Processors of this package do not come here; it is for record
// processors of vmware's own kind. SHARD_END is refused, since nothing tells whether the end was seen.
func (c *Checkpointer) CheckpointSequence(shard *par.ShardStatus) error {
	token := c.tokenOf(shard.ID)
	at, err := seqnum.ParseExtended(shard.GetCheckpoint())
	n, isNumber := at.Number()
	if err != nil || !isNumber {
		bad := shard.GetCheckpoint()
		if err := c.FetchCheckpoint(shard); err != nil && !errors.Is(err, chk.ErrSequenceIDNotFound) { // vmware has put it into memory
			return err
		}
		return fmt.Errorf("vmwarekcl: shard %s: checkpoint %q is no position of a record; to end a shard, use Factory", shard.ID, bad)
	}
	it, err := c.table.get(context.Background(), shard.ID)
	if err != nil {
		return err
	}
	if now, err := parsePosition(it.position()); err == nil && at.Less(now) {
		return fmt.Errorf("vmwarekcl: shard %s: %v lies behind %v: %w", shard.ID, at, now, kclcompat.ErrBackwards)
	}
	var finished seqnum.Extended
	if at.Whole() {
		finished = seqnum.After(n)
	}
	return c.write(context.Background(), shard.ID, token, at, finished)
}

// write stores a checkpoint under token. finished goes into the attribute that workers without kplkit read, the exact
// position beside it where they differ.
func (c *Checkpointer) write(ctx context.Context, shardID, token string, at, finished seqnum.Extended) error {
	var base string
	var number int64
	c.with(shardID, func(s *shardState) {
		if token == "" || s.token != token {
			token = ""
			return
		}
		s.writes++
		number, base = s.writes, baseOf(s, at, finished)
	})
	if token == "" {
		return fmt.Errorf("vmwarekcl: shard %s: %w", shardID, kclcompat.ErrLeaseLost)
	}
	change := "SET Checkpoint = :base, kplkitWrites = :number"
	values := item{":base": stringValue(base), ":number": numberValue(number), ":token": stringValue(token)}
	if exact := exactOf(at, finished, base); exact != base {
		change += ", kplkitPosition = :exact"
		values[":exact"] = stringValue(base + "|" + exact)
	} else {
		change += " REMOVE kplkitPosition"
	}
	err := c.table.update(ctx, shardID, change, "kplkitToken = :token AND kplkitWrites < :number", values)
	if conditionFailed(err) {
		err = c.settle(ctx, shardID, token, number)
	}
	if err == nil {
		c.with(shardID, func(s *shardState) {
			if s.token == token && s.writes == number {
				s.base = base
			}
		})
	}
	return err
}

// baseOf returns what the Checkpoint attribute becomes: a plain number that any reader may go on after.
func baseOf(s *shardState, at, finished seqnum.Extended) string {
	n, isNumber := finished.Number()
	switch {
	case at == seqnum.ShardEnd():
		return chk.ShardEnd
	case isNumber:
		return n.String()
	case s.base != "":
		return s.base // nothing is finished since
	}
	return s.start // all of the shard lies behind it
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
func (c *Checkpointer) settle(ctx context.Context, shardID, token string, number int64) error {
	it, err := c.table.get(ctx, shardID)
	switch {
	case err != nil:
		return err
	case it.text(tokenKey) == token && it.number(writesKey) >= number:
		return nil
	}
	c.lose(shardID, token)
	return fmt.Errorf("vmwarekcl: shard %s: %w", shardID, kclcompat.ErrLeaseLost)
}

// RemoveLeaseInfo deletes the lease of a shard that the stream no longer has.
func (c *Checkpointer) RemoveLeaseInfo(shardID string) error {
	_, err := c.table.api.DeleteItem(context.Background(), &dynamodb.DeleteItemInput{TableName: &c.table.name, Key: c.table.key(shardID)})
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.shards, shardID)
	return err
}

// RemoveLeaseOwner hands the lease back. vmware calls it when the shard's consumer has ended, for whatever reason.
func (c *Checkpointer) RemoveLeaseOwner(shardID string) error {
	var token string
	var cancel, ended func()
	c.with(shardID, func(s *shardState) {
		token = s.token
		if token == "" {
			token = s.release
		}
		cancel, ended = s.cancel, s.ended
		*s = shardState{start: s.start}
	})
	if ended != nil {
		cancel()
		ended()
	}
	if token == "" {
		return nil
	}
	return c.table.update(context.Background(), shardID, "REMOVE AssignedTo, kplkitToken", "kplkitToken = :token",
		item{":token": stringValue(token)})
}

// GetLeaseOwner returns the worker that holds a shard, or chk.NoLeaseOwnerErr.
func (c *Checkpointer) GetLeaseOwner(shardID string) (string, error) {
	it, err := c.table.get(context.Background(), shardID)
	if err != nil {
		return "", err
	}
	if owner := it.text(chk.LeaseOwnerKey); owner != "" {
		return owner, nil
	}
	return "", chk.NoLeaseOwnerErr
}
