package vmwarekcl

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	chk "github.com/vmware/vmware-go-kcl-v2/clientlibrary/checkpoint"

	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/seqnum"
)

// write stores a checkpoint. finished goes into the attribute that workers without kplkit read, the exact position
// beside it where they differ. It ends with the lease, and takes no longer than one lasts.
func (lt *leaseTable) write(ctx context.Context, h *holding, at, finished seqnum.Extended) error {
	if !lt.holds(h) {
		return leaseLost(h.shardID)
	}
	var base string
	var number int64
	closed, mended := false, false
	lt.with(h.shardID, func(*shardState) {
		h.writes++
		number, base, closed, mended = h.writes, h.baseFor(at, finished), h.closed, h.failures.over(at)
	})
	if closed {
		return leaseLost(h.shardID)
	}
	exact := exactOf(at, finished, base)
	u := newUpdate().set(checkpointKey, base).setNumber(writesKey, number).remove(positionKey).
		ifEqual(tokenKey, h.token).ifLess(writesKey, number)
	if exact != base {
		u.set(positionKey, base+"|"+exact)
	}
	if mended {
		u.remove(failuresKey)
	}
	ctx, cancel := lt.during(ctx, h)
	defer cancel()
	err := lt.persist(ctx, h, u, number)
	if err != nil {
		return lt.orLost(h, err)
	}
	lt.with(h.shardID, func(*shardState) {
		if h.writes == number {
			h.base, h.position = base, exact
		}
		if mended {
			h.failures = failures{}
		}
	})
	if base == chk.ShardEnd {
		lt.look(true)
	}
	return nil
}

// persist sends a checkpoint until it is stored, or the lease or ctx ends: a moment without DynamoDB is not to cost the
// batch. What another attempt can't fix it returns at once.
func (lt *leaseTable) persist(ctx context.Context, h *holding, u *update, number int64) error {
	for {
		err := lt.table.update(ctx, h.shardID, u)
		if conditionFailed(err) {
			err = lt.settle(ctx, h, number)
		}
		if err == nil || !transient.IsErrorRetryable(err).Bool() {
			return err
		}
		select {
		case <-time.After(lt.retryInterval()):
		case <-ctx.Done():
			return err
		}
	}
}

// transient tells the errors that the SDK itself tries again after.
var transient = retry.IsErrorRetryables(retry.DefaultRetryables)

// during returns a context that also ends with the lease, or after a failover time: the lease may be renewed meanwhile.
func (lt *leaseTable) during(ctx context.Context, h *holding) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, lt.failover())
	unlink := context.AfterFunc(h.ctx, cancel)
	return ctx, func() {
		unlink()
		cancel()
	}
}

// orLost is err, or says that the lease is lost, if that is why.
func (lt *leaseTable) orLost(h *holding, err error) error {
	if errors.Is(err, kclcompat.ErrLeaseLost) || lt.holds(h) {
		return err
	}
	return fmt.Errorf("vmwarekcl: shard %s: %w (%w)", h.shardID, kclcompat.ErrLeaseLost, err)
}

// baseFor returns what the Checkpoint attribute becomes: a plain number that any reader may go on after.
func (h *holding) baseFor(at, finished seqnum.Extended) string {
	n, isNumber := finished.Number()
	switch {
	case at == seqnum.ShardEnd():
		return chk.ShardEnd
	case isNumber:
		return n.String()
	}
	if base, err := seqnum.ParseExtended(h.base); err == nil && base.Whole() {
		n, _ := base.Number() // as digits, another program may have written it
		return n.String()     // nothing is finished since
	}
	return h.start // all of the shard comes after it
}

// exactOf returns the text of at, which is base where all of its stored record is done.
func exactOf(at, finished seqnum.Extended, base string) string {
	n, isNumber := at.Number()
	if f, ok := finished.Number(); ok && isNumber && f == n {
		return base
	}
	return at.String()
}

// settle decides what became of a write whose condition failed: a repeated request may have met its own effect.
func (lt *leaseTable) settle(ctx context.Context, h *holding, number int64) error {
	it, err := lt.table.get(ctx, h.shardID)
	switch {
	case err != nil:
		return err
	case it.text(tokenKey) == h.token && it.number(writesKey) >= number:
		return nil
	}
	lt.lose(h, "another worker has it, or it was removed")
	return leaseLost(h.shardID)
}
