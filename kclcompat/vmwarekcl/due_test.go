package vmwarekcl

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	chk "github.com/vmware/vmware-go-kcl-v2/clientlibrary/checkpoint"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/config"
)

// fleet is a worker and the lease table as its survey has found it.
type fleet struct {
	*leaseTable
	*view
}

const testFailover = 10 * time.Second

// newFleet returns a worker "me" that has run for a time, on a stream of n open shards without leases.
func newFleet(n int, running time.Duration) fleet {
	cfg := config.NewKinesisClientLibConfig("app", "s", "us-east-1", "me").WithFailoverTimeMillis(int(testFailover.Milliseconds()))
	c := newLeaseTable(cfg, nil, nil)
	c.loop.began = time.Now().Add(-running)
	c.listing.shards = map[string]listedShard{}
	for i := range n {
		c.listing.shards[shardName(i)] = listedShard{start: "100", open: true}
	}
	return fleet{c, &view{leases: map[string]item{}}}
}

func shardName(i int) string { return fmt.Sprintf("shardId-%012d", i) }

// owns gives shards to a worker, whose leases this one has seen for a time.
func (f fleet) owns(worker string, seen time.Duration, shards ...int) {
	for _, i := range shards {
		it := item{timeoutKey: stringValue("2000-01-01T00:00:00Z")}
		if worker != "" {
			it[ownerKey], it[tokenKey] = stringValue(worker), stringValue(worker+"-token")
		}
		f.leases[shardName(i)] = it
		f.state(shardName(i)).since = time.Now().Add(-seen)
	}
}

func (f fleet) holds(shards ...int) {
	for _, i := range shards {
		f.state(shardName(i)).held = &holding{}
	}
}

func (f fleet) set(i int, key string, value types.AttributeValue) {
	f.leases[shardName(i)][key] = value
}

func to(n int) (all []int) {
	for i := range n {
		all = append(all, i)
	}
	return all
}

