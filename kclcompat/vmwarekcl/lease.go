package vmwarekcl

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	chk "github.com/vmware/vmware-go-kcl-v2/clientlibrary/checkpoint"
	par "github.com/vmware/vmware-go-kcl-v2/clientlibrary/partition"
)

var errNotRenewed = errors.New("not renewed")

// GetLease renews the lease of a shard that this worker holds, or acquires it if the event loop has just looked at its
// checkpoint. It returns chk.ErrLeaseNotAcquired where the shard is another's, finished, or must wait for a parent, and
// where the worker stops.
func (c *Checkpointer) GetLease(shard *par.ShardStatus, worker string) error {
	if h := c.holdingOf(shard.ID); h != nil {
		return c.renewFor(shard, worker, h)
	}
	mayAcquire := false
	c.with(shard.ID, func(s *shardState) {
		mayAcquire = s.fetched && s.current() == nil
		s.fetched = false
	})
	if !mayAcquire || c.running.Err() != nil {
		return chk.ErrLeaseNotAcquired{}
	}
	ctx, cancel := context.WithTimeout(c.running, c.failover())
	defer cancel()
	return c.acquire(ctx, shard, worker)
}

// renewFor is a renewal by the shard's consumer. As long as the lease is held it succeeds, since any error ends the
// consumer.
func (c *Checkpointer) renewFor(shard *par.ShardStatus, worker string, h *holding) error {
	if shard.GetLeaseOwner() != worker {
		return chk.ErrLeaseNotAcquired{} // the event loop asks, while the consumer hands the shard back
	}
	c.renew(h)
	if !c.holds(h) {
		return chk.ErrLeaseNotAcquired{}
	}
	c.with(shard.ID, func(*shardState) { shard.SetLeaseTimeout(h.ends.wall) })
	return nil
}

// acquire takes a lease that is free. It runs in the worker's event loop, while the shard has no consumer.
func (c *Checkpointer) acquire(ctx context.Context, shard *par.ShardStatus, worker string) error {
	it, err := c.table.get(ctx, shard.ID)
	if err != nil {
		return err
	}
	if !c.free(shard.ID, it, worker) {
		return chk.ErrLeaseNotAcquired{}
	}
	plan, err := c.plan(ctx, shard.ID, it)
	if err != nil {
		return err
	}
	token := worker + "-" + rand.Text()
	ends := after(c.failover())
	u := plan.acquisition(it)
	u.set(chk.LeaseOwnerKey, worker).set(tokenKey, token).set(chk.LeaseTimeoutKey, ends.text())
	if err := c.table.update(ctx, shard.ID, u); err != nil {
		if !conditionFailed(err) {
			return err
		}
		if now, err := c.table.get(ctx, shard.ID); err != nil || now.text(tokenKey) != token {
			return chk.ErrLeaseNotAcquired{} // unless a repeated request met its own effect
		}
	}
	if ends.passed() || c.running.Err() != nil {
		c.giveBack(shard.ID, token, "")
		return chk.ErrLeaseNotAcquired{}
	}
	h := &holding{shardID: shard.ID, token: token, start: plan.shard.start, ends: ends, text: ends.text()}
	h.base, h.position, h.failures = plan.stands(it)
	c.hold(h)
	shard.ParentShardId, shard.ClaimRequest = "", "" // the parents are finished: vmware need not wait for one
	shard.SetLeaseOwner(worker)
	shard.SetLeaseTimeout(ends.wall)
	return nil
}

// giveBack removes the owner of a lease, if it still has the token. failures is what else becomes of it, or "".
func (c *Checkpointer) giveBack(shardID, token, failures string) error {
	ctx, cancel := context.WithTimeout(context.Background(), c.failover()/4)
	defer cancel()
	u := newUpdate().remove(chk.LeaseOwnerKey, tokenKey).ifEqual(tokenKey, token)
	if failures != "" {
		u.set(failuresKey, failures)
	}
	return c.table.update(ctx, shardID, u)
}

// sighting is another worker's lease as this worker has seen it.
type sighting struct {
	owner, text, token string
	since              time.Time
}

// sight notes how a lease stands. It is called when the answer is there: the lease may have been renewed until then.
func (c *Checkpointer) sight(shardID string, it item) (since time.Time) {
	now := sighting{it.text(chk.LeaseOwnerKey), it.text(chk.LeaseTimeoutKey), it.text(tokenKey), time.Now()}
	c.with(shardID, func(s *shardState) {
		since, s.seen.since = s.seen.since, now.since
		if s.seen != now {
			since = now.since
		}
		now.since = since
		s.seen = now
	})
	return since
}

// free reports whether nobody holds a lease, and no other worker has claimed it. Another worker's lease is over once it has
// stood unchanged for the failover time; the wall clocks of two machines are not compared.
func (c *Checkpointer) free(shardID string, it item, worker string) bool {
	since := c.sight(shardID, it)
	owner, claim := it.text(chk.LeaseOwnerKey), it.text(chk.ClaimRequestKey)
	if owner != "" && owner != worker && time.Since(since) < c.failover() {
		return false
	}
	return claim == "" || claim == worker || time.Since(it.timeout()) >= millis(c.cfg.LeaseStealingClaimTimeoutMillis)
}
