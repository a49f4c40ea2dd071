package vmwarekcl_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/metrics"

	"github.com/kplkit/kplkit/internal/sim"
	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/kclcompat/vmwarekcl"
)

// told collects what a Trace is told.
type told struct {
	mu                            sync.Mutex
	delivered, repeated           int
	taken, lost, returned         int
	held                          []string
	lags                          int
	lag                           time.Duration
	metrics.NoopMonitoringService // the application's own
	monitored                     int
}

func (t *told) trace() vmwarekcl.Trace {
	count := func(n *int) func(string) {
		return func(string) {
			t.mu.Lock()
			defer t.mu.Unlock()
			*n++
		}
	}
	add := func(n *int) func(string, int) {
		return func(_ string, more int) {
			t.mu.Lock()
			defer t.mu.Unlock()
			*n += more
		}
	}
	return vmwarekcl.Trace{
		Delivered: add(&t.delivered), Repeated: add(&t.repeated),
		LeaseTaken: count(&t.taken), LeaseLost: count(&t.lost), LeaseReturned: count(&t.returned),
		Held: func(_ string, r kclcompat.Result) {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.held = append(t.held, fmt.Sprint(r.Done.SubSequenceNumber(), r.Written, r.Effect))
		},
		BehindLatest: func(_ string, d time.Duration) {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.lags, t.lag = t.lags+1, d
		},
	}
}

func (t *told) MillisBehindLatest(string, float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.monitored++
}

func (t *told) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return fmt.Sprintf("delivered %d, repeated %d, held %q; leases taken %d, lost %d, returned %d", t.delivered, t.repeated, t.held, t.taken, t.lost, t.returned)
}

// TestTrace: a Processor fails behind a checkpoint inside an aggregate, and never checkpoints what comes then; DynamoDB is
// away for longer than a lease lasts; the worker stops.
func TestTrace(t *testing.T) {
	sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
		w.CreateStream("s", 1)
		putAggregates(w.T, w.Control(), 1, 5)
		var failed atomic.Bool
		app := &silent{process: func(ctx context.Context, b kclcompat.Batch, c *kclcompat.Checkpointer) error {
			for i, u := range b.Records {
				if i == 2 && !failed.Swap(true) {
					_, err := c.Checkpoint(ctx)
					return errors.Join(errors.New("a fault of the application"), err)
				}
				c.Done(u)
			}
			return nil
		}}
		saw := &told{}
		cfg := newConfig("one").WithFailoverTimeMillis(2000).WithMonitoringService(saw)
		host := w.Host("one")
		worker := vmwarekcl.NewWorker(cfg, host.AWS(), func(string) kclcompat.Processor { return app }, vmwarekcl.WithTrace(saw.trace()))
		if err := worker.Start(); err != nil {
			w.T.Fatal(err)
		}
		check := func(want string) {
			w.T.Helper()
			if got := saw.String(); got != want {
				w.T.Errorf("%s; want %s", got, want)
			}
		}
		time.Sleep(10 * time.Second)
		_, position, _ := strings.Cut(lease(w.T, w.Control(), shard0)["kplkitPosition"], "|")
		held := fmt.Sprintf("%q", "4 "+position+" repeats") // done, written, effect
		check("delivered 8, repeated 3, held [" + held + "]; leases taken 2, lost 0, returned 1")
		host.Outage(sim.DynamoDB, 4*time.Second)
		time.Sleep(20 * time.Second)
		worker.Shutdown()
		check("delivered 11, repeated 6, held [" + held + " " + held + "]; leases taken 3, lost 1, returned 2")
		// What the Trace is told was returned, after an error of the Processor, is lost to that.
		if want := []kclcompat.Reason{kclcompat.LeaseLost, kclcompat.LeaseLost, kclcompat.Stopping}; !slices.Equal(app.reasons, want) {
			w.T.Errorf("shut down for %v", app.reasons)
		}
		saw.mu.Lock()
		defer saw.mu.Unlock()
		if saw.lags < 50 || saw.lag != 0 || saw.monitored != saw.lags {
			w.T.Errorf("%d times %v; vmware's own service was told %d times", saw.lags, saw.lag, saw.monitored)
		}
	})
}

// silent is a Processor that checkpoints nothing by itself.
type silent struct {
	process func(context.Context, kclcompat.Batch, *kclcompat.Checkpointer) error
	reasons []kclcompat.Reason
}

func (s *silent) ProcessRecords(ctx context.Context, b kclcompat.Batch, c *kclcompat.Checkpointer) error {
	return s.process(ctx, b, c)
}

func (s *silent) Shutdown(_ context.Context, r kclcompat.Reason, _ *kclcompat.Checkpointer) error {
	s.reasons = append(s.reasons, r)
	return nil
}

// TestTraceOfNothing: functions that are nil are not called.
func TestTraceOfNothing(t *testing.T) {
	sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
		w.CreateStream("s", 1)
		all := putAggregates(w.T, w.Control(), 2, 3)
		app := &calls{}
		worker := app.run(w.T, w.Host("one"), newConfig("one"), vmwarekcl.WithTrace(vmwarekcl.Trace{}))
		time.Sleep(10 * time.Second)
		worker.Shutdown()
		if _, texts, _ := app.counts(); !slices.Equal(texts, all) {
			w.T.Errorf("%q", texts)
		}
	})
}