// TestDue: which leases a worker takes.
func TestDue(t *testing.T) {
	const young, settled = 5 * time.Second, time.Hour
	for name, c := range map[string]struct {
		shards  int
		running time.Duration
		with    func(fleet)
		due     []int         // shards
		own     []int         // of them, those that do not count for left
		left    int           // how many of them at once
		next    time.Duration // survey
	}{
		"all alone at first: one":  {shards: 8, with: func(fleet) {}, due: to(8), left: 1, next: testFailover / 32},
		"then as many as it holds": {shards: 8, with: func(f fleet) { f.holds(0, 1) }, due: to(8)[2:], left: 2, next: testFailover / 32},
		"up to its share": {shards: 8, with: func(f fleet) {
			f.holds(0, 1)
			f.owns("b", time.Second, 2, 3)
			f.owns("c", time.Second, 4, 5)
		}, due: []int{6, 7}, left: 1, next: testFailover / 32},
		"nothing beyond its share": {shards: 5, with: func(f fleet) {
			f.holds(0, 1, 2)
			f.owns("b", time.Second, 3)
			f.owns("", time.Second, 4)
		}, next: testFailover / 2},
		"but what nobody takes, one by one": {shards: 6, with: func(f fleet) {
			f.holds(0, 1, 2)
			f.owns("b", time.Second, 3)
			f.owns("", testFailover, 4, 5)
		}, due: []int{4, 5}, left: 1, next: testFailover / 32},
		"a live worker's is not due": {shards: 2, with: func(f fleet) { f.owns("b", testFailover-time.Second, 0, 1) }, next: time.Second},
		"a dead worker's is":         {shards: 2, with: func(f fleet) { f.owns("b", testFailover, 0, 1) }, due: []int{0, 1}, left: 1, next: testFailover / 32},
		"a settled worker leaves it to a new one": {shards: 4, running: settled, with: func(f fleet) {
			f.holds(0)
			f.owns("b", time.Second, 1)
			f.owns("", time.Second, 2, 3)
		}, next: testFailover/2 - time.Second},
		"for a while": {shards: 4, running: settled, with: func(f fleet) {
			f.holds(0)
			f.owns("b", time.Second, 1)
			f.owns("", testFailover/2, 2, 3)
		}, due: []int{2, 3}, left: 1, next: testFailover / 32},
		"but takes new shards at once": {shards: 4, running: settled, with: func(f fleet) {
			f.holds(0)
			f.owns("b", time.Second, 1)
		}, due: []int{2, 3}, left: 1, next: testFailover / 32},
		"its own lost leases all at once": {shards: 6, running: settled, with: func(f fleet) {
			f.owns("me", time.Second, 0, 1, 2)
			for i := range 3 {
				f.state(shardName(i)).token = "me-token"
			}
			f.owns("b", time.Second, 3, 4, 5)
		}, due: []int{0, 1, 2}, own: []int{0, 1, 2}, left: 1, next: testFailover / 32},
		"not those of another process of its id": {shards: 2, with: func(f fleet) { f.owns("me", time.Second, 0, 1) }, next: testFailover / 2},
		"what it gave back, after a rest": {shards: 2, running: settled, with: func(f fleet) {
			f.owns("", time.Second, 0)
			f.state(shardName(0)).givenBack = time.Now().Add(-time.Second)
			f.owns("", 2*time.Second, 1)
			f.state(shardName(1)).givenBack = time.Now().Add(-2 * time.Second)
		}, due: []int{1}, left: 1, next: testFailover / 32},
		"what it has claimed": {shards: 3, running: settled, with: func(f fleet) {
			f.holds(0, 1)
			f.owns("", time.Second, 2)
			f.set(2, claimKey, stringValue("me"))
		}, due: []int{2}, own: []int{2}, left: 1, next: testFailover / 32},
		"what it has claimed is another's still": {shards: 2, with: func(f fleet) {
			f.holds(0)
			f.owns("b", time.Second, 1)
			f.set(1, claimKey, stringValue("me"))
		}, next: testFailover / 8},
		"nor does it wait for what it has claimed, once that is finished": {shards: 3, with: func(f fleet) {
			f.holds(0)
			f.owns("b", time.Second, 1)
			f.owns("", time.Hour, 2)
			f.set(2, checkpointKey, stringValue(chk.ShardEnd))
			f.set(2, claimKey, stringValue("me"))
		}, next: testFailover / 2},
		"dead workers have no share": {shards: 6, with: func(f fleet) {
			f.holds(0, 1)
			f.owns("b", time.Second, 2)
			f.owns("c", testFailover, 3, 4, 5)
		}, due: []int{3, 4, 5}, left: 1, next: testFailover / 32},
		"not what another one has claimed": {shards: 2, with: func(f fleet) {
			f.owns("", time.Minute, 0, 1)
			f.set(0, claimKey, stringValue("b"))
			f.set(1, claimKey, stringValue("b"))
		}, next: testFailover / 2},
		"nothing finished, and no child of what is not": {shards: 3, with: func(f fleet) {
			f.owns("", time.Minute, 0)
			f.set(0, checkpointKey, stringValue(chk.ShardEnd))
			f.listing.shards[shardName(2)] = listedShard{start: "100", open: true, parents: []string{shardName(0), shardName(1)}}
		}, due: []int{1}, left: 1, next: testFailover / 32},
		"a child once all parents are": {shards: 3, with: func(f fleet) {
			f.owns("", time.Minute, 0, 1)
			f.set(0, checkpointKey, stringValue(chk.ShardEnd))
			f.set(1, checkpointKey, stringValue(chk.ShardEnd))
			f.listing.shards[shardName(2)] = listedShard{start: "100", open: true, parents: []string{shardName(0), shardName(1)}}
		}, due: []int{2}, left: 1, next: testFailover / 32},
		"no child of a parent whose lease is another stream's": {shards: 2, with: func(f fleet) {
			f.owns("", time.Minute, 0)
			f.set(0, checkpointKey, stringValue(chk.ShardEnd))
			f.set(0, birthKey, stringValue("49377645732552018086022006619685110462917712929150205954"))
			f.listing.shards[shardName(0)] = listedShard{start: "49590338271490256608559692538361571095921575989136588898"}
			f.listing.shards[shardName(1)] = listedShard{start: "100", open: true, parents: []string{shardName(0)}}
			f.state(shardName(0)).other = true
		}, next: testFailover / 2},
		"nothing that can't be read, or is another stream's": {shards: 2, with: func(f fleet) {
			f.state(shardName(0)).unclear = true
			f.state(shardName(1)).other = true
		}, next: testFailover / 2},
		"nothing where all is held": {shards: 2, with: func(f fleet) { f.holds(0, 1) }, next: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(c.shards, max(c.running, young))
				c.with(f)
				for id := range f.listing.shards {
					if s := f.state(id); s.since.IsZero() {
						s.since = time.Now() // as a survey has just seen it
					}
				}
				next := f.choose(f.view)
				want := map[string]bool{}
				for _, i := range c.due {
					want[shardName(i)] = !slices.Contains(c.own, i)
				}
				if !maps.Equal(f.due, want) || len(want) > 0 && f.allowance != c.left {
					t.Errorf("due %v, %d at once; want %v, %d", f.due, f.allowance, want, c.left)
				}
				if d := time.Until(next); d != c.next {
					t.Errorf("the next survey is in %v, want %v", d, c.next)
				}
			})
		})
	}
}

// TestDueRespectsMaxLeases: a worker that has as many leases as it may takes none, not its own either.
func TestDueRespectsMaxLeases(t *testing.T) {
	f := newFleet(3, time.Hour)
	f.cfg.MaxLeasesForWorker = 1
	f.holds(0)
	f.owns("", time.Hour, 1, 2)
	f.set(2, claimKey, stringValue("me"))
	if f.choose(f.view); len(f.due) > 0 {
		t.Errorf("due %v", f.due)
	}
}
