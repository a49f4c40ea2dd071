package vmwarekcl

import (
	"cmp"
	"errors"
	"time"

	chk "github.com/vmware/vmware-go-kcl-v2/clientlibrary/checkpoint"
	par "github.com/vmware/vmware-go-kcl-v2/clientlibrary/partition"
)

// ListActiveWorkers returns the shards of each worker, as the last survey has found them; none while a shard is free. A shard that
// is claimed counts as the claimant's: vmware would claim more of them than it is due, while it waits for one.
func (lt *leaseTable) ListActiveWorkers(shards map[string]*par.ShardStatus) (map[string][]*par.ShardStatus, error) {
	workers := map[string][]*par.ShardStatus{}
	for _, it := range lt.undecided() {
		owner, shard := cmp.Or(it.text(claimKey), it.text(ownerKey)), shards[it.text(shardKey)]
		if finished := it.text(checkpointKey) == chk.ShardEnd; shard != nil && owner != "" && !finished {
			workers[owner] = append(workers[owner], shard)
		}
	}
	return workers, nil
}

// undecided returns the leases of a survey after which vmware has not decided yet whether to steal; none while a shard is
// free: it is not to be stolen from others, then.
func (lt *leaseTable) undecided() map[string]item {
	lt.mu.Lock()
	defer lt.mu.Unlock()
	v := lt.loop.view
	if v == nil || v.decided || v.anyFree {
		return nil
	}
	v.decided = true
	return v.leases
}

// ClaimShard asks for a shard that another worker holds: that worker's next renewal fails.
func (lt *leaseTable) ClaimShard(shard *par.ShardStatus, worker string) error {
	ctx, cancel := lt.patience()
	defer cancel()
	it, err := lt.table.get(ctx, shard.ID)
	if err != nil {
		return err
	}
	if it.text(ownerKey) == "" || it.text(timeoutKey) == "" {
		return errors.New("vmwarekcl: nobody holds " + shard.ID + ": there is nothing to claim")
	}
	err = lt.table.update(ctx, shard.ID, newUpdate().set(claimKey, worker).
		ifSame(it, ownerKey, timeoutKey).ifAbsent(claimKey))
	lt.mu.Lock()
	defer lt.mu.Unlock()
	lt.surveyBy(time.Now().Add(lt.claimInterval())) // it is handed over then
	return err
}
