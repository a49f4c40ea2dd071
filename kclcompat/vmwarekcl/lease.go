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

// GetLease answers for the lease of a shard that this worker holds, or acquires it if the event loop has just looked at its
// checkpoint. It returns chk.ErrLeaseNotAcquired where the shard is another's, finished, or must wait for a parent, and
// where the worker stops.
func (lt *leaseTable) GetLease(shard *par.ShardStatus, worker string) error {
	if lt.running.Err() != nil {
		return lt.whileStopping(shard, worker)
	}
	if h := lt.holdingOf(shard.ID); h != nil {
		return lt.renewFor(shard, worker, h)
	}
	var f *fetched
	lt.with(shard.ID, func(s *shardState) {
		if s.current() == nil {
			f = s.fetched
		}
		s.fetched = nil
	})
	if f == nil {
		return lt.notHeld(shard.ID)
	}
	ctx, cancel := lt.patience()
	defer cancel()
	err := lt.acquire(ctx, shard, worker, f)
	lt.tried(shard.ID, err)
	if err != nil && lt.running.Err() != nil {
		return chk.ErrLeaseNotAcquired{} // the stop has ended the call
	}
	return err
}

// whileStopping answers GetLease while leases are handed back beside vmware. The consumer is about to see that the worker
// stops: of an error it would make one of the application.
func (lt *leaseTable) whileStopping(shard *par.ShardStatus, worker string) error {
	if shard.GetLeaseOwner() != worker {
		return chk.ErrLeaseNotAcquired{} // the event loop asks
	}
	shard.SetLeaseTimeout(time.Now().Add(lt.failover()).UTC())
	return nil
}

// renewFor answers the shard's consumer, whose renewal keep does: it costs no call, and fails once the lease is lost, which
// ends the consumer. With enhanced fan-out vmware comes back LeaseRefreshPeriodMillis before the time that it is told, which
// nothing else reads; so it is told one by which it comes back after a renewal interval, as it does by itself when it polls.
func (lt *leaseTable) renewFor(shard *par.ShardStatus, worker string, h *holding) error {
	if shard.GetLeaseOwner() != worker { // the event loop asks, while the consumer hands the shard back
		return chk.ErrLeaseNotAcquired{}
	}
	if !lt.holds(h) {
		if lt.running.Err() != nil {
			return lt.whileStopping(shard, worker)
		}
		return lt.notHeld(shard.ID)
	}
	shard.SetLeaseTimeout(time.Now().Add(millis(lt.cfg.LeaseRefreshPeriodMillis) + lt.renewalInterval()).UTC())
	return nil
}

// notHeld is the chk.ErrLeaseNotAcquired of a lease that is not held. Where that is over it says why: vmware logs it, and its own
// can't.
func (lt *leaseTable) notHeld(shardID string) (err error) {
	err = chk.ErrLeaseNotAcquired{}
	lt.with(shardID, func(s *shardState) {
		if s.lost != nil {
			err = notAcquired{s.lost.over}
		}
	})
	return err
}

type notAcquired struct{ why string }

func (e notAcquired) Error() string { return "lease not acquired: " + e.why }

func (notAcquired) Unwrap() error { return chk.ErrLeaseNotAcquired{} }

// acquire takes a lease that a survey has found free, if it is as it was then. It runs in the worker's event loop, while the shard has no consumer.
func (lt *leaseTable) acquire(ctx context.Context, shard *par.ShardStatus, worker string, f *fetched) error {
	it := f.item
	plan, err := lt.plan(ctx, shard.ID, it, f.read)
	if errors.Is(err, errNotListed) {
		lt.cfg.Logger.Debugf("kplkit: %v", err)
		return chk.ErrLeaseNotAcquired{}
	}
	if err != nil {
		return err
	}
	token := worker + "-" + rand.Text()
	ends := after(lt.failover())
	u := plan.acquisition(it)
	u.set(ownerKey, worker).set(tokenKey, token).set(timeoutKey, ends.text())
	if err := lt.table.update(ctx, shard.ID, u); err != nil {
		if !conditionFailed(err) {
			lt.with(shard.ID, func(s *shardState) { s.token = token }) // it may have happened all the same
			if lt.running.Err() != nil {
				lt.giveBack(shard.ID, token, failures{})
			}
			return err
		}
		if now, err := lt.table.get(ctx, shard.ID); err != nil || now.text(tokenKey) != token {
			return chk.ErrLeaseNotAcquired{} // unless a repeated request met its own effect
		}
	}
	if ends.passed() || lt.running.Err() != nil {
		lt.giveBack(shard.ID, token, failures{})
		return chk.ErrLeaseNotAcquired{}
	}
	h := &holding{shardID: shard.ID, token: token, start: plan.shard.start, ends: ends, text: ends.text()}
	h.base, h.position, h.failures = plan.stands(it)
	lt.hold(h)
	shard.ParentShardId, shard.ClaimRequest = "", "" // the parents are finished: vmware need not wait for one
	shard.SetLeaseOwner(worker)
	shard.SetLeaseTimeout(ends.wall)
	return nil
}

// giveBack removes the owner of a lease, if it still has the token. f is kept there.
func (lt *leaseTable) giveBack(shardID, token string, f failures) error {
	ctx, cancel := context.WithTimeout(context.Background(), lt.failover()/4)
	defer cancel()
	u := newUpdate().remove(ownerKey, tokenKey).ifEqual(tokenKey, token)
	if f.n > 0 {
		u.set(failuresKey, f.String())
	}
	return lt.table.update(ctx, shardID, u)
}

// sighting is another worker's lease as this worker has seen it.
type sighting struct{ owner, text, token, claim string }

// sight notes how a lease stands. at is when the answer was there: the lease may have been renewed until then.
func (lt *leaseTable) sight(shardID string, it item, at time.Time) {
	now := sighting{it.text(ownerKey), it.text(timeoutKey), it.text(tokenKey), it.text(claimKey)}
	twin := false
	lt.with(shardID, func(s *shardState) {
		twin = !lt.twin && now.owner == lt.cfg.WorkerID && now.token != s.token && now.renews(s.seen)
		lt.twin = lt.twin || twin
		if s.seen != now || s.since.IsZero() {
			s.seen, s.since = now, at
		}
		if now.owner != "" && now.token != s.token {
			s.givenBack = time.Time{} // somebody else has had it since
		}
	})
	if twin {
		lt.cfg.Logger.Warnf("kplkit: another process with the worker id %q renews leases: each process needs an id of its own", lt.cfg.WorkerID)
	}
}

// renews reports whether somebody has renewed the lease since it looked as before.
func (now sighting) renews(before sighting) bool {
	return now.owner == before.owner && now.token == before.token && now.text != before.text
}

// freeSince returns when a lease was free, or will be if nobody renews it; and whether it is this worker's own, by its token or
// its claim. A lease is over once it has stood unchanged for the failover time; the wall clocks of two machines are not
// compared. That goes for one with this worker's id, too: another process may have the same. Only one with a token of this
// process is over when this process says so. The caller holds lt.mu.
func (lt *leaseTable) freeSince(s *shardState, it item) (since time.Time, own bool) {
	since, own = s.since, s.token != "" && s.token == it.text(tokenKey)
	if it.text(ownerKey) != "" && !own {
		since = since.Add(lt.failover())
	}
	switch claim := it.text(claimKey); claim {
	case "":
	case lt.cfg.WorkerID:
		own = true
	default:
		if claimed := s.since.Add(millis(lt.cfg.LeaseStealingClaimTimeoutMillis)); since.Before(claimed) {
			since = claimed
		}
		own = false
	}
	return since, own
}
