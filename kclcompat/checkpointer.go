package kclcompat

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/seqnum"
)

// Errors that sinks return, for callers to tell with errors.Is.
var (
	// ErrLeaseLost says that the lease is over, and another worker may have the shard now: stop processing it.
	ErrLeaseLost = errors.New("lease lost")
	// ErrBackwards says that the lease holds a position that lies further on than the one to be written.
	ErrBackwards = errors.New("checkpoint would go backwards")
)

// Sink writes checkpoints of one shard to where its readers resume from.
type Sink interface {
	// Style is the call by which the sink writes. It never changes.
	Style() Style

	// WriteCheckpoint stores at, a position that Rule.Place returned, or SHARD_END. finished is the last finished stored
	// record, for fields that old deployments read; where both have one number, all of that stored record is done. As
	// long as none is finished it is where reading started, or not valid where that lies inside a stored record.
	// A sink of style NoArguments makes its call without either. It is never called twice at a time. One that keeps a single text
	// stores at, or finished where both have one number: then it is a bare number, which any reader understands.
	WriteCheckpoint(ctx context.Context, at, finished seqnum.Extended) error
}

// Checkpointer decides what is written when one shard is checkpointed. Its methods may be called from any goroutine.
type Checkpointer struct {
	sink   Sink
	rule   Rule
	refuse bool

	writing chan struct{} // holds one token while nobody writes

	mu        sync.Mutex
	from      seqnum.Extended // where reading started
	done      seqnum.Extended
	last      bool            // done is its stored record's last user record
	batchEnd  seqnum.Extended // done, when the batch it ended was all done
	paused    bool            // Pause has the token
	handedOut seqnum.Extended // what the sink can store as it is, once it is done (Resume)
	asItIs    seqnum.Extended // the last one that it has stored so
	finished  seqnum.Extended // the last finished stored record, or from
	written   seqnum.Extended // what the lease says, as far as is known
	covered   seqnum.Extended // the same, as all of its stored record where that is finished
	err       error           // of the last Done

	every   time.Duration // WithCheckpointInterval
	inBatch bool          // FinishBatch is to come
	began   time.Time     // of the last write, unless it has failed
	owed    decision      // what was put off last; written since if covered lies there
}

// Option changes how a Checkpointer works.
type Option func(*Checkpointer)

// NewCheckpointer returns the checkpointer of a shard that is read from the position from, which is what its lease
// says: a number or a sentinel; beside KCL 1.3 its sub-sequence number is not trusted. readers are all that may resume from
// the checkpoints, old deployments included. Readers and a style for which the rule refuses are an error, and so is a
// nil option.
func NewCheckpointer(sink Sink, from seqnum.Extended, readers []Reader, opts ...Option) (*Checkpointer, error) {
	switch {
	case sink == nil:
		return nil, errors.New("kclcompat: sink is nil")
	case !from.IsValid():
		return nil, errors.New("kclcompat: from is not a position: it is where reading starts, TRIM_HORIZON for a new shard")
	case len(readers) == 0:
		return nil, errors.New("kclcompat: readers is empty: name at least the consumer that resumes")
	case slices.Contains(readers, Reader{}):
		return nil, errors.New("kclcompat: one of readers is the zero Reader: KCL, MultiLang, SDK, Kplkit and ParseReader make them")
	case sink.Style() == 0:
		return nil, errors.New("kclcompat: the sink's Style is 0: it has to say by which call it writes, such as SubSequenceNumber")
	}
	rule := RuleFor(sink.Style(), readers...)
	if rule.refuses() {
		return nil, fmt.Errorf("kclcompat: no checkpoint by %s is safe%s: %s", sink.Style(), orBy(readers), rule)
	}
	if n, ok := from.Number(); ok && !from.Whole() && slices.ContainsFunc(readers, Reader.ignoresSub) {
		from = seqnum.At(n, 0) // 1.3 may have left a stale sub-sequence number
	}
	c := &Checkpointer{
		sink: sink, rule: rule, writing: make(chan struct{}, 1),
		from: from, done: from, finished: from, written: from, covered: from,
	}
	c.writing <- struct{}{}
	for i, opt := range opts {
		if opt == nil {
			return nil, fmt.Errorf("kclcompat: option %d of NewCheckpointer is nil", i+1)
		}
		opt(c)
	}
	return c, nil
}

var errZero = errors.New("kclcompat: the zero Checkpointer can't be used: NewCheckpointer makes one")

// orBy names the styles that readers do not refuse.
func orBy(readers []Reader) string {
	var styles []string
	for s := NoArguments; s <= SubSequenceNumber; s++ {
		if !RuleFor(s, readers...).refuses() {
			styles = append(styles, s.String())
		}
	}
	if len(styles) == 0 {
		return ""
	}
	return " (one by " + strings.Join(styles, " or ") + " would be)"
}

