package vmwarekcl_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/config"

	"github.com/kplkit/kplkit/internal/sim"
	"github.com/kplkit/kplkit/kclcompat"
)

// TestSilentTable: a worker whose DynamoDB never answers ends the context of its batch with the lease, hands out nothing
// after that, and the next worker processes the same records only then.
func TestSilentTable(t *testing.T) {
	for _, arrives := range []bool{true, false} {
		sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
			w.CreateStream("s", 1)
			putAggregates(w.T, w.Control(), 2, 2)
			host := w.Host("one")
			var silent, ended, taken time.Time
			var cause error
			first := &calls{process: func(ctx context.Context, _ kclcompat.Batch, _ *kclcompat.Checkpointer) error {
				silent = time.Now()
				host.Silence(sim.DynamoDB, time.Hour, arrives)
				<-ctx.Done()
				ended, cause = time.Now(), context.Cause(ctx)
				time.Sleep(10 * time.Second)
				return nil
			}}
			first.run(w.T, host, newConfig("one"))
			time.Sleep(2 * time.Second)
			second := &calls{process: func(context.Context, kclcompat.Batch, *kclcompat.Checkpointer) error {
				taken = time.Now()
				return nil
			}}
			second.run(w.T, w.Host("two"), newConfig("two"))
			time.Sleep(time.Minute)
			synctest.Wait()
			if d := ended.Sub(silent); d > 2*time.Second || !errors.Is(cause, kclcompat.ErrLeaseLost) {
				w.T.Errorf("the context ended after %v (%v)", d, cause)
			}
			if taken.IsZero() || !taken.After(ended) {
				w.T.Errorf("the second worker began at %v, the first one's context ended at %v", taken, ended)
			}
			if made, _, reasons := first.counts(); made != 1 || !slices.Equal(reasons, []kclcompat.Reason{kclcompat.LeaseLost}) {
				w.T.Errorf("the first worker made %d Processors, shut down for %v", made, reasons)
			}
		})
	}
}

// TestCheckpointsAfterTheLease: whichever of its contexts a Processor checkpoints with once its lease is over, the error says so.
func TestCheckpointsAfterTheLease(t *testing.T) {
	sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
		w.CreateStream("s", 1)
		putAggregates(w.T, w.Control(), 1, 3)
		host, app := w.Host("one"), &stopping{}
		app.as = app
		var inBatch error
		app.process = func(ctx context.Context, b kclcompat.Batch, c *kclcompat.Checkpointer) error {
			host.Silence(sim.DynamoDB, time.Hour, false)
			<-ctx.Done()
			c.Done(b.Records[0])
			_, inBatch = c.Checkpoint(ctx)
			return inBatch
		}
		app.run(w.T, host, newConfig("one"))
		time.Sleep(time.Minute)
		synctest.Wait()
		for _, err := range []error{inBatch, app.err} {
			if !errors.Is(err, kclcompat.ErrLeaseLost) || !errors.Is(err, context.Canceled) {
				w.T.Errorf("%v: %v", app.reason, err)
			}
		}
	})
}

// TestVMwareSaysWhy: what vmware logs when a lease is over says why.
func TestVMwareSaysWhy(t *testing.T) {
	for why, fail := range map[string]func(*sim.Host) error{
		"it was not renewed in time": func(h *sim.Host) error { h.Silence(sim.DynamoDB, 5*time.Second, false); return nil },
		"the shard is given up":      func(*sim.Host) error { return errors.New("a fault of the application") },
	} {
		sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
			w.CreateStream("s", 1)
			putAggregates(w.T, w.Control(), 1, 3)
			host, log := w.Host("one"), &warnings{}
			app := &calls{process: func(context.Context, kclcompat.Batch, *kclcompat.Checkpointer) error { return fail(host) }}
			app.run(w.T, host, newConfig("one").WithLogger(log))
			time.Sleep(10 * time.Second)
			n := 0
			for _, line := range log.all() {
				if _, reason, ok := strings.Cut(line, "lease not acquired: "); ok {
					if n++; !strings.HasPrefix(reason, why) {
						w.T.Errorf("%q does not say %q", line, why)
					}
				}
			}
			if n == 0 {
				w.T.Errorf("vmware says nothing: %q", log.all())
			}
		})
	}
}

// TestSlowBatch: batches that take longer than a lease keep it, with polling and with enhanced fan-out; a second worker
// gets nothing.
func TestSlowBatch(t *testing.T) {
	for _, fanOut := range []bool{false, true} {
		t.Run(fmt.Sprint("fan-out ", fanOut), func(t *testing.T) {
			sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
				w.CreateStream("s", 1)
				all := putAggregates(w.T, w.Control(), 4, 10)
				cfg := func(id string) *config.KinesisClientLibConfiguration {
					c := newConfig(id).WithMaxRecords(1)
					if fanOut {
						c.WithEnhancedFanOutConsumerARN(register(w))
					}
					return c
				}
				slow := func(context.Context, kclcompat.Batch, *kclcompat.Checkpointer) error {
					time.Sleep(7 * time.Second)
					return nil
				}
				first, second := &calls{process: slow}, &calls{process: slow}
				config := cfg("one")
				first.run(w.T, w.Host("one"), config)
				time.Sleep(3 * time.Second)
				config.WorkerID = "two"
				second.run(w.T, w.Host("two"), config)
				time.Sleep(2 * time.Minute)
				made, texts, _ := first.counts()
				if others, _, _ := second.counts(); made != 1 || others != 0 || !slices.Equal(texts, all) {
					w.T.Errorf("%d and %d Processors, %d deliveries of %d user records", made, others, len(texts), len(all))
				}
			})
		})
	}
}

