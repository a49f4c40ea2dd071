package vmwarekcl

import (
	"cmp"
	"errors"
	"fmt"

	chk "github.com/vmware/vmware-go-kcl-v2/clientlibrary/checkpoint"
	par "github.com/vmware/vmware-go-kcl-v2/clientlibrary/partition"
)

// ListActiveWorkers returns the shards of each worker, read from the table. A shard that is claimed counts as the
// claimant's: vmware would claim more of them than it is due, while it waits for one.
func (c *Checkpointer) ListActiveWorkers(shards map[string]*par.ShardStatus) (map[string][]*par.ShardStatus, error) {
	ctx, cancel := c.patience()
	defer cancel()
	workers := map[string][]*par.ShardStatus{}
	err := c.table.scan(ctx, func(it item) {
		owner, shard := cmp.Or(it.text(chk.ClaimRequestKey), it.text(chk.LeaseOwnerKey)), shards[it.text(chk.LeaseKeyKey)]
		if shard != nil && owner != "" && it.text(chk.SequenceNumberKey) != chk.ShardEnd {
			workers[owner] = append(workers[owner], shard)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("vmwarekcl: list the workers: %w", err)
	}
	return workers, nil
}

// ClaimShard asks for a shard that another worker holds: that worker's next renewal fails.
func (c *Checkpointer) ClaimShard(shard *par.ShardStatus, worker string) error {
	ctx, cancel := c.patience()
	defer cancel()
	it, err := c.table.get(ctx, shard.ID)
	if err != nil {
		return err
	}
	if it.text(chk.LeaseOwnerKey) == "" || it.text(chk.LeaseTimeoutKey) == "" {
		return errors.New("vmwarekcl: nobody holds " + shard.ID + ": there is nothing to claim")
	}
	return c.table.update(ctx, shard.ID, newUpdate().set(chk.ClaimRequestKey, worker).
		ifSame(it, chk.LeaseOwnerKey, chk.LeaseTimeoutKey).ifAbsent(chk.ClaimRequestKey))
}
