package vmwarekcl

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	chk "github.com/vmware/vmware-go-kcl-v2/clientlibrary/checkpoint"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/config"
	par "github.com/vmware/vmware-go-kcl-v2/clientlibrary/partition"
)

// GetLease renews the lease of a shard that this worker holds, or acquires it if the event loop has just looked at its
// checkpoint. It returns chk.ErrLeaseNotAcquired where the shard is another's, finished, or must wait for a parent.
func (c *Checkpointer) GetLease(shard *par.ShardStatus, worker string) error {
	ctx := context.Background()
	until := time.Now().Add(time.Duration(c.cfg.FailoverTimeMillis) * time.Millisecond).UTC()
	if token := c.tokenOf(shard.ID); token != "" {
		return c.renew(ctx, shard, token, until)
	}
	mayAcquire := false
	c.with(shard.ID, func(s *shardState) {
		mayAcquire = s.fetched && !s.lost
		s.fetched = false
	})
	if !mayAcquire {
		return chk.ErrLeaseNotAcquired{}
	}
	return c.acquire(ctx, shard, worker, until)
}

func (c *Checkpointer) renew(ctx context.Context, shard *par.ShardStatus, token string, until time.Time) error {
	err := c.table.update(ctx, shard.ID, "SET LeaseTimeout = :until", "kplkitToken = :token AND attribute_not_exists(ClaimRequest)",
		item{":until": stringValue(until.Format(time.RFC3339Nano)), ":token": stringValue(token)})
	if err == nil {
		shard.SetLeaseTimeout(until)
		return nil
	}
	c.lose(shard.ID, token) // any error ends vmware's consumer
	if conditionFailed(err) {
		return chk.ErrLeaseNotAcquired{}
	}
	return err
}

func (c *Checkpointer) acquire(ctx context.Context, shard *par.ShardStatus, worker string, until time.Time) error {
	it, err := c.table.get(ctx, shard.ID)
	if err != nil {
		return err
	}
	if c.taken(it, worker) || it.text(chk.SequenceNumberKey) == chk.ShardEnd {
		return chk.ErrLeaseNotAcquired{}
	}
	start, err := c.ready(ctx, shard.ID)
	if err != nil {
		return err
	}
	token := worker + "-" + rand.Text()
	change, condition, values := acquisition(it, start)
	values[":worker"], values[":token"] = stringValue(worker), stringValue(token)
	values[":until"] = stringValue(until.Format(time.RFC3339Nano))
	if shard.ParentShardId != "" {
		change = "SET ParentShardId = :parent, " + change
		values[":parent"] = stringValue(shard.ParentShardId)
	} else {
		change = "SET " + change
	}
	if it.text(chk.ClaimRequestKey) != "" {
		change += " REMOVE ClaimRequest"
	}
	if err := c.table.update(ctx, shard.ID, change, condition, values); err != nil {
		if !conditionFailed(err) {
			return err
		}
		if now, err := c.table.get(ctx, shard.ID); err != nil || now.text(tokenKey) != token {
			return chk.ErrLeaseNotAcquired{} // unless a repeated request met its own effect
		}
	}
	c.with(shard.ID, func(s *shardState) {
		*s = shardState{token: token, start: shard.StartingSequenceNumber, base: it.text(chk.SequenceNumberKey)}
	})
	shard.SetLeaseOwner(worker)
	shard.SetLeaseTimeout(until)
	return nil
}

// taken reports whether another worker holds the lease, or has claimed it.
func (c *Checkpointer) taken(it item, worker string) bool {
	owner, claim := it.text(chk.LeaseOwnerKey), it.text(chk.ClaimRequestKey)
	if owner != "" && owner != worker && time.Now().Before(it.timeout()) {
		return true
	}
	patience := time.Duration(c.cfg.LeaseStealingClaimTimeoutMillis) * time.Millisecond
	return claim != "" && claim != worker && time.Since(it.timeout()) < patience
}

