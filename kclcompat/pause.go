package kclcompat

import (
	"context"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/seqnum"
)

// Pause waits until no checkpoint is being written, and lets none begin until Resume: those that are asked for meanwhile
// wait, and are decided anew then. It is for engines whose sink can't write at any time, as the MultiLangDaemon takes
// checkpoints only while it waits for an answer. Each Pause has one Resume.
func (c *Checkpointer) Pause(ctx context.Context) error { return c.begin(ctx) }

// Resume ends a Pause.
//
// last is the last user record that was handed out, if the sink can store the end of what was handed out whatever its Style,
// as a call without arguments does: where last is Done, WriteCheckpoint gets its position as it is, and the effect
// is Exact. The zero UserRecord is none. readers take the place of those before, if there are any, where the engine has found out more.
func (c *Checkpointer) Resume(last deagg.UserRecord, readers ...Reader) {
	defer c.end()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.handedOut = seqnum.Extended{}
	if last.SequenceNumber != "" {
		c.handedOut, _, _ = positionOf(last)
	}
	if rule := RuleFor(c.rule.Style, readers...); len(readers) > 0 && !rule.refuses() {
		c.rule = rule
	}
}

// positionOf returns where u is, as the lease says it, and whether a number of digits says that it is inside an aggregate.
func positionOf(u deagg.UserRecord) (position seqnum.Extended, inside bool, err error) {
	position, err = u.Position()
	inside = err == nil && !u.Aggregated && !position.Whole()
	if n, _ := position.Number(); !u.Aggregated && !inside && u.Malformed == nil && err == nil {
		position = seqnum.At(n, 0) // as Java writes a plain record
	}
	return position, inside, err
}
