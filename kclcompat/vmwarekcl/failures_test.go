package vmwarekcl_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kplkit/kplkit/internal/sim"
	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/kclcompat/vmwarekcl"
)

var errPoison = errors.New("this record can't be processed")

// poisoned fails at every batch that has the text.
func poisoned(text string) (func(context.Context, kclcompat.Batch, *kclcompat.Checkpointer) error, *[]time.Time) {
	times := &[]time.Time{}
	return func(_ context.Context, b kclcompat.Batch, _ *kclcompat.Checkpointer) error {
		for _, u := range b.Records {
			if string(u.Data) == text {
				*times = append(*times, time.Now())
				return errPoison
			}
		}
		return nil
	}, times
}

// TestFailuresBackOff: a batch that fails again and again is tried less and less often, also where another worker takes
// the shard, and each failure is logged with its number.
func TestFailuresBackOff(t *testing.T) {
	sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
		w.CreateStream("s", 1)
		putAggregates(w.T, w.Control(), 3, 2)
		process, times := poisoned("a1.0")
		app, log := &calls{process: process}, &warnings{}
		for _, id := range []string{"one", "two"} {
			app.run(w.T, w.Host(id), newConfig(id).WithMaxRecords(1).WithLogger(log))
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if n := len(*times); n < 8 || n > 18 {
			w.T.Errorf("the batch was tried %d times in ten minutes", n)
		}
		for i, n := range []string{"failure 1;", "failure 2;", "failure 5;"} {
			if !slices.ContainsFunc(log.all(), func(line string) bool { return strings.Contains(line, n) && strings.Contains(line, errPoison.Error()) }) {
				w.T.Errorf("%d: no line has %q: %q", i, n, log.all())
			}
		}
	})
}

// TestWithFailureLimit: after so many failures of one batch it is handed over, and the shard is read on.
func TestWithFailureLimit(t *testing.T) {
	sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
		w.CreateStream("s", 1)
		all := putAggregates(w.T, w.Control(), 3, 2)
		process, times := poisoned("a1.0")
		app := &calls{process: process}
		var handed []string
		refuse := true
		app.run(w.T, w.Host("one"), newConfig("one").WithMaxRecords(1), vmwarekcl.WithFailureLimit(3,
			func(_ context.Context, shardID string, b kclcompat.Batch, err error) error {
				if !errors.Is(err, errPoison) || shardID != shard0 {
					w.T.Errorf("%s: %v", shardID, err)
				}
				if refuse {
					refuse = false
					return errors.New("not now")
				}
				for _, u := range b.Records {
					handed = append(handed, string(u.Data))
				}
				return nil
			}))
		time.Sleep(5 * time.Minute)
		_, texts, _ := app.counts()
		if len(*times) != 4 || !slices.Equal(handed, []string{"a1.0", "a1.1"}) || !slices.Contains(texts, all[len(all)-1]) {
			w.T.Errorf("tried %d times, handed over %q; delivered %q", len(*times), handed, texts)
		}
	})
}

// TestWithFailureLimitStops: without a function to hand the batch to, the worker stops, says why, and processes nothing that
// comes after the batch.
func TestWithFailureLimitStops(t *testing.T) {
	sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
		w.CreateStream("s", 1)
		putAggregates(w.T, w.Control(), 3, 2)
		process, times := poisoned("a1.0")
		app := &calls{process: process}
		worker := app.run(w.T, w.Host("one"), newConfig("one").WithMaxRecords(1), vmwarekcl.WithFailureLimit(2, nil))
		if err := worker.Wait(); !errors.Is(err, errPoison) || len(*times) != 2 {
			w.T.Errorf("after %d failures: %v", len(*times), err)
		}
		_, texts, _ := app.counts()
		if item := lease(w.T, w.Control(), shard0); slices.Contains(texts, "a2.0") || item["AssignedTo"] != "" {
			w.T.Errorf("delivered %q; %v", texts, item)
		}
	})
}

