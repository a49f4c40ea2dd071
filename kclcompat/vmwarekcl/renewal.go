package vmwarekcl

import (
	"context"
	"errors"
	"time"
)

// keep renews a lease from its acquisition to its end, in a goroutine of its own, and is the only one to do so: vmware asks
// by a timer that starts with each consumer, so that those which start together ask together, and with enhanced fan-out only
// between two batches. It never touches vmware's ShardStatus, which vmware reads without its lock.
//
// Each lease has a point of the interval of its own, from which no delay moves it: leases that were acquired together, or
// that all had to wait for DynamoDB, are not renewed together from then on.
func (lt *leaseTable) keep(h *holding) {
	interval := lt.renewalInterval()
	point := time.Now().Add(random(min(interval, time.Until(h.ends.monotonic)/3)))
	for due := point; ; {
		select {
		case <-h.ctx.Done():
			return
		case <-time.After(min(time.Until(due), lt.failover()/4)): // holds looks at the wall clock
		}
		if !lt.holds(h) || time.Now().Before(due) {
			continue
		}
		due = time.Now().Add(lt.retryInterval())
		if lt.renew(h) {
			due = point.Add((time.Since(point)/interval + 1) * interval)
		}
	}
}

// renew renews a lease, and reports whether it has. An error other than a failed condition says nothing about the lease: it
// is held until its end, and tried again before that.
func (lt *leaseTable) renew(h *holding) bool {
	ctx, cancel := context.WithTimeout(h.ctx, lt.failover()/3) // h.ctx is what is left
	defer cancel()
	ends := after(lt.failover())
	err := lt.renewUntil(ctx, h, ends)
	if errors.Is(err, errNotRenewed) {
		err = lt.renewUntil(ctx, h, ends) // there may be no time to try again later
	}
	if err != nil {
		lt.cfg.Logger.Debugf("kplkit: shard %s: renew the lease: %v", h.shardID, err)
		return false
	}
	lt.with(h.shardID, func(*shardState) {
		h.ends, h.text = ends, ends.text()
		h.alarm.Reset(time.Until(ends.monotonic))
	})
	return true
}

// renewUntil sends one renewal. It returns errNotRenewed where the table says another thing than was known.
func (lt *leaseTable) renewUntil(ctx context.Context, h *holding, ends deadline) error {
	var was string
	lt.with(h.shardID, func(*shardState) { was = h.text })
	err := lt.table.update(ctx, h.shardID, newUpdate().set(timeoutKey, ends.text()).
		ifEqual(tokenKey, h.token).ifEqual(timeoutKey, was).ifAbsent(claimKey))
	if conditionFailed(err) {
		err = lt.settleRenewal(ctx, h, ends)
	}
	return err
}

// settleRenewal decides what became of a renewal whose condition failed: the lease is lost, or a repeated request
// has met its own effect, or an earlier one has arrived though no answer came, and the next renewal follows that.
func (lt *leaseTable) settleRenewal(ctx context.Context, h *holding, ends deadline) error {
	it, err := lt.table.get(ctx, h.shardID)
	switch text := it.text(timeoutKey); {
	case err != nil:
		return err
	case it.text(tokenKey) != h.token:
		lt.lose(h, "another worker has it, or it was removed")
	case it.text(claimKey) != "":
		lt.lose(h, "worker "+it.text(claimKey)+" has claimed it")
		go lt.handOver(h) // vmware notices some time later
	case text == ends.text():
		return nil
	default:
		lt.with(h.shardID, func(*shardState) { h.text = text })
	}
	return errNotRenewed
}
