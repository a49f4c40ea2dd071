package vmwarekcl_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	chk "github.com/vmware/vmware-go-kcl-v2/clientlibrary/checkpoint"
	par "github.com/vmware/vmware-go-kcl-v2/clientlibrary/partition"

	"github.com/kplkit/kplkit/internal/sim"
	"github.com/kplkit/kplkit/kclcompat/vmwarekcl"
)

// renewals notes when each renewal reaches the table.
type renewals struct {
	next http.RoundTripper
	mu   sync.Mutex
	at   []time.Time
}

func countRenewals(w *sim.World) *renewals {
	r := &renewals{}
	w.Intercept(sim.DynamoDB, func(table http.RoundTripper) http.RoundTripper {
		r.next = table
		return r
	})
	return r
}

func (r *renewals) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	request.Body = io.NopCloser(bytes.NewReader(body))
	if strings.Contains(string(body), renewal) {
		r.mu.Lock()
		r.at = append(r.at, time.Now())
		r.mu.Unlock()
	}
	return r.next.RoundTrip(request)
}

// during waits for d, and returns how many renewals came in it and how many at most in a window of 100 ms.
func (r *renewals) during(d time.Duration) (all, most int) {
	begin := time.Now()
	time.Sleep(d)
	r.mu.Lock()
	defer r.mu.Unlock()
	window := 0
	for i, at := range r.at {
		if at.Before(begin) {
			window = i + 1
			continue
		}
		for at.Sub(r.at[window]) >= 100*time.Millisecond {
			window++
		}
		all, most = all+1, max(most, i-window+1)
	}
	return all, most
}

// TestRenewalsAreSpread: of 200 leases that were taken at once each is renewed once an interval, at a point of its own, also
// after faults by which all of them were renewed at once, and vmware waits for none of it.
func TestRenewalsAreSpread(t *testing.T) {
	const shards, interval = 200, 2500 * time.Millisecond
	sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
		table := countRenewals(w)
		w.CreateStream("s", shards)
		host := w.Host("one")
		c := vmwarekcl.NewLeaseTable(newConfig("one"), dynamodb.NewFromConfig(host.AWS()), kinesis.NewFromConfig(w.Control()))
		if err := c.Init(); err != nil {
			w.T.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		for i := range shards {
			go consume(ctx, w.T, c, fmt.Sprintf("shardId-%012d", i), interval)
		}
		time.Sleep(interval)
		check := func(when string) {
			const intervals = 10
			all, most := table.during(intervals * interval)
			w.T.Logf("%s: %.1f renewals a second, at most %d in 100 ms", when, float64(all)/(intervals*interval).Seconds(), most)
			if all < (intervals-1)*shards || all > (intervals+1)*shards || most > shards/8 {
				w.T.Errorf("%s: %d renewals of %d leases in %d intervals, %d within 100 ms", when, all, shards, intervals, most)
			}
		}
		check("taken at once")
		for _, fault := range []struct {
			what  string
			begin func()
		}{
			{"an outage", func() { host.Outage(sim.DynamoDB, 4*time.Second) }},
			{"a silence", func() { host.Silence(sim.DynamoDB, 4*time.Second, true) }},
			{"a standstill", func() { host.Stall(3 * time.Second) }},
		} {
			fault.begin()
			time.Sleep(10 * time.Second)
			check("after " + fault.what)
		}
	})
}

// consume takes a shard, and comes back for its lease as vmware's consumers do.
func consume(ctx context.Context, t *testing.T, c *vmwarekcl.LeaseTable, shardID string, interval time.Duration) {
	shard := &par.ShardStatus{ID: shardID, Mux: &sync.RWMutex{}}
	if err := c.Offer(ctx, shardID); err != nil {
		t.Error(shardID, err)
	}
	if err := c.FetchCheckpoint(shard); err != chk.ErrSequenceIDNotFound {
		t.Error(shardID, err)
	}
	for renewed := false; ctx.Err() == nil; renewed = true {
		began := time.Now()
		err := c.GetLease(shard, "one")
		if d := time.Since(began); err != nil || renewed && d > 0 {
			t.Errorf("%s: vmware waited for %v: %v", shardID, d, err)
		}
		time.Sleep(interval)
	}
}
