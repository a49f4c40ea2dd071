package dynamofake_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/checkpoint"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/config"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/partition"

	"github.com/kplkit/kplkit/internal/dynamofake"
)

func shardOf(id, parent string) *partition.ShardStatus {
	return &partition.ShardStatus{ID: id, ParentShardId: parent, Mux: &sync.RWMutex{}}
}

// TestVMwareLeases makes every call that vmware-go-kcl-v2 makes to its lease table.
func TestVMwareLeases(t *testing.T) {
	db := newClient(dynamofake.New().Transport(), "http://embedded")
	worker := func(id string) *checkpoint.DynamoCheckpoint {
		cfg := config.NewKinesisClientLibConfig("leases", "stream", "us-east-1", id).
			WithLeaseStealing(true).WithFailoverTimeMillis(300_000)
		c := checkpoint.NewDynamoCheckpoint(cfg).WithDynamoDB(db)
		if err := c.Init(); err != nil {
			t.Fatal(err)
		}
		return c
	}
	check := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	first, second := worker("w1"), worker("w2")
	a := shardOf("shardId-000000000001", "shardId-000000000000")
	if err := first.FetchCheckpoint(a); err != checkpoint.ErrSequenceIDNotFound {
		t.Errorf("fresh shard: %v", err)
	}
	check("GetLease", first.GetLease(a, "w1"))
	check("renewal", first.GetLease(a, "w1"))
	var held checkpoint.ErrLeaseNotAcquired
	if err := second.GetLease(shardOf(a.ID, a.ParentShardId), "w2"); !errors.As(err, &held) {
		t.Errorf("a second worker's GetLease: %v", err)
	}
	a.SetCheckpoint("49590")
	check("CheckpointSequence", first.CheckpointSequence(a))
	b := shardOf(a.ID, a.ParentShardId)
	check("FetchCheckpoint", second.FetchCheckpoint(b))
	if b.GetCheckpoint() != "49590" || b.GetLeaseOwner() != "w1" || time.Until(b.GetLeaseTimeout()) <= 0 {
		t.Errorf("fetched %q of %q until %v", b.GetCheckpoint(), b.GetLeaseOwner(), b.GetLeaseTimeout())
	}
	workers, err := second.ListActiveWorkers(map[string]*partition.ShardStatus{b.ID: b})
	if check("ListActiveWorkers", err); len(workers["w1"]) != 1 {
		t.Errorf("active workers: %v", workers)
	}
	check("ClaimShard", second.ClaimShard(b, "w2"))
	if err := first.GetLease(a, "w1"); err == nil || err.Error() != checkpoint.ErrShardClaimed {
		t.Errorf("renewal of a claimed shard: %v", err)
	}
	check("RemoveLeaseOwner", first.RemoveLeaseOwner(a.ID))
	if _, err := first.GetLeaseOwner(a.ID); err != checkpoint.NoLeaseOwnerErr {
		t.Errorf("the owner is still there: %v", err)
	}
	if err := first.RemoveLeaseOwner(a.ID); err == nil {
		t.Error("an owner was removed twice")
	}
	check("RemoveLeaseInfo", first.RemoveLeaseInfo(a.ID))
	if err := first.FetchCheckpoint(a); err != checkpoint.ErrSequenceIDNotFound {
		t.Errorf("after RemoveLeaseInfo: %v", err)
	}
}
