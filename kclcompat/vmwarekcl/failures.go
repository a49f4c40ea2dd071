package vmwarekcl

import (
	"fmt"
	"time"

	"github.com/kplkit/kplkit/kclcompat"
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
	c, limit := p.checkpointer(), p.failures.limit
	n := c.countFailure(p.lease)
	switch {
	case limit <= 0 || n < limit:
		p.giveUpAfter(n, "process records", err)
	case p.failures.then == nil:
		err = fmt.Errorf("vmwarekcl: shard %s: a batch has failed %d times: %w", p.lease.shardID, n, err)
		c.cfg.Logger.Errorf("kplkit: %v; the worker stops", err)
		go p.worker.shutdown(err)
	default:
		if refused := p.handOver(b, err); refused != nil {
			p.giveUpAfter(n, "hand over a batch that has failed", refused)
			return
		}
		c.cfg.Logger.Warnf("kplkit: shard %s: a batch has failed %d times and was handed over: %v", p.lease.shardID, n, err)
		p.giveUp()
	}
}

// handOver gives a batch to the user's function, and checkpoints its end.
func (p *processor) handOver(b kclcompat.Batch, err error) error {
	ctx := p.lease.batches
	return p.checkpointer().calls.processor(func() error {
		if err := p.failures.then(ctx, p.lease.shardID, b, err); err != nil {
			return err
		}
		for _, u := range b.Records {
			p.commits.Done(u)
		}
		_, err := p.commits.Checkpoint(ctx)
		return err
	})
}

// giveUpAfter gives the shard up after an error, and lets it rest, under its lease so that no other worker is faster.
func (p *processor) giveUpAfter(n int, what string, err error) {
	c := p.checkpointer()
	c.cfg.Logger.Errorf("kplkit: shard %s: %s: %v; failure %d after %s; in %v it is read again from there",
		p.lease.shardID, what, err, n, c.positionOf(p.lease), rest(n))
	c.close(p.lease)
	p.shutdown(kclcompat.LeaseLost)
	select {
	case <-time.After(rest(n)):
	case <-p.lease.batches.Done():
	}
	c.lose(p.lease, "")
}

// giveUp has the shard read on by a new Processor.
func (p *processor) giveUp() {
	p.checkpointer().close(p.lease)
	p.shutdown(kclcompat.LeaseLost)
	p.checkpointer().lose(p.lease, "")
}

// countFailure returns how often a batch has failed at the position of the lease, this time included.
func (c *Checkpointer) countFailure(h *holding) (n int) {
	c.with(h.shardID, func(*shardState) {
		h.failures++
		n = h.failures
	})
	return n
}

func (c *Checkpointer) positionOf(h *holding) (text string) {
	c.with(h.shardID, func(*shardState) { text = h.position })
	if text == "" {
		return "the start"
	}
	return text
}
