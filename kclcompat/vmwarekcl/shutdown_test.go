package vmwarekcl_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kplkit/kplkit/internal/sim"
	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/kclcompat/vmwarekcl"
)

// TestShutdownEndsContexts: the contexts of batches end at once, the Processor can store a last checkpoint, and the lease is
// handed back.
func TestShutdownEndsContexts(t *testing.T) {
	sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
		w.CreateStream("s", 1)
		putAggregates(w.T, w.Control(), 1, 4)
		app := &stopping{}
		app.as = app
		app.calls.process = func(ctx context.Context, b kclcompat.Batch, c *kclcompat.Checkpointer) error {
			c.Done(b.Records[1])
			<-ctx.Done()
			return ctx.Err()
		}
		worker := app.run(w.T, w.Host("one"), newConfig("one"))
		time.Sleep(10 * time.Second)
		began := time.Now()
		worker.Shutdown()
		if d := time.Since(began); d > time.Second || app.err != nil || app.reason != kclcompat.Stopping {
			w.T.Errorf("shut down after %v, with a checkpoint that failed: %v (%v)", d, app.err, app.reason)
		}
		item := lease(w.T, w.Control(), shard0)
		if position := app.result.Written.String(); item["AssignedTo"] != "" || item["kplkitPosition"][len(item["Checkpoint"])+1:] != position {
			w.T.Errorf("%v, and %v was written", item, position)
		}
		if err := worker.Wait(); err != nil {
			w.T.Errorf("Wait: %v", err)
		}
		worker.Shutdown() // once more changes nothing
		if worker.Start() == nil {
			w.T.Error("started again")
		}
	})
}

// stopping checkpoints when it is shut down.
type stopping struct {
	calls
	reason kclcompat.Reason
	result kclcompat.Result
	err    error
}

func (s *stopping) Shutdown(ctx context.Context, r kclcompat.Reason, c *kclcompat.Checkpointer) error {
	s.reason = r
	s.result, s.err = c.Checkpoint(ctx)
	return nil
}

// TestShutdownWithSilentServices: a worker's end takes no longer than a lease after its Processor has returned,
// whichever service is silent and whatever the worker does.
func TestShutdownWithSilentServices(t *testing.T) {
	for _, services := range [][]sim.Service{{sim.DynamoDB}, {sim.Kinesis}, {sim.DynamoDB, sim.Kinesis}} {
		for _, busy := range []time.Duration{0, 5 * time.Second} {
			for _, wait := range []time.Duration{time.Millisecond, 1500 * time.Millisecond, 5 * time.Second} {
				sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
					w.CreateStream("s", 2)
					putAggregates(w.T, w.Control(), 1, 4)
					app := &calls{process: func(context.Context, kclcompat.Batch, *kclcompat.Checkpointer) error {
						time.Sleep(busy)
						return nil
					}}
					host := w.Host("one")
					worker := app.run(w.T, host, newConfig("one").WithShardSyncIntervalMillis(1500))
					time.Sleep(2500 * time.Millisecond)
					for _, s := range services {
						host.Silence(s, time.Hour, false)
					}
					time.Sleep(wait)
					began := time.Now()
					worker.Shutdown()
					ended := time.Now()
					synctest.Wait()
					if app.last.After(began) {
						began = app.last
					}
					if d := ended.Sub(began); d > 2*time.Second {
						w.T.Errorf("%v, batches of %v, after %v: the shutdown took %v", services, busy, wait, d)
					}
				})
			}
		}
	}
}

// TestShutdownWhileIdle: vmware sleeps between two readings for longer than a lease lasts. The Processor is shut down, and the
// lease handed back, all the same.
func TestShutdownWhileIdle(t *testing.T) {
	sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
		w.CreateStream("s", 1)
		putAggregates(w.T, w.Control(), 1, 2)
		app := &calls{}
		worker := app.run(w.T, w.Host("one"), newConfig("one").WithIdleTimeBetweenReadsInMillis(60_000))
		time.Sleep(20 * time.Second)
		worker.Shutdown()
		took := time.Since(app.last)
		_, _, reasons := app.counts()
		if owner := lease(w.T, w.Control(), shard0)["AssignedTo"]; took > 2*time.Second || owner != "" || !slices.Equal(reasons, []kclcompat.Reason{kclcompat.Stopping}) {
			w.T.Errorf("%v after the Processor: shut down for %v, owner %q", took, reasons, owner)
		}
		time.Sleep(2 * time.Minute)
		if _, _, later := app.counts(); len(later) != 1 {
			w.T.Errorf("shut down for %v", later)
		}
	})
}

// leaves leaves its batch when its context ends, without an error.
type leaves struct {
	calls
	slow time.Duration
	seen []string
}

