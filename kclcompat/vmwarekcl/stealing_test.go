package vmwarekcl_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/internal/sim"
	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/kclcompat/vmwarekcl"
)

// claims counts the claims for leases, by worker.
type claims struct {
	table http.RoundTripper
	mu    sync.Mutex
	made  map[string]int
}

func (c *claims) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	response, err := c.table.RoundTrip(r)
	if err == nil && response.StatusCode == http.StatusOK && strings.Contains(string(body), "SET ClaimRequest") {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.made[r.Header.Get(kinesisfake.HostHeader)]++
	}
	return response, err
}

// TestClaimedLeaseIsHandedOver: between the two workers nobody has the shard for a moment only, though vmware ends its
// consumer some seconds later.
func TestClaimedLeaseIsHandedOver(t *testing.T) {
	sim.Worlds(t, 4, sim.Faults{MinLatency: time.Millisecond, MaxLatency: 30 * time.Millisecond}, func(w *sim.World) {
		w.CreateStream("s", 4)
		putEverywhere(w)
		var mu sync.Mutex
		lost, gaps := map[string]time.Time{}, []time.Duration{}
		for _, id := range []string{"one", "two"} {
			cfg := newConfig(id).WithLeaseStealing(true).WithFailoverTimeMillis(32_000).WithLeaseRefreshWaitTime(10_000).WithShardSyncIntervalMillis(60_000)
			worker := vmwarekcl.NewWorker(cfg, w.Host(id).AWS(), func(shardID string) kclcompat.Processor {
				mu.Lock()
				defer mu.Unlock()
				if at, ok := lost[shardID]; ok {
					gaps = append(gaps, time.Since(at))
				}
				return &onLoss{func() {
					mu.Lock()
					defer mu.Unlock()
					lost[shardID] = time.Now()
				}}
			})
			if err := worker.Start(); err != nil {
				w.T.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		mu.Lock()
		defer mu.Unlock()
		if len(gaps) != 2 || slices.Max(gaps) > 6*time.Second { // a claim interval, a tick of vmware's, and some requests
			w.T.Errorf("two shards are to change hands, without an owner for 6 s at most: %v", gaps)
		}
	})
}

// onLoss is a Processor that is called back when the context of its batches ends.
type onLoss struct{ f func() }

func (p *onLoss) ProcessRecords(ctx context.Context, _ kclcompat.Batch, _ *kclcompat.Checkpointer) error {
	context.AfterFunc(ctx, p.f)
	return nil
}

func (*onLoss) Shutdown(context.Context, kclcompat.Reason, *kclcompat.Checkpointer) error { return nil }

// TestStealsOneByOne: a worker that joins takes its share by lease stealing, and no more: it claims no second lease while
// it waits for one.
func TestStealsOneByOne(t *testing.T) {
	sim.Worlds(t, 2, sim.Faults{MinLatency: time.Millisecond, MaxLatency: 30 * time.Millisecond}, func(w *sim.World) {
		c := &claims{made: map[string]int{}}
		w.Intercept(sim.DynamoDB, func(table http.RoundTripper) http.RoundTripper {
			c.table = table
			return c
		})
		const shards = 12
		w.CreateStream("s", shards)
		for i, id := range []string{"one", "two"} {
			cfg := newConfig(id).WithLeaseStealing(true).WithLeaseStealingIntervalMillis(2000).WithLeaseSyncingIntervalMillis(1000).
				WithFailoverTimeMillis(60_000).WithLeaseRefreshWaitTime(15_000).WithIdleTimeBetweenReadsInMillis(5000)
			if err := newWorker(w.Host(id), cfg).Start(); err != nil {
				w.T.Fatal(err)
			}
			time.Sleep(time.Duration(1+4*i) * 30 * time.Second)
		}
		owned := map[string]int{}
		for shard := range shards {
			owned[lease(w.T, w.Control(), fmt.Sprintf("shardId-%012d", shard))["AssignedTo"]]++
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if owned["one"] != shards/2 || owned["two"] != shards/2 || c.made["two"] != shards/2 || c.made["one"] != 0 {
			w.T.Errorf("owned %v after claims %v", owned, c.made)
		}
	})
}