// TestTableAwayForAWhile: a lease is kept through errors of DynamoDB, until its end.
func TestTableAwayForAWhile(t *testing.T) {
	sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
		w.CreateStream("s", 1)
		all := putAggregates(w.T, w.Control(), 1, 3)
		host, app := w.Host("one"), &calls{}
		app.run(w.T, host, newConfig("one"))
		time.Sleep(5 * time.Second)
		for range 10 {
			host.Outage(sim.DynamoDB, 900*time.Millisecond)
			time.Sleep(2 * time.Second)
		}
		if made, texts, reasons := app.counts(); made != 1 || len(reasons) != 0 || !slices.Equal(texts, all) {
			w.T.Errorf("%d Processors, shut down for %v: %q", made, reasons, texts)
		}
	})
}

// TestSlowIterator: a lease is renewed while Kinesis takes long to give an iterator out.
func TestSlowIterator(t *testing.T) {
	f := sim.Faults{MinLatency: time.Millisecond, MaxLatency: 2 * time.Millisecond,
		Slow: []sim.Slow{{Operation: "GetShardIterator", Rate: 1, Longest: 9 * time.Second}}}
	sim.Worlds(t, 10, f, func(w *sim.World) {
		w.CreateStream("s", 1)
		all := putAggregates(w.T, w.Control(), 1, 3)
		first, second := &calls{}, &calls{}
		first.run(w.T, w.Host("one"), newConfig("one"))
		time.Sleep(2 * time.Second)
		second.run(w.T, w.Host("two"), newConfig("two"))
		time.Sleep(time.Minute)
		made, texts, _ := first.counts()
		if others, _, _ := second.counts(); made+others != 1 || !slices.Equal(texts, all) && made == 1 {
			w.T.Errorf("%d and %d Processors: %q", made, others, texts)
		}
	})
}

// TestLeaseEndsAfterRenewals: the context of a batch ends with the lease also where it was renewed often before.
func TestLeaseEndsAfterRenewals(t *testing.T) {
	sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
		w.CreateStream("s", 1)
		putAggregates(w.T, w.Control(), 1, 2)
		host := w.Host("one")
		var silent, ended time.Time
		app := &calls{process: func(ctx context.Context, _ kclcompat.Batch, _ *kclcompat.Checkpointer) error {
			time.Sleep(20 * time.Second)
			silent = time.Now()
			host.Silence(sim.DynamoDB, time.Hour, false)
			<-ctx.Done()
			ended = time.Now()
			return nil
		}}
		app.run(w.T, host, newConfig("one"))
		time.Sleep(time.Minute)
		synctest.Wait()
		if d := ended.Sub(silent); ended.IsZero() || d > 2*time.Second || d < time.Second {
			w.T.Errorf("the context ended after %v", d)
		}
	})
}

// TestRefreshTimes: whatever LeaseRefreshWaitTime and LeaseRefreshPeriodMillis are, leases are renewed at a sensible pace, and
// a shard that was given up is read again soon.
func TestRefreshTimes(t *testing.T) {
	for _, wait := range []int{-1, 0, 100, 3_600_000} {
		for _, fanOut := range []bool{false, true} {
			sim.Run(t, 1, sim.Faults{MinLatency: time.Millisecond, MaxLatency: 2 * time.Millisecond}, func(w *sim.World) {
				again := &twice{what: renewal}
				w.Intercept(sim.DynamoDB, func(table http.RoundTripper) http.RoundTripper {
					again.next = table
					return again
				})
				w.CreateStream("s", 1)
				putAggregates(w.T, w.Control(), 1, 2)
				var times []time.Time
				app := &calls{process: func(context.Context, kclcompat.Batch, *kclcompat.Checkpointer) error {
					times = append(times, time.Now())
					if len(times) == 1 {
						return errors.New("once")
					}
					return nil
				}}
				cfg := newConfig("one")
				cfg.LeaseRefreshWaitTime = wait
				if fanOut {
					cfg.WithEnhancedFanOutConsumerARN(register(w))
				}
				app.run(w.T, w.Host("one"), cfg)
				time.Sleep(time.Minute)
				most := 92 // one for each third of a lease
				if wait == 100 {
					most = 602
				}
				n := again.count()
				if synctest.Wait(); len(times) != 2 || times[1].Sub(times[0]) > 10*time.Second || n < 50 || n > most {
					w.T.Errorf("%d ms, fan-out %v: read at %v, %d renewals in a minute", wait, fanOut, times, n)
				}
			})
		}
	}
}
