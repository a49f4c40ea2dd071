package kclcompat

import (
	"context"
	"errors"
	"fmt"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/seqnum"
)

// Pause waits until no checkpoint is being written, and lets none begin until Resume: those that are asked for meanwhile
// wait, and are decided anew then. It is for engines whose sink can't write at any time, as the MultiLangDaemon takes
// checkpoints only while it waits for an answer. Each Pause has one Resume; a second Pause waits for it.
func (c *Checkpointer) Pause(ctx context.Context) error {
	if err := c.begin(ctx); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paused = true
	return nil
}

// Resume ends a Pause.
//
// last is the last user record that was handed out, if the sink can store the end of what was handed out whatever its Style,
// as a call without arguments does: where last is Done, WriteCheckpoint gets its position as it is, and the effect
// is Exact. The zero UserRecord is none. readers take the place of those before, if there are any, where the engine has found out more.
//
// Without a Pause, and with readers for which no checkpoint by the sink's Style is safe, it is an error and changes nothing: a Pause
// goes on.
func (c *Checkpointer) Resume(last deagg.UserRecord, readers ...Reader) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	rule := c.rule
	if len(readers) > 0 {
		rule = RuleFor(c.rule.Style, readers...)
	}
	switch {
	case !c.paused:
		return errors.New("kclcompat: Resume without a Pause before it")
	case rule.refuses():
		return fmt.Errorf("kclcompat: no checkpoint by %s is safe%s: %s", rule.Style, orBy(readers), rule)
	}
	c.paused, c.rule, c.handedOut = false, rule, seqnum.Extended{}
	if last.SequenceNumber != "" {
		c.handedOut, _, _ = positionOf(last)
	}
	c.end()
	return nil
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
