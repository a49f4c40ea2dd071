package kclcompat

import (
	"context"
	"time"
)

// WithCheckpointInterval puts off what Checkpoint writes in a batch until d has passed since the last write began, or until FinishBatch.
// A batch lasts from BeginBatch to FinishBatch: outside of it nothing is put off, so that nothing that was asked for stays
// unwritten. Engines call both, vmwarekcl too; a loop of one's own has to. A write that has failed does not count: the
// next Checkpoint tries again.
//
// A Checkpoint that is put off says so: Result.Written is what the lease says, and Result.Effect what a crash would do.
// With d <= 0, which is the default, nothing is put off.
func WithCheckpointInterval(d time.Duration) Option { return func(c *Checkpointer) { c.every = d } }

// BeginBatch says that a batch is about to be handed out, at the end of which FinishBatch is called, whatever comes of it.
// Its counterpart is FinishBatch, and not EndOfBatch, which is for sinks of style NoArguments and writes nothing. Without
// WithCheckpointInterval it changes nothing.
func (c *Checkpointer) BeginBatch() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inBatch = true
}

// FinishBatch ends the batch: it writes the furthest safe position if a Checkpoint was put off and nothing has been written that
// far since, and nothing otherwise. Where it fails, what was put off stays so: the next Checkpoint or FinishBatch writes it.
// For a sink of style NoArguments it comes before the next batch is taken, as Checkpoint does. Errors are those of
// Checkpoint, but for what is Done since and can't be written: then what was put off is.
func (c *Checkpointer) FinishBatch(ctx context.Context) (Result, error) {
	if c.sink == nil {
		return Result{}, errZero
	}
	c.mu.Lock()
	c.inBatch = false
	now, owed := c.decide(), c.owed
	written := owed.at.Compare(c.covered) <= 0
	c.mu.Unlock()
	if written {
		return c.result(now), nil
	}
	return c.store(ctx, c.orElse(now, owed))
}

// ask returns what is decided for a Checkpoint, and whether its write is put off.
func (c *Checkpointer) ask() (mine decision, putOff bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	mine = c.decide()
	putOff = mine.err == nil && c.inBatch && time.Since(c.began) < c.every
	if putOff {
		c.owed = mine
	}
	return mine, putOff
}