// Done marks u, and all user records before it, as processed. It does no I/O. Who processes out of order marks only the
// user record up to which all are processed. One at or before what is done already changes nothing, as after a resume
// that repeats. One without a readable sequence number makes Checkpoint fail until the next one is Done, and so does one that
// is not Aggregated, which counts as a plain stored record, where user records of that stored record are done (package
// documentation, Positions). A sequence number that is a position as digits says itself whether it lies inside an aggregate.
func (c *Checkpointer) Done(u deagg.UserRecord) {
	position, inside, err := positionOf(u)
	last := (u.Last || !u.Aggregated) && !inside
	c.mu.Lock()
	defer c.mu.Unlock()
	n, _ := position.Number()
	before, started := c.done.Number()
	if plain := !u.Aggregated && !inside && u.Malformed == nil && err == nil; plain && started && before == n &&
		c.done.SubSequenceNumber() > 0 && !c.done.Whole() {
		err = fmt.Errorf("%s is done, and %s comes as a plain record: pass what a client with deaggaws delivers through AppendUserRecords",
			c.done, n)
	}
	if c.err = err; err != nil || position.Compare(c.done) <= 0 {
		return
	}
	if started && before != n {
		c.finished = seqnum.After(before)
	}
	if last {
		c.finished = seqnum.After(n)
	}
	c.done, c.last = position, last
}

// EndOfBatch says that every user record that was handed out is Done. Only then does a sink of style NoArguments write:
// its call stores the last user record of the batch. Checkpoint has to follow before the next batch is taken.
// For other styles it changes nothing.
func (c *Checkpointer) EndOfBatch() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.batchEnd = c.done
}

// Result tells what a checkpoint came to. The zero Result, which comes with some errors, tells nothing.
type Result struct {
	Done    seqnum.Extended // what was processed when Checkpoint was called
	Written seqnum.Extended // what the lease says now; after an error of the sink, what it said before
	Effect  Effect          // of a crash right after it, on what was processed then
}

// Held reports whether a crash would bring user records again that were done, or lose some: what is written lies behind
// what was done, for the worst reader, or its write was put off.
func (r Result) Held() bool { return r.Effect != Exact }

// Checkpoint writes the furthest safe position. With nothing new to write it succeeds and leaves the lease alone, and so
// it does where another call has meanwhile written that far. Calls are carried out one after the other; ctx also ends
// the wait for another call. WithCheckpointInterval puts writes off. Errors are ctx's with its cause, the sink's (ErrLeaseLost, ErrBackwards…), a
// *HeldError under RefuseHeld, or that of a Done without a readable sequence number.
func (c *Checkpointer) Checkpoint(ctx context.Context) (Result, error) {
	if c.sink == nil {
		return Result{}, errZero
	}
	if err := ended(ctx); err != nil {
		return Result{}, fmt.Errorf("kclcompat: %w", err)
	}
	mine, putOff := c.ask()
	if mine.err != nil || putOff {
		return c.result(mine), mine.err
	}
	return c.store(ctx, mine)
}

// store writes what is due for a call, unless another call has done so while this one waited.
func (c *Checkpointer) store(ctx context.Context, mine decision) (Result, error) {
	if err := c.begin(ctx); err != nil {
		return Result{}, err
	}
	defer c.end()
	due := c.due(mine)
	if due.err != nil || !due.at.IsValid() {
		return c.result(mine), due.err
	}
	err := c.write(ctx, due.at, due.finished)
	return c.result(mine), err
}

// ShardEnd writes that the shard is finished. Call it once the reader has seen its end and all is processed; nothing
// else ever writes that. Once it has succeeded, further checkpoints write nothing.
func (c *Checkpointer) ShardEnd(ctx context.Context) error {
	if err := c.begin(ctx); err != nil {
		return err
	}
	defer c.end()
	c.mu.Lock()
	written, finished := c.written, c.finished
	c.mu.Unlock()
	if written == seqnum.ShardEnd() {
		return nil
	}
	return c.write(ctx, seqnum.ShardEnd(), finished)
}

// begin waits until nobody writes.
func (c *Checkpointer) begin(ctx context.Context) error {
	if c.sink == nil {
		return errZero
	}
	if err := ended(ctx); err != nil {
		return fmt.Errorf("kclcompat: %w", err)
	}
	select {
	case <-c.writing:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("kclcompat: waiting for another checkpoint: %w", ended(ctx))
	}
}

// ended returns nil as long as ctx has not, else its error and its cause: that of a Processor's ctx is often ErrLeaseLost.
func ended(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if err == nil || err == cause {
		return err
	}
	return fmt.Errorf("%w (%w)", cause, err)
}

func (c *Checkpointer) end() { c.writing <- struct{}{} }

func (c *Checkpointer) write(ctx context.Context, at, finished seqnum.Extended) error {
	if _, isNumber := finished.Number(); isNumber && !finished.Whole() {
		finished = seqnum.Extended{} // where reading started: the rest of that stored record may still be to come
	}
	err := c.sink.WriteCheckpoint(ctx, at, finished)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.began = time.Time{} // the next one is not put off
		return fmt.Errorf("kclcompat: checkpoint at %s: %w", at, err)
	}
	c.written, c.covered = at, at
	if at == c.handedOut {
		c.asItIs = at
	}
	n, _ := at.Number()
	if m, ok := finished.Number(); ok && m == n {
		c.covered = finished
	}
	return nil
}
