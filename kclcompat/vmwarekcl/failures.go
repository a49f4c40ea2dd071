package vmwarekcl

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/seqnum"
)

const longestRest = time.Minute

// rest is how long a shard rests after the n-th failure of one batch.
func rest(n int) time.Duration {
	if n < 2 {
		return 0
	}
	return min(time.Second<<min(n-2, 10), longestRest)
}

// batchFailed decides what becomes of a batch that the Processor could not process.
func (p *processor) batchFailed(b kclcompat.Batch, err error) {
	lt, limit := p.leases(), p.policy.limit
	n := lt.countFailure(p.lease, b.Records)
	switch {
	case limit <= 0 || n < limit, len(b.Records) == 0 && p.policy.then != nil:
		p.giveUpAfter(n, "process records", err)
	case p.policy.then == nil:
		err = fmt.Errorf("vmwarekcl: shard %s: a batch has failed %d times: %w", p.lease.shardID, n, err)
		lt.cfg.Logger.Errorf("kplkit: %v; the worker stops", err)
		lt.stop() // before vmware says that the shard has ended
		go p.worker.shutdown(err)
	default:
		if refused := p.handOver(b, err); refused != nil {
			p.giveUpAfter(n, "hand over a batch that has failed", refused)
			return
		}
		lt.cfg.Logger.Warnf("kplkit: shard %s: a batch has failed %d times and was handed over: %v", p.lease.shardID, n, err)
		p.giveUp(0)
	}
}

// handOver gives a batch to the user's function, and checkpoints its end.
func (p *processor) handOver(b kclcompat.Batch, err error) error {
	return p.leases().calls.processor(func() error {
		if err := p.policy.then(p.lease.batches, p.lease.shardID, b, err); err != nil {
			return err
		}
		for _, u := range b.Records {
			p.commits.Done(u)
		}
		_, err := p.commits.Checkpoint(p.lease.ctx)
		return err
	})
}

// giveUpAfter gives the shard up after an error.
func (p *processor) giveUpAfter(n int, what string, err error) {
	lt := p.leases()
	lt.cfg.Logger.Errorf("kplkit: shard %s: %s: %v; failure %d; after a rest of %v the shard is read again from %s",
		p.lease.shardID, what, err, n, rest(n), cmp.Or(lt.positionOf(p.lease), "the start"))
	p.giveUp(rest(n))
}

// giveUp has the shard read on by a new Processor after a rest, under its lease so that no other worker is faster.
func (p *processor) giveUp(rest time.Duration) {
	p.shutdown(kclcompat.LeaseLost)
	select {
	case <-time.After(rest):
	case <-p.lease.batches.Done():
	}
	p.leases().lose(p.lease, "")
}

// failures is how often one batch has failed since the checkpoint has moved on. Batches of two readings need not begin and
// end at the same records: at is the first user record of the first one.
type failures struct {
	n  int
	at seqnum.Extended // not valid for an empty batch, or a Processor that could not be set up
}

// again returns the failures with that of a batch added, which is another batch if it does not hold at.
func (f failures) again(records []deagg.UserRecord) failures {
	var first, last seqnum.Extended
	if len(records) > 0 {
		first, _ = records[0].Position()
		last, _ = records[len(records)-1].Position()
	}
	if f.n == 0 || f.at.IsValid() != first.IsValid() || f.at.Less(first) || last.Less(f.at) {
		return failures{1, first}
	}
	return failures{f.n + 1, f.at}
}

func (f failures) String() string {
	if !f.at.IsValid() {
		return strconv.Itoa(f.n) + "|"
	}
	return strconv.Itoa(f.n) + "|" + f.at.String()
}

// failuresOf reads what a lease says.
func failuresOf(it item) failures {
	count, position, _ := strings.Cut(it.text(failuresKey), "|")
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 {
		return failures{}
	}
	at, _ := seqnum.ParseExtended(position)
	return failures{n, at}
}

// over reports whether a checkpoint at a position ends the failures: it has moved on.
func (f failures) over(at seqnum.Extended) bool { return f.n > 0 && f.at.Compare(at) <= 0 }

// countFailure returns how often a batch has failed, this time included.
func (lt *leaseTable) countFailure(h *holding, records []deagg.UserRecord) (n int) {
	lt.with(h.shardID, func(*shardState) {
		h.failures = h.failures.again(records)
		n = h.failures.n
	})
	return n
}

func (lt *leaseTable) positionOf(h *holding) (text string) {
	lt.with(h.shardID, func(*shardState) { text = h.position })
	return text
}