// TestFailuresOfOtherBatches: batches that fail once each, and go well when they are read again, are not one batch that
// fails again and again.
func TestFailuresOfOtherBatches(t *testing.T) {
	sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
		w.CreateStream("s", 1)
		all := putAggregates(w.T, w.Control(), 8, 2)
		var failed sync.Map
		app := &calls{process: func(_ context.Context, b kclcompat.Batch, _ *kclcompat.Checkpointer) error {
			if _, before := failed.LoadOrStore(string(b.Records[0].Data), true); before {
				return nil
			}
			return errPoison
		}}
		app.run(w.T, w.Host("one"), newConfig("one").WithMaxRecords(1), vmwarekcl.WithFailureLimit(2,
			func(_ context.Context, _ string, b kclcompat.Batch, err error) error {
				w.T.Errorf("%s was handed over", b.Records[0].Data)
				return nil
			}))
		time.Sleep(time.Minute) // without rests
		if made, texts, _ := app.counts(); made < 8 || texts[len(texts)-1] != all[len(all)-1] {
			w.T.Errorf("%d Processors, %q", made, texts)
		}
		if item := lease(w.T, w.Control(), shard0); item["kplkitFailures"] != "" {
			w.T.Errorf("the lease keeps failures that are over: %v", item)
		}
	})
}

// TestFailuresWithProgress: where checkpoints move on between failures, each is another batch's.
func TestFailuresWithProgress(t *testing.T) {
	sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
		w.CreateStream("s", 1)
		putAggregates(w.T, w.Control(), 1, 8)
		tries := 0
		app := &calls{process: func(ctx context.Context, b kclcompat.Batch, c *kclcompat.Checkpointer) error {
			if tries++; tries%2 == 1 {
				return errPoison
			}
			c.Done(b.Records[0])
			if _, err := c.Checkpoint(ctx); err != nil {
				w.T.Error(err)
			}
			if len(b.Records) == 1 {
				return nil
			}
			return errPoison
		}}
		worker := app.run(w.T, w.Host("one"), newConfig("one"), vmwarekcl.WithFailureLimit(3, nil))
		time.Sleep(5 * time.Minute)
		worker.Shutdown()
		if err := worker.Wait(); err != nil || tries < 16 {
			w.T.Errorf("after %d tries: %v", tries, err)
		}
	})
}

// TestHandOverWhileStopping: what the function has taken is checkpointed, also where the worker stops meanwhile.
func TestHandOverWhileStopping(t *testing.T) {
	sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
		w.CreateStream("s", 1)
		putAggregates(w.T, w.Control(), 1, 2)
		handed := 0
		for _, id := range []string{"one", "two"} {
			process, _ := poisoned("a0.0")
			app := &calls{process: process}
			worker := app.run(w.T, w.Host(id), newConfig(id), vmwarekcl.WithFailureLimit(1, func(context.Context, string, kclcompat.Batch, error) error {
				handed++
				time.Sleep(10 * time.Second)
				return nil
			}))
			time.Sleep(5 * time.Second)
			worker.Shutdown()
		}
		if handed != 1 {
			w.T.Errorf("handed over %d times", handed)
		}
	})
}

// TestFailuresOfEmptyBatches: there is nothing to hand over, and the shard rests all the same.
func TestFailuresOfEmptyBatches(t *testing.T) {
	sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
		w.CreateStream("s", 1)
		tries := 0
		app := &calls{process: func(context.Context, kclcompat.Batch, *kclcompat.Checkpointer) error {
			tries++
			return errPoison
		}}
		app.run(w.T, w.Host("one"), newConfig("one").WithCallProcessRecordsEvenForEmptyRecordList(true), vmwarekcl.WithFailureLimit(2,
			func(context.Context, string, kclcompat.Batch, error) error {
				w.T.Error("an empty batch was handed over")
				return nil
			}))
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if tries < 8 || tries > 18 {
			w.T.Errorf("%d tries in ten minutes", tries)
		}
	})
}
