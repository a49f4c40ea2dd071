package vmwarekcl

import (
	"context"
	"time"

	chk "github.com/vmware/vmware-go-kcl-v2/clientlibrary/checkpoint"
)

// keep renews a lease from its acquisition to its end, in a goroutine of its own: vmware renews only while it polls, and
// with enhanced fan-out only between two batches. It never touches vmware's ShardStatus, which vmware reads without
// its lock.
func (c *Checkpointer) keep(h *holding) {
	for {
		select {
		case <-h.ctx.Done():
			return
		case <-time.After(c.untilDue(h)):
		}
		if c.holds(h) && c.untilDue(h) <= 0 {
			c.renew(h)
		}
	}
}

// untilDue is how long to wait for the next renewal, or for the next look at the wall clock.
func (c *Checkpointer) untilDue(h *holding) (d time.Duration) {
	c.with(h.shardID, func(*shardState) { d = time.Until(h.due) })
	return min(max(d, 0), c.failover()/4)
}

// renewalInterval is vmware's and a quarter more, so that where vmware renews this does nothing.
func (c *Checkpointer) renewalInterval() time.Duration {
	return millis(c.cfg.LeaseRefreshWaitTime) * 5 / 4
}

// retryInterval is how long after the beginning of a renewal that has failed the next one begins.
func (c *Checkpointer) retryInterval() time.Duration { return c.failover() / 8 }

// renew renews a lease, or waits for the renewal that is in flight. It returns with that, or when the lease ends.
func (c *Checkpointer) renew(h *holding) {
	var running chan struct{}
	c.with(h.shardID, func(s *shardState) {
		if s.held != h {
			return
		}
		if h.renewal == nil {
			h.renewal = make(chan struct{})
			go c.renewOnce(h)
		}
		running = h.renewal
	})
	if running == nil {
		return
	}
	select {
	case <-running:
	case <-h.ctx.Done():
	}
}

// renewOnce sends one renewal. An error other than a failed condition says nothing about the lease: it is held until
// its end, and tried again before that.
func (c *Checkpointer) renewOnce(h *holding) {
	due := time.Now().Add(c.retryInterval())
	defer func() {
		c.with(h.shardID, func(*shardState) {
			close(h.renewal)
			h.renewal, h.due = nil, due
		})
	}()
	ctx, cancel := context.WithTimeout(h.ctx, c.failover()/3) // h.ctx is what is left
	defer cancel()
	ends, now := after(c.failover()), time.Now()
	var was string
	c.with(h.shardID, func(*shardState) { was = h.text })
	err := c.table.update(ctx, h.shardID, newUpdate().set(chk.LeaseTimeoutKey, ends.text()).
		ifEqual(tokenKey, h.token).ifEqual(chk.LeaseTimeoutKey, was).ifAbsent(chk.ClaimRequestKey))
	if conditionFailed(err) {
		err = c.settleRenewal(ctx, h, ends)
	}
	if err != nil {
		c.cfg.Logger.Debugf("kplkit: shard %s: renew the lease: %v", h.shardID, err)
		return
	}
	due = now.Add(c.renewalInterval())
	c.with(h.shardID, func(*shardState) {
		h.ends, h.text = ends, ends.text()
		h.alarm.Reset(time.Until(ends.monotonic))
	})
}

// settleRenewal decides what became of a renewal whose condition failed: the lease is lost, or a repeated request
// has met its own effect, or an earlier one came late, and the next renewal follows that.
func (c *Checkpointer) settleRenewal(ctx context.Context, h *holding, ends deadline) error {
	it, err := c.table.get(ctx, h.shardID)
	switch text := it.text(chk.LeaseTimeoutKey); {
	case err != nil:
		return err
	case it.text(tokenKey) != h.token:
		c.lose(h, "another worker has it, or it was removed")
	case it.text(chk.ClaimRequestKey) != "":
		c.lose(h, "worker "+it.text(chk.ClaimRequestKey)+" has claimed it")
	case text == ends.text():
		return nil
	default:
		c.with(h.shardID, func(*shardState) { h.text = text })
	}
	return errNotRenewed
}
