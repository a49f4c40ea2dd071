package vmwarekcl

import (
	"context"
	"time"

	"github.com/kplkit/kplkit/seqnum"
)

// What tests from outside need of a lease table.

type (
	LeaseTable  = leaseTable
	ShardLister = shardLister
)

var NewLeaseTable = newLeaseTable

// Offer lets a lease be acquired as it stands now, as a survey does that has found it free.
func (lt *leaseTable) Offer(ctx context.Context, shardID string) error {
	it, err := lt.table.get(ctx, shardID)
	if err != nil {
		return err
	}
	lt.mu.Lock()
	defer lt.mu.Unlock()
	if lt.loop.view == nil {
		lt.loop.view = &view{leases: map[string]item{}, due: map[string]bool{}}
	}
	lt.loop.view.read, lt.loop.view.leases[shardID], lt.loop.view.due[shardID] = time.Now(), it, false
	return nil
}

// Write stores a checkpoint of a lease that is held, at the end of a stored record.
func (lt *leaseTable) Write(ctx context.Context, shardID string, n seqnum.Number) error {
	return lt.write(ctx, lt.holdingOf(shardID), seqnum.After(n), seqnum.After(n))
}
