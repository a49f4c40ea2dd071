package kclcompat

import (
	"fmt"
	"time"

	"github.com/kplkit/kplkit/seqnum"
)

// decision is what was done at one time, and what the rule lets the lease say for it.
type decision struct {
	done         seqnum.Extended
	at, finished seqnum.Extended // at is not valid where nothing may be written
	effect       Effect          // of a crash once at is written
	err          error           // why nothing is written
}

// decide decides about what is done now. The caller holds c.mu.
func (c *Checkpointer) decide() decision {
	p := decision{done: c.done, finished: c.finished, effect: Exact}
	switch {
	case c.done == c.from:
	case c.done == c.handedOut, c.done == c.asItIs:
		p.at = c.done
	default:
		last := c.last
		if c.rule.Style == NoArguments {
			last = c.done == c.batchEnd
		}
		p.at, p.effect = c.rule.Place(c.done, last, c.finished)
	}
	switch {
	case c.err != nil:
		p.err = fmt.Errorf("kclcompat: nothing is written: %w", c.err)
	case c.refuse && p.effect != Exact && c.written != seqnum.ShardEnd():
		p.err = &HeldError{Done: c.done, Resumable: later(p.at, c.written), Rule: c.rule}
	}
	return p
}

// due returns what is to be written for a call that had mine: the furthest position by now, so that those that wait with
// it need not write. at is not valid where the lease says enough already. The caller has the token, and writes it.
func (c *Checkpointer) due(mine decision) decision {
	c.mu.Lock()
	defer c.mu.Unlock()
	if mine.done.Compare(c.covered) <= 0 {
		return decision{}
	}
	p := c.orElse(c.decide(), mine)
	if p.at.Compare(c.covered) <= 0 {
		p.at = seqnum.Extended{}
	}
	if p.err == nil && p.at.IsValid() {
		c.began = time.Now()
	}
	return p
}

// orElse returns now, or where nothing is written for it what was decided before. The call of a sink of style NoArguments
// stores the end of the batch that is current, and so can't go back to that.
func (c *Checkpointer) orElse(now, before decision) decision {
	if now.err != nil && c.sink.Style() != NoArguments {
		return before
	}
	return now
}

func later(a, b seqnum.Extended) seqnum.Extended {
	if a.Less(b) {
		return b
	}
	return a
}

// result tells what has become of p.
func (c *Checkpointer) result(p decision) Result {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Result{Done: p.done, Written: c.written, Effect: c.effectOn(p)}
}

// effectOn returns the effect of a crash now on what was done. Another call may have written further on, or nobody yet.
func (c *Checkpointer) effectOn(p decision) Effect {
	done, _ := p.done.Number()
	written, _ := c.written.Number()
	switch {
	case c.written == seqnum.ShardEnd():
		return Exact // nobody reads on
	case c.written == seqnum.Latest():
		return Loses // a reader takes LATEST anew, behind what has arrived since
	case c.covered.Less(p.at):
		return Repeats
	case done.Compare(written) < 0, p.done.Compare(c.asItIs) <= 0:
		return Exact
	case p.done.Compare(c.covered) <= 0: // as if it were the last one: what follows in its stored record is done too
		_, effect := c.rule.Place(p.done, true, c.finished)
		return min(effect, p.effect)
	}
	return p.effect
}
