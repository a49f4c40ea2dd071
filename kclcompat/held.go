package kclcompat

import (
	"fmt"

	"github.com/kplkit/kplkit/seqnum"
)

// RefuseHeld makes Checkpoint return a *HeldError, and write nothing, wherever it would hold a position: AWS's rule to
// the letter. A checkpoint that is only put off (WithCheckpointInterval) is not refused.
func RefuseHeld() Option { return func(c *Checkpointer) { c.refuse = true } }

// HeldError says that Done can't be written so that every reader resumes right after it.
type HeldError struct {
	Done      seqnum.Extended // what is processed
	Resumable seqnum.Extended // the furthest position that is safe, which may be what the lease says already
	Rule      Rule
}

// Error quotes the rule and tells the ways out.
func (e *HeldError) Error() string {
	return fmt.Sprintf("kclcompat: a checkpoint at %s is not exact, the furthest safe position is %s: %s. Ways out: %s; or allow the position to be held (no RefuseHeld), so that what lies between comes again after a crash; or disable aggregation in the producer",
		e.Done, e.Resumable, e.Rule, e.Rule.wayOut())
}

// wayOut tells what makes a held position exact.
func (r Rule) wayOut() string {
	switch {
	case r.AtLast != Exact && r.Style == NoArguments:
		return "let no worker of KCL 1.3 take the lease"
	case r.AtLast != Exact:
		return "checkpoint by sequence number and sub-sequence number, with readers of KCL 1.4 or newer only"
	case r.Style == NoArguments:
		return "process the batch to its end, say so with EndOfBatch and checkpoint there"
	}
	return "process the aggregate to its last user record and checkpoint there"
}
