package vmwarekcl

import (
	"context"
	"time"

	"github.com/kplkit/kplkit/deagg/deaggaws"
	"github.com/kplkit/kplkit/kclcompat"
)

// Option changes how a Worker works.
type Option func(*options)

type options struct {
	client             []deaggaws.Option
	newStream          NewStream
	failures           failurePolicy
	trace              Trace
	checkpointInterval time.Duration
}

// ClientOptions are for the Kinesis client, such as deaggaws.WithHashRanges. Its warnings go to the Logger of vmware's
// configuration, unless deaggaws.WithLogger is among them. deaggaws.WithDigitPositions makes Start fail: the lease table keeps
// text, and positions as digits that are in it are gone on from without that.
func ClientOptions(opts ...deaggaws.Option) Option {
	return func(o *options) { o.client = append(o.client, opts...) }
}

// WithCheckpointInterval puts off what Processors checkpoint inside a batch, so that at most one write in d goes to the lease
// table for a shard while ProcessRecords runs (kclcompat.WithCheckpointInterval). Use it where Processors checkpoint more than once in a
// batch. It does not make fewer than one write of a batch that is checkpointed at its end: when ProcessRecords has returned,
// with or without an error, what was put off is written. To write less often than that, call Checkpoint in fewer batches.
//
// Where the write at the end fails a warning is logged. It is made up for by the next checkpoint, or at the shard's end and
// the worker's, unless ProcessRecords has returned an error: then the shard is read again from its last checkpoint.
// Checkpoints from outside of ProcessRecords, such as those of goroutines that it has left running, are written at once. With
// d <= 0, which is the default, all are.
func WithCheckpointInterval(d time.Duration) Option {
	return func(o *options) { o.checkpointInterval = d }
}

// NewStream is what a worker does about a lease of another stream: one of the same name, which was deleted and made anew.
// The shards of the two have the same ids, and nothing in common.
//
// A lease shows it by the numbers in it, and by the birth that kplkit keeps there. One that has neither, since a worker
// without kplkit has written SHARD_END, shows it by its LeaseTimeout, if it was last held a minute before the shard was
// made; else by the shard's being open, for as long as it is: closed within that minute, it counts as finished.
type NewStream uint8

const (
	// StopThere reads nothing of the shard, since the lease says nothing about it, and says once what to remove. Where the
	// worker knows it at its start, Start fails with ErrNewStream. It is the default.
	StopThere NewStream = iota
	// StartAgain forgets the lease's checkpoint and reads the shard from its first record, whatever InitialPositionInStream
	// says: it was put into the new stream while the application was there. With enhanced fan-out by a consumer's name the
	// worker has to be started again: the consumer was deleted with the stream, and vmware looks for it only then.
	StartAgain
)

// OnNewStream decides what becomes of leases of another stream.
func OnNewStream(n NewStream) Option { return func(o *options) { o.newStream = n } }

// failurePolicy is what happens to a batch that fails again and again.
type failurePolicy struct {
	limit int
	then  func(ctx context.Context, shardID string, b kclcompat.Batch, err error) error
}

// WithFailureLimit decides what happens when one batch has failed n times, counted over all workers of the application:
// ProcessRecords has returned an error, and since then no checkpoint has moved on.
//
// then is given the whole batch, what of it is Done included, and the last error. If it returns nil, the batch counts as
// processed: it is checkpointed, and the shard is read on. Otherwise it has failed once more. Its ctx ends as that of
// ProcessRecords. Where then is nil, the worker stops, and Wait returns the error; the next worker to take the shard tries
// once more, and stops as well.
//
// Without this option, or with n ≤ 0, a batch is tried for ever. With and without, each failure is logged with its number,
// and from the second one on the shard rests before it is read again: 1 s, 2 s, 4 s, … up to a minute.
func WithFailureLimit(n int, then func(ctx context.Context, shardID string, b kclcompat.Batch, err error) error) Option {
	return func(o *options) { o.failures = failurePolicy{n, then} }
}
