package kclcompat

import (
	"context"
	"fmt"
	"time"

	"github.com/kplkit/kplkit/deagg"
)

// Processor processes the user records of one shard, for as long as the engine that runs it holds the shard's lease.
// Its methods are called one after the other. What is written once runs on each engine; vmwarekcl is the one for
// vmware-go-kcl-v2, multilang the one for Java's MultiLangDaemon.
//
// The ctx of ProcessRecords ends with the lease, by the worker's own clock, whatever the services answer; it ends too when
// the worker stops. No batch is handed out after that. context.Cause(ctx) is ErrLeaseLost for a lease that is over. A
// Processor that goes on after its ctx has ended may work beside the next owner of the shard, and holds up the worker's
// end: nobody can stop it. Once the lease is over its checkpoints fail with ErrLeaseLost.
type Processor interface {
	// ProcessRecords handles a batch. It marks what is processed by c.Done and stores that by c.Checkpoint, whenever it
	// likes and also inside an aggregate. What of that is put off (WithCheckpointInterval) the engine stores when it has returned,
	// with or without an error.
	//
	// An error gives the shard up: nothing more is delivered to this Processor, and the shard is read again from its last
	// checkpoint, by a new Processor here or in another worker. Where ctx has ended meanwhile, a batch counts as left off,
	// whatever is returned: nothing more is delivered, and what was not Done comes again elsewhere.
	ProcessRecords(ctx context.Context, b Batch, c *Checkpointer) error

	// Shutdown is called once, at the end. To return nil for the reason ShardEnded says that every record of the shard is
	// processed: the shard is then finished and its children may start. An error has it read again from its last
	// checkpoint. Its ctx ends with the lease, and not yet when the worker stops.
	Shutdown(ctx context.Context, r Reason, c *Checkpointer) error
}

// Batch is what a Processor is given at once.
type Batch struct {
	Records      []deagg.UserRecord // in order; their memory is the batch's (deagg.UserRecord.Clone)
	BehindLatest time.Duration      // how far the reader is from the tip of the shard
}

// Reason is why a Processor is shut down. Zero is none.
type Reason uint8

const (
	// ShardEnded: the shard is closed, all its records were handed out, and the lease is held.
	ShardEnded Reason = iota + 1
	// Stopping: the worker stops, and holds the lease. A last checkpoint is possible.
	Stopping
	// LeaseLost: the lease is over for this Processor, since it has run out, another worker has it, or the shard was given up
	// after an error of the Processor's own. Another one, here or elsewhere, may have the shard. Checkpoints fail with ErrLeaseLost.
	LeaseLost
)

// String says it in words.
func (r Reason) String() string {
	switch r {
	case ShardEnded:
		return "shard ended"
	case Stopping:
		return "stopping"
	case LeaseLost:
		return "lease lost"
	}
	return fmt.Sprintf("Reason(%d)", uint8(r))
}