func (l *leaves) ProcessRecords(ctx context.Context, b kclcompat.Batch, c *kclcompat.Checkpointer) error {
	for _, u := range b.Records {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(l.slow):
		}
		l.seen = append(l.seen, string(u.Data))
		c.Done(u)
	}
	return nil
}

func (l *leaves) Shutdown(ctx context.Context, _ kclcompat.Reason, c *kclcompat.Checkpointer) error {
	_, err := c.Checkpoint(ctx)
	return err
}

// TestLeftOffInLastBatch: a Processor that leaves off in the middle without an error has not processed the shard's end.
func TestLeftOffInLastBatch(t *testing.T) {
	for _, fanOut := range []bool{false, true} {
		sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
			w.CreateStream("s", 1)
			all := putAggregates(w.T, w.Control(), 2, 5)
			<-w.Reshard("s", 1, time.Second)
			app := &leaves{slow: 5 * time.Second}
			app.as = app
			cfg := newConfig("one")
			if fanOut {
				cfg.WithEnhancedFanOutConsumerARN(register(w))
			}
			worker := app.run(w.T, w.Host("one"), cfg)
			time.Sleep(20 * time.Second)
			worker.Shutdown()
			synctest.Wait()
			app.slow = 0
			cfg.WorkerID = "two"
			app.run(w.T, w.Host("two"), cfg)
			time.Sleep(time.Minute)
			synctest.Wait()
			if !slices.Equal(app.seen, all) {
				w.T.Errorf("fan-out %v: %q of %q", fanOut, app.seen, all)
			}
		})
	}
}

// TestNoBatchAfterStop: an answer of Kinesis that comes after the worker was told to stop is not handed out.
func TestNoBatchAfterStop(t *testing.T) {
	f := sim.Faults{Slow: []sim.Slow{{Operation: "GetRecords", Rate: 1, Longest: time.Second}}}
	sim.Worlds(t, 6, f, func(w *sim.World) {
		w.CreateStream("s", 1)
		putAggregates(w.T, w.Control(), 50, 2)
		var last time.Time
		app := &calls{process: func(context.Context, kclcompat.Batch, *kclcompat.Checkpointer) error {
			last = time.Now()
			return nil
		}}
		worker := app.run(w.T, w.Host("one"), newConfig("one").WithMaxRecords(1))
		time.Sleep(20 * time.Second)
		stop := time.Now()
		worker.Shutdown()
		if last.IsZero() || last.After(stop) {
			w.T.Errorf("a batch %v after the stop", last.Sub(stop))
		}
	})
}

// TestSilentKinesis: a call that Kinesis never answers ends by itself, and the shard is read on.
func TestSilentKinesis(t *testing.T) {
	sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
		w.CreateStream("s", 1)
		host, app := w.Host("one"), &calls{}
		app.run(w.T, host, newConfig("one"))
		time.Sleep(10 * time.Second)
		host.Silence(sim.Kinesis, 5*time.Second, false)
		time.Sleep(10 * time.Second)
		all := putAggregates(w.T, w.Control(), 1, 3)
		time.Sleep(time.Minute)
		if _, texts, _ := app.counts(); !slices.Equal(texts, all) {
			w.T.Errorf("%q", texts)
		}
	})
}

// TestStoppedInLastBatch: a shard whose last batch was interrupted by the worker's end has not ended.
func TestStoppedInLastBatch(t *testing.T) {
	sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
		w.CreateStream("s", 1)
		putAggregates(w.T, w.Control(), 1, 4)
		<-w.Reshard("s", 1, time.Second)
		app := &calls{process: func(ctx context.Context, _ kclcompat.Batch, _ *kclcompat.Checkpointer) error {
			<-ctx.Done()
			return ctx.Err()
		}}
		worker := app.run(w.T, w.Host("one"), newConfig("one"))
		time.Sleep(20 * time.Second)
		worker.Shutdown()
		_, _, reasons := app.counts()
		if end := lease(w.T, w.Control(), shard0)["Checkpoint"]; end == "SHARD_END" || !slices.Equal(reasons, []kclcompat.Reason{kclcompat.Stopping}) {
			w.T.Errorf("shut down for %v, the lease says %q", reasons, end)
		}
	})
}

// TestShutdownBeforeStart: there is nothing to end.
func TestShutdownBeforeStart(t *testing.T) {
	sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
		worker := newWorker(w.Host("one"), newConfig("one"))
		worker.Shutdown()
		if err := worker.Wait(); err != nil {
			w.T.Error(err)
		}
		if worker.Start() == nil {
			w.T.Error("started after its end")
		}
	})
}

