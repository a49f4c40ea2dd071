package vmwarekcl

import (
	"crypto/rand"
	"math/big"
	"time"
)

// How often things happen follows from the failover time, which is how long a lease lasts: an application that wants to
// be faster, or to ask less, has one number to change.

// failover is how long a lease lasts.
func (lt *leaseTable) failover() time.Duration { return millis(lt.cfg.FailoverTimeMillis) }

// The event loop.

// quickTick is its pause while leases are offered.
const quickTick = 10 * time.Millisecond

// tick is its pause otherwise.
func (lt *leaseTable) tick() time.Duration {
	return max(quickTick, min(lt.failover()/32, time.Second, lt.loop.sync))
}

// round is the least time between two surveys: so long others have to show themselves before this worker takes more. It
// doubles with each trouble since the last survey without one, up to an ordinary interval: where DynamoDB or Kinesis refuse,
// the table is not looked at more often than else.
func (lt *leaseTable) round() time.Duration {
	return max(quickTick, min(lt.failover()/32<<min(lt.loop.trouble, 8), lt.surveyInterval()))
}

// surveyInterval is the time between two surveys while nothing is due, and others hold leases.
func (lt *leaseTable) surveyInterval() time.Duration {
	return min(lt.failover()/2, max(lt.loop.sync, lt.failover()/8))
}

// idleInterval is the time between two surveys while nothing is another's. What changes that asks for one; but the table may
// be changed by hand.
func (lt *leaseTable) idleInterval() time.Duration { return max(lt.loop.sync, lt.surveyInterval()) }

// claimInterval is the time between two surveys while this worker waits for a lease that it has claimed.
func (lt *leaseTable) claimInterval() time.Duration { return lt.failover() / 8 }

// listRetry is the time to the next listing after an error of Kinesis.
func (lt *leaseTable) listRetry() time.Duration { return min(lt.loop.sync, lt.failover()/2) }

// Leases.

// rest is how long a worker leaves a lease alone that it gave back by itself.
func (lt *leaseTable) rest() time.Duration { return lt.failover() / 8 }

// courtesy is how long a settled worker leaves a lease alone that another one gave back, or let run out.
func (lt *leaseTable) courtesy() time.Duration { return lt.failover() / 2 }

// settling is how long after its start a worker shows no courtesy.
func (lt *leaseTable) settling() time.Duration { return 3 * lt.failover() }

// renewalInterval is how far apart two renewals of a lease are. A third of its time at most: normal.
func (lt *leaseTable) renewalInterval() time.Duration { return millis(lt.cfg.LeaseRefreshWaitTime) }

// retryInterval is how long after the beginning of a write that has failed the next one begins: an eighth of the lease's
// time, more or less.
func (lt *leaseTable) retryInterval() time.Duration {
	return lt.failover()*3/32 + random(lt.failover()/16)
}

// random returns a duration from 0 to below d.
func random(d time.Duration) time.Duration {
	n, _ := rand.Int(rand.Reader, big.NewInt(max(1, int64(d)))) // never fails
	return time.Duration(n.Int64())
}
