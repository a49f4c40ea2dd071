package vmwarekcl_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kplkit/kplkit/internal/sim"
	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/kclcompat/vmwarekcl"
)

// checkpoints counts the checkpoints that reach the lease table, or refuses them.
type checkpoints struct {
	http.RoundTripper
	n       atomic.Int64
	refused atomic.Bool
}

func countCheckpoints(w *sim.World) *checkpoints {
	c := &checkpoints{}
	w.Intercept(sim.DynamoDB, func(next http.RoundTripper) http.RoundTripper {
		c.RoundTripper = next
		return c
	})
	return c
}

func (c *checkpoints) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if bytes.Contains(body, []byte("ifkplkitWrites")) {
		if c.refused.Load() {
			return nil, errors.New("the table is away")
		}
		c.n.Add(1)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return c.RoundTripper.RoundTrip(r)
}

// positionOf returns the exact position that the lease says.
func positionOf(t *testing.T, w *sim.World) string {
	item := lease(t, w.Control(), shard0)
	if _, position, ok := strings.Cut(item["kplkitPosition"], "|"); ok {
		return position
	}
	return item["Checkpoint"]
}

// oneByOne takes a second for a user record and checkpoints each.
func oneByOne(ctx context.Context, b kclcompat.Batch, c *kclcompat.Checkpointer) error {
	for _, u := range b.Records {
		time.Sleep(time.Second)
		c.Done(u)
		if _, err := c.Checkpoint(ctx); err != nil {
			return err
		}
	}
	return nil
}

// TestWithCheckpointInterval: a write in 5 seconds, and one when the batch is over.
func TestWithCheckpointInterval(t *testing.T) {
	for every, most := range map[time.Duration]int64{0: 40, 5 * time.Second: 9, time.Hour: 2} {
		sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
			w.CreateStream("s", 1)
			putAggregates(w.T, w.Control(), 2, 20)
			writes := countCheckpoints(w)
			var last string
			app := &calls{process: func(ctx context.Context, b kclcompat.Batch, c *kclcompat.Checkpointer) error {
				last = b.Records[len(b.Records)-1].SequenceNumber
				return oneByOne(ctx, b, c)
			}}
			app.run(w.T, w.Host("one"), newConfig("one"), vmwarekcl.WithCheckpointInterval(every))
			time.Sleep(2 * time.Minute)
			synctest.Wait()
			if n := writes.n.Load(); n > most || n < most-1 || positionOf(w.T, w) != last {
				w.T.Errorf("%v: %d writes, want at most %d; stored is %s, done %s", every, n, most, positionOf(w.T, w), last)
			}
		})
	}
}

// TestPutOffAndFailed: what a Processor has asked for before it fails is stored.
func TestPutOffAndFailed(t *testing.T) {
	sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
		w.CreateStream("s", 1)
		all := putAggregates(w.T, w.Control(), 1, 6)
		var texts []string
		app := &calls{process: func(ctx context.Context, b kclcompat.Batch, c *kclcompat.Checkpointer) error {
			b.Records = b.Records[:min(2, len(b.Records))]
			for _, u := range b.Records {
				texts = append(texts, string(u.Data))
			}
			if err := oneByOne(ctx, b, c); err != nil {
				w.T.Error(err)
			}
			return errors.New("a fault of the application")
		}}
		app.run(w.T, w.Host("one"), newConfig("one"), vmwarekcl.WithCheckpointInterval(time.Hour))
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if !slices.Equal(texts, all) {
			w.T.Errorf("%q", texts)
		}
	})
}

// TestPutOffAndStopped: ... and also what it has asked for before the worker stops.
func TestPutOffAndStopped(t *testing.T) {
	sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
		w.CreateStream("s", 1)
		putAggregates(w.T, w.Control(), 1, 6)
		var done kclcompat.Result
		app := &calls{process: func(ctx context.Context, b kclcompat.Batch, c *kclcompat.Checkpointer) error {
			b.Records = b.Records[:3]
			if err := oneByOne(ctx, b, c); err != nil {
				w.T.Error(err)
			}
			done, _ = c.Checkpoint(ctx)
			<-ctx.Done()
			return ctx.Err()
		}}
		worker := app.run(w.T, w.Host("one"), newConfig("one"), vmwarekcl.WithCheckpointInterval(time.Hour))
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if before := positionOf(w.T, w); !done.Held() || done.Written.String() != before || done.Done.String() == before {
			w.T.Errorf("put off: %+v, stored is %s", done, before)
		}
		worker.Shutdown()
		if after := positionOf(w.T, w); after != done.Done.String() {
			w.T.Errorf("stopped: %+v, stored is %s", done, after)
		}
	})
}

// TestCheckpointAfterBatch: a goroutine that goes on when its batch has returned checkpoints at once: no other batch may
// ever come.
func TestCheckpointAfterBatch(t *testing.T) {
	sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
		w.CreateStream("s", 1)
		putAggregates(w.T, w.Control(), 1, 6)
		app := &later{w: w}
		app.as = app
		app.run(w.T, w.Host("one"), newConfig("one"), vmwarekcl.WithCheckpointInterval(time.Hour))
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if app.n != 6 {
			w.T.Errorf("%d user records are done", app.n)
		}
	})
}

// later processes a batch in a goroutine.
type later struct {
	calls
	w *sim.World
	n int
}

func (l *later) ProcessRecords(ctx context.Context, b kclcompat.Batch, c *kclcompat.Checkpointer) error {
	go func() {
		for _, u := range b.Records {
			time.Sleep(time.Second)
			c.Done(u)
			if r, err := c.Checkpoint(ctx); err != nil || r.Held() {
				l.w.T.Errorf("%+v, %v", r, err)
			}
			l.n++
		}
	}()
	return nil
}

// TestFinishFails: what could not be stored at the end of the batch is, with a warning, at the worker's.
func TestFinishFails(t *testing.T) {
	sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
		w.CreateStream("s", 1)
		putAggregates(w.T, w.Control(), 1, 3)
		writes, log := countCheckpoints(w), &warnings{}
		var last string
		app := &calls{process: func(ctx context.Context, b kclcompat.Batch, c *kclcompat.Checkpointer) error {
			last = b.Records[len(b.Records)-1].SequenceNumber
			if err := oneByOne(ctx, b, c); err != nil {
				return err
			}
			writes.refused.Store(true)
			return nil
		}}
		worker := app.run(w.T, w.Host("one"), newConfig("one").WithLogger(log), vmwarekcl.WithCheckpointInterval(time.Hour))
		time.Sleep(time.Minute)
		synctest.Wait()
		writes.refused.Store(false)
		warned := slices.ContainsFunc(log.all(), func(line string) bool { return strings.Contains(line, "a checkpoint that was put off") })
		if before := positionOf(w.T, w); before == last || !warned {
			w.T.Errorf("stored is %s, done %s; %q", before, last, log.all())
		}
		worker.Shutdown()
		if after := positionOf(w.T, w); after != last {
			w.T.Errorf("stored is %s, done %s", after, last)
		}
	})
}
