package sim_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/kplkit/kplkit/internal/sim"
)

// A large world remembers nothing of its requests.
func TestLargeWorld(t *testing.T) {
	sim.RunLarge(t, sim.Usual(), func(w *sim.World) {
		w.CreateStream("s", 1)
		for range 20 {
			_ = put(w.Host("h").AWS(), "a")
		}
		if n := len(w.Kinesis.Records("s")["shardId-000000000000"]); n == 0 || len(w.Trace()) > 0 || len(w.Acknowledged("s")["shardId-000000000000"]) > 0 {
			w.T.Errorf("%d records are stored; %d events, acknowledged: %v", n, len(w.Trace()), w.Acknowledged("s"))
		}
	})
}

// TestBury: the goroutines of a killed host hang until it is buried, and then end.
func TestBury(t *testing.T) {
	sim.RunLarge(t, sim.Faults{MinLatency: time.Second, MaxLatency: time.Second}, func(w *sim.World) {
		w.CreateStream("s", 1)
		before, h := runtime.NumGoroutine(), w.Host("h")
		for range 100 {
			go func() { _ = put(h.AWS(), "a") }()
		}
		time.Sleep(1500 * time.Millisecond)
		h.Kill()
		time.Sleep(time.Hour)
		if n := runtime.NumGoroutine() - before; n < 90 { // what else the process has comes and goes meanwhile
			w.T.Errorf("%d goroutines hang", n)
		}
		h.Bury()
		time.Sleep(time.Hour)
		if n := runtime.NumGoroutine() - before; n > 10 {
			w.T.Errorf("%d goroutines are left", n)
		}
	})
}

func TestSplitAndMergeAll(t *testing.T) {
	sim.Run(t, 1, sim.Faults{StatusDelay: time.Second}, func(w *sim.World) {
		w.CreateStream("s", 3)
		for _, step := range []struct {
			change func(string)
			open   int
		}{{w.SplitAll, 6}, {w.SplitAll, 12}, {w.MergeAll, 6}, {w.MergeAll, 3}} {
			step.change("s")
			time.Sleep(time.Second)
			if open := w.OpenShards("s"); len(open) != step.open {
				w.T.Errorf("%d open shards, want %d", len(open), step.open)
			}
		}
	})
}
