package vmwarekcl

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	chk "github.com/vmware/vmware-go-kcl-v2/clientlibrary/checkpoint"
	par "github.com/vmware/vmware-go-kcl-v2/clientlibrary/partition"
)

// ListActiveWorkers returns the shards of each worker, read from the table. A shard that is claimed counts as the
// claimant's: vmware would claim more of them than it is due, while it waits for one. While a shard is free nothing is to
// be stolen: a worker of NewWorker then hears of no workers, and else the error is chk.ErrShardNotAssigned.
func (c *Checkpointer) ListActiveWorkers(shards map[string]*par.ShardStatus) (map[string][]*par.ShardStatus, error) {
	workers, assigned := map[string][]*par.ShardStatus{}, 0
	add := func(it item) {
		owner, shard := cmp.Or(it.text(chk.ClaimRequestKey), it.text(chk.LeaseOwnerKey)), shards[it.text(chk.LeaseKeyKey)]
		finished := it.text(chk.SequenceNumberKey) == chk.ShardEnd
		if shard != nil && owner != "" && !finished {
			workers[owner] = append(workers[owner], shard)
		}
		if shard != nil && (owner != "" || finished) {
			assigned++
		}
	}
	if c.loop.on {
		for _, it := range c.undecided() {
			add(it)
		}
		return workers, nil
	}
	ctx, cancel := c.patience()
	defer cancel()
	if err := c.table.scan(ctx, add); err != nil {
		return nil, fmt.Errorf("vmwarekcl: list the workers: %w", err)
	}
	if assigned < len(shards) {
		return nil, chk.ErrShardNotAssigned
	}
	return workers, nil
}

// undecided returns the leases of a survey after which vmware has not decided yet whether to steal; none while a shard is
// free: it is not to be stolen from others, then.
func (c *Checkpointer) undecided() map[string]item {
	c.mu.Lock()
	defer c.mu.Unlock()
	v := c.loop.view
	if v == nil || v.decided || v.anyFree {
		return nil
	}
	v.decided = true
	return v.leases
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
	err = c.table.update(ctx, shard.ID, newUpdate().set(chk.ClaimRequestKey, worker).
		ifSame(it, chk.LeaseOwnerKey, chk.LeaseTimeoutKey).ifAbsent(chk.ClaimRequestKey))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.surveyBy(time.Now().Add(c.claimInterval())) // it is handed over then
	return err
}
