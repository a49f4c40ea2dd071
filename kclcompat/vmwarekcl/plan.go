package vmwarekcl

import (
	"context"
	"fmt"
	"time"

	chk "github.com/vmware/vmware-go-kcl-v2/clientlibrary/checkpoint"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/config"
)

// plan is what an acquisition makes of a lease.
type plan struct {
	shard listedShard
	again bool          // the lease is another stream's, and starts again
	start startPosition // where it has no position
}

// startPosition is where a shard without a checkpoint is read from.
type startPosition struct {
	position string // "" leaves it to the configuration
	began    string // what is handed down to children: AT_TIMESTAMP:… if the application started at LATEST
}

// plan returns how a lease is acquired, or chk.ErrLeaseNotAcquired as long as one of the shard's parents is not finished. vmware
// itself knows one parent only, and takes one without a checkpoint for finished.
func (lt *leaseTable) plan(ctx context.Context, shardID string, it item, read time.Time) (plan, error) {
	shard, all, err := lt.listed(ctx, shardID, it, read)
	if err != nil {
		return plan{}, err
	}
	p := plan{shard: shard, again: lt.isOther(shardID, shard, it) != ""}
	if p.again && lt.newStream != StartAgain || !p.again && it.text(checkpointKey) == chk.ShardEnd {
		return plan{}, chk.ErrLeaseNotAcquired{}
	}
	began := it.text(startKey)
	for _, parent := range shard.parents {
		pit, err := lt.parentLease(ctx, parent)
		if err != nil {
			return plan{}, err
		}
		if pit == nil {
			lt.outdateListing() // the stream may not have it any more
		}
		if pit.text(checkpointKey) != chk.ShardEnd || all[parent].otherThan(pit) != "" {
			return plan{}, chk.ErrLeaseNotAcquired{}
		}
		if t := pit.text(startKey); t != "" && (began == "" || t < began) {
			began = t
		}
	}
	if p.start = lt.startOf(len(shard.parents) > 0, began); p.again {
		p.start = startPosition{position: "TRIM_HORIZON"}
	}
	return p, nil
}

// parentLease returns the lease of a parent. That a shard is finished stays so: where the last survey says so, it is not read
// again.
func (lt *leaseTable) parentLease(ctx context.Context, shardID string) (item, error) {
	if it := lt.surveyed(shardID); it.text(checkpointKey) == chk.ShardEnd {
		return it, nil
	}
	return lt.table.get(ctx, shardID)
}

// startOf returns where a shard without a checkpoint starts. LATEST becomes a time at the first acquisition, and
// children inherit it: a crash before the first checkpoint then loses nothing, and an application that starts at LATEST on
// a stream that was split before does not read the children from their start.
func (lt *leaseTable) startOf(isChild bool, inherited string) startPosition {
	switch {
	case inherited != "":
		return startPosition{inherited, inherited}
	case lt.cfg.InitialPositionInStream == config.AT_TIMESTAMP && lt.cfg.InitialPositionInStreamExtended.Timestamp != nil:
		return startPosition{position: timePosition(*lt.cfg.InitialPositionInStreamExtended.Timestamp)}
	case isChild:
		return startPosition{position: "TRIM_HORIZON"}
	case lt.cfg.InitialPositionInStream == config.LATEST:
		now := timePosition(lt.tip())
		return startPosition{now, now}
	}
	return startPosition{}
}

func timePosition(t time.Time) string { return fmt.Sprintf("AT_TIMESTAMP:%013d", t.UnixMilli()) }

// acquisition returns how the item is changed, but for owner, token and time: on condition that it is as it was read.
func (p plan) acquisition(it item) *update {
	u := newUpdate().setNumber(writesKey, 0).set(birthKey, p.shard.start).remove(claimKey).
		ifSame(it, ownerKey, timeoutKey, tokenKey, checkpointKey, positionKey)
	if p.again {
		u.remove(checkpointKey, positionKey, startKey, failuresKey, parentKey)
		it = nil
	}
	if it.position() == "" && p.start.position != "" {
		u.set(positionKey, "|"+p.start.position)
	}
	if it.text(startKey) == "" && p.start.began != "" {
		u.set(startKey, p.start.began)
	}
	if len(p.shard.parents) > 0 {
		u.set(parentKey, p.shard.parents[0])
	}
	return u
}

// stands returns how a lease stands after its acquisition: the Checkpoint attribute, the exact position, and how often
// a batch has failed.
func (p plan) stands(it item) (base, position string, f failures) {
	if p.again {
		return "", p.start.position, failures{}
	}
	base, position = it.text(checkpointKey), it.position()
	if position == "" {
		position = p.start.position
	}
	return base, position, failuresOf(it)
}