// TestNothingToWaitFor: a worker that NewWorker has not made, or that does not run, blocks nobody.
func TestNothingToWaitFor(t *testing.T) {
	var zero vmwarekcl.Worker
	zero.Shutdown()
	for _, err := range []error{zero.Start(), zero.Wait()} {
		if err == nil || !strings.Contains(err.Error(), "NewWorker makes one") {
			t.Errorf("a zero Worker: %v", err)
		}
	}
	zero.Shutdown()
	sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
		worker := newWorker(w.Host("one"), newConfig("one"))
		for _, when := range []string{"before Start", "after a Start that has failed"} { // there is no stream yet
			if err := worker.Wait(); err == nil || !strings.Contains(err.Error(), "not started") {
				w.T.Errorf("%s: %v", when, err)
			}
			if worker.Start() == nil {
				w.T.Fatal("started")
			}
		}
		w.CreateStream("s", 1)
		waited := make(chan error)
		go func() {
			time.Sleep(time.Microsecond)
			waited <- worker.Wait()
		}()
		if err := worker.Start(); err != nil {
			w.T.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		worker.Shutdown()
		if err := <-waited; err != nil {
			w.T.Errorf("while it starts: %v", err)
		}
	})
}

// TestNoBatchAfterFailedOne: where the context has ended under a batch, the end of the shard is not reported.
func TestNoBatchAfterFailedOne(t *testing.T) {
	sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
		w.CreateStream("s", 1)
		putAggregates(w.T, w.Control(), 1, 4)
		<-w.Reshard("s", 1, time.Second)
		host := w.Host("one")
		app := &calls{process: func(ctx context.Context, _ kclcompat.Batch, _ *kclcompat.Checkpointer) error {
			host.Silence(sim.DynamoDB, time.Hour, false)
			<-ctx.Done()
			return errors.New("interrupted")
		}}
		app.run(w.T, host, newConfig("one"))
		time.Sleep(time.Minute)
		if _, _, reasons := app.counts(); !slices.Equal(reasons, []kclcompat.Reason{kclcompat.LeaseLost}) {
			w.T.Errorf("shut down for %v", reasons)
		}
	})
}

// TestShutdownIsQuiet: an ordinary end logs no warning and no error, though leases are handed back beside vmware.
func TestShutdownIsQuiet(t *testing.T) {
	for _, fanOut := range []bool{false, true} {
		for seed := range uint64(3) {
			sim.Run(t, seed, sim.Faults{MinLatency: time.Millisecond, MaxLatency: 30 * time.Millisecond}, func(w *sim.World) {
				w.CreateStream("s", 4)
				cfg, log := newConfig("one"), &warnings{}
				if fanOut {
					cfg.WithEnhancedFanOutConsumerARN(register(w))
				}
				app := &calls{}
				worker := app.run(w.T, w.Host("one"), cfg.WithLogger(log))
				time.Sleep(20 * time.Second)
				worker.Shutdown()
				time.Sleep(10 * time.Second)
				if _, _, reasons := app.counts(); len(reasons) != 4 || len(log.all()) > 0 {
					w.T.Errorf("fan-out %v: shut down for %v; %q", fanOut, reasons, log.all())
				}
			})
		}
	}
}

// TestStopsByItselfInLastBatch: a worker that stops for a batch of a shard which has ended shuts the Processor down as one that
// stops, which can store what is Done; and Shutdown meanwhile waits for the same end.
func TestStopsByItselfInLastBatch(t *testing.T) {
	for seed := range uint64(5) {
		sim.Run(t, seed, sim.Faults{MinLatency: time.Millisecond, MaxLatency: 20 * time.Millisecond}, func(w *sim.World) {
			w.CreateStream("s", 1)
			putAggregates(w.T, w.Control(), 1, 4)
			<-w.Reshard("s", 1, time.Second)
			var worker *vmwarekcl.Worker
			app := &calls{process: func(context.Context, kclcompat.Batch, *kclcompat.Checkpointer) error {
				go worker.Shutdown()
				return errPoison
			}}
			worker = vmwarekcl.NewWorker(newConfig("one").WithFailoverTimeMillis(2000), w.Host("one").AWS(), app.create, vmwarekcl.WithFailureLimit(1, nil))
			if err := worker.Start(); err != nil {
				w.T.Fatal(err)
			}
			if err := worker.Wait(); err != nil && !errors.Is(err, errPoison) {
				w.T.Error(err)
			}
			_, _, reasons := app.counts()
			if end := lease(w.T, w.Control(), shard0)["Checkpoint"]; end == "SHARD_END" || !slices.Equal(reasons, []kclcompat.Reason{kclcompat.Stopping}) {
				w.T.Errorf("shut down for %v, the lease says %q", reasons, end)
			}
		})
	}
}
