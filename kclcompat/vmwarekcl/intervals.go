package vmwarekcl

import (
	"crypto/rand"
	"math/big"
	"time"
)

// How often things happen follows from the failover time, which is how long a lease lasts: an application that wants to
// be faster, or to ask less, has one number to change.

// failover is how long a lease lasts.
func (c *Checkpointer) failover() time.Duration { return millis(c.cfg.FailoverTimeMillis) }

// The event loop.

// quickTick is its pause while leases are offered.
const quickTick = 10 * time.Millisecond

// tick is its pause otherwise.
func (c *Checkpointer) tick() time.Duration {
	return max(quickTick, min(c.failover()/32, time.Second, c.loop.sync))
}

// round is the least time between two surveys: so long others have to show themselves before this worker takes more. It
// doubles with each trouble since the last survey without one, up to an ordinary interval: where DynamoDB or Kinesis refuse,
// the table is not looked at more often than else.
func (c *Checkpointer) round() time.Duration {
	return max(quickTick, min(c.failover()/32<<min(c.loop.trouble, 8), c.surveyInterval()))
}

// surveyInterval is the time between two surveys while nothing is due, and others hold leases.
func (c *Checkpointer) surveyInterval() time.Duration {
	return min(c.failover()/2, max(c.loop.sync, c.failover()/8))
}

// idleInterval is the time between two surveys while nothing is another's. What changes that asks for one; but the table may
// be changed by hand.
func (c *Checkpointer) idleInterval() time.Duration { return max(c.loop.sync, c.surveyInterval()) }

// claimInterval is the time between two surveys while this worker waits for a lease that it has claimed.
func (c *Checkpointer) claimInterval() time.Duration { return c.failover() / 8 }

// listRetry is the time to the next listing after an error of Kinesis.
func (c *Checkpointer) listRetry() time.Duration { return min(c.loop.sync, c.failover()/2) }

// Leases.

// rest is how long a worker leaves a lease alone that it gave back by itself.
func (c *Checkpointer) rest() time.Duration { return c.failover() / 8 }

// courtesy is how long a settled worker leaves a lease alone that another one gave back, or let run out.
func (c *Checkpointer) courtesy() time.Duration { return c.failover() / 2 }

// settling is how long after its start a worker shows no courtesy.
func (c *Checkpointer) settling() time.Duration { return 3 * c.failover() }

// renewalInterval is how far apart two renewals of a lease are. A third of its time at most: normal.
func (c *Checkpointer) renewalInterval() time.Duration { return millis(c.cfg.LeaseRefreshWaitTime) }

// retryInterval is how long after the beginning of a write that has failed the next one begins: an eighth of the lease's
// time, more or less.
func (c *Checkpointer) retryInterval() time.Duration {
	return c.failover()*3/32 + random(c.failover()/16)
}

// random returns a duration from 0 to below d.
func random(d time.Duration) time.Duration {
	n, _ := rand.Int(rand.Reader, big.NewInt(max(1, int64(d)))) // never fails
	return time.Duration(n.Int64())
}