// acquisition returns how the item is changed: on condition that it is as it was read, and not finished meanwhile.
func acquisition(it item, start startPosition) (change, condition string, values item) {
	change = "AssignedTo = :worker, LeaseTimeout = :until, kplkitToken = :token, kplkitWrites = :zero"
	condition = "attribute_not_exists(AssignedTo)"
	values = item{":zero": numberValue(0), ":end": stringValue(chk.ShardEnd)}
	if owner := it.text(chk.LeaseOwnerKey); owner != "" {
		condition = "AssignedTo = :owner AND LeaseTimeout = :ends"
		values[":owner"], values[":ends"] = stringValue(owner), stringValue(it.text(chk.LeaseTimeoutKey))
	}
	condition += " AND (attribute_not_exists(Checkpoint) OR Checkpoint <> :end)"
	if it.position() == "" && start.position != "" {
		change += ", kplkitPosition = :position"
		values[":position"] = stringValue("|" + start.position)
	}
	if it.text(startKey) == "" && start.began != "" {
		change += ", kplkitStart = :began"
		values[":began"] = stringValue(start.began)
	}
	return change, condition, values
}

// startPosition is where a shard without a checkpoint is read from.
type startPosition struct {
	position string // "" leaves it to the configuration
	began    string // what is handed down to children: AT_TIMESTAMP:… if the application started at LATEST
}

// ready returns where a shard starts, or chk.ErrLeaseNotAcquired as long as one of its parents is not finished. vmware
// itself knows one parent only, and takes one without a checkpoint for finished.
//
// LATEST becomes a time at the first acquisition, and children inherit it: a crash before the first checkpoint then
// loses nothing, and an application that starts at LATEST on a stream that was split before does not read the children
// from their start.
func (c *Checkpointer) ready(ctx context.Context, shardID string) (startPosition, error) {
	parents, err := c.parentsOf(ctx, shardID)
	if err != nil {
		return startPosition{}, err
	}
	began := ""
	for _, parent := range parents {
		it, err := c.table.get(ctx, parent)
		if err != nil {
			return startPosition{}, err
		}
		if it == nil {
			c.forgetParents() // the stream may not have it any more
		}
		if it.text(chk.SequenceNumberKey) != chk.ShardEnd {
			return startPosition{}, chk.ErrLeaseNotAcquired{}
		}
		if t := it.text(startKey); t != "" && (began == "" || t < began) {
			began = t
		}
	}
	return c.startOf(len(parents) > 0, began), nil
}

func (c *Checkpointer) startOf(isChild bool, inherited string) startPosition {
	switch {
	case inherited != "":
		return startPosition{inherited, inherited}
	case c.cfg.InitialPositionInStream == config.AT_TIMESTAMP && c.cfg.InitialPositionInStreamExtended.Timestamp != nil:
		return startPosition{position: timePosition(*c.cfg.InitialPositionInStreamExtended.Timestamp)}
	case isChild:
		return startPosition{position: "TRIM_HORIZON"}
	case c.cfg.InitialPositionInStream == config.LATEST:
		now := timePosition(time.Now())
		return startPosition{now, now}
	}
	return startPosition{}
}

func timePosition(t time.Time) string { return fmt.Sprintf("AT_TIMESTAMP:%013d", t.UnixMilli()) }

// ListActiveWorkers returns the shards of each worker, read from the table.
func (c *Checkpointer) ListActiveWorkers(shards map[string]*par.ShardStatus) (map[string][]*par.ShardStatus, error) {
	workers := map[string][]*par.ShardStatus{}
	pages := dynamodb.NewScanPaginator(c.table.api, &dynamodb.ScanInput{TableName: &c.table.name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.Background())
		if err != nil {
			return nil, fmt.Errorf("vmwarekcl: list the workers: %w", err)
		}
		for _, i := range page.Items {
			it := item(i)
			owner, shard := it.text(chk.LeaseOwnerKey), shards[it.text(chk.LeaseKeyKey)]
			if shard != nil && owner != "" && it.text(chk.SequenceNumberKey) != chk.ShardEnd {
				workers[owner] = append(workers[owner], shard)
			}
		}
	}
	return workers, nil
}

// ClaimShard asks for a shard that another worker holds: that worker's next renewal fails.
func (c *Checkpointer) ClaimShard(shard *par.ShardStatus, worker string) error {
	it, err := c.table.get(context.Background(), shard.ID)
	if err != nil {
		return err
	}
	owner, ends := it.text(chk.LeaseOwnerKey), it.text(chk.LeaseTimeoutKey)
	if owner == "" || ends == "" {
		return errors.New("vmwarekcl: nobody holds " + shard.ID + ": there is nothing to claim")
	}
	return c.table.update(context.Background(), shard.ID, "SET ClaimRequest = :worker",
		"AssignedTo = :owner AND LeaseTimeout = :ends AND attribute_not_exists(ClaimRequest)",
		item{":worker": stringValue(worker), ":owner": stringValue(owner), ":ends": stringValue(ends)})
}
