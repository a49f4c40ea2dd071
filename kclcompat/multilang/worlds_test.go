package multilang_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/kplkit/kplkit/internal/multilangfake"
	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/kclcompat/multilang"
)

// serve lets a daemon speak with Run until both have ended.
func serve(t *testing.T, d *multilangfake.Daemon, p kclcompat.Processor) error {
	t.Helper()
	toChild, daemonOut := io.Pipe()
	daemonIn, fromChild := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := multilang.Run(t.Context(), toChild, fromChild, func(string) kclcompat.Processor { return p })
		fromChild.Close()
		toChild.Close() // a child that has ended reads no more
		ended <- err
	}()
	served := d.Serve(daemonIn, daemonOut)
	err := <-ended
	if (err == nil) != (served == nil) {
		t.Fatalf("Run: %v; the daemon: %v", err, served)
	}
	if len(d.Strays) > 0 {
		t.Fatalf("strays: %q", d.Strays)
	}
	return err
}

var errCrash = errors.New("crash")

// crasher processes one by one, checkpoints now and then, and crashes right after a checkpoint at random.
type crasher struct {
	t       *testing.T
	rnd     *rand.Rand
	done    map[string]int // how often each was
	order   []string
	started bool
	from    string

	promised kclcompat.Effect // of the last checkpoint, where it has crashed
	known    multilang.Daemon
}

func (c *crasher) Start(ctx context.Context) error {
	d, ok := multilang.FromContext(ctx)
	c.started, c.from = ok, d.From.String()
	return nil
}

func (c *crasher) ProcessRecords(ctx context.Context, b kclcompat.Batch, commits *kclcompat.Checkpointer) error {
	c.known, _ = multilang.FromContext(ctx)
	for _, u := range b.Records {
		c.done[string(u.Data)]++
		c.order = append(c.order, string(u.Data))
		commits.Done(u)
		if c.rnd.IntN(4) > 0 {
			continue
		}
		r, err := commits.Checkpoint(ctx)
		if err != nil {
			c.t.Fatal(err)
		}
		if c.rnd.IntN(3) == 0 {
			c.promised = r.Effect
			return errCrash
		}
	}
	return nil
}

func (c *crasher) Shutdown(ctx context.Context, r kclcompat.Reason, commits *kclcompat.Checkpointer) error {
	if r == kclcompat.LeaseLost {
		return nil
	}
	_, err := commits.Checkpoint(ctx)
	return err
}

// shardOf is a shard of plain records and aggregates.
func shardOf(rnd *rand.Rand) (shard []multilangfake.Stored, all []string) {
	for i := range 2 + rnd.IntN(8) {
		s := multilangfake.Stored{Number: fmt.Sprint(1000 + 7*i)}
		for range []int{1, 1, 2, 3, 5}[rnd.IntN(5)] {
			s.Users = append(s.Users, fmt.Sprintf("u%03d", len(all)))
			all = append(all, s.Users[len(s.Users)-1])
		}
		shard = append(shard, s)
	}
	return shard, all
}

// TestWorlds: with every version, whatever the crashes, nothing is lost, and what comes twice was promised: nothing after a
// checkpoint that said Exact.
func TestWorlds(t *testing.T) {
	for _, version := range multilangfake.Versions {
		t.Run(string(version), func(t *testing.T) {
			exactInside := 0
			for seed := range uint64(200) {
				rnd := rand.New(rand.NewPCG(seed, 1))
				shard, all := shardOf(rnd)
				d := &multilangfake.Daemon{Version: version, Shard: shard, Batch: 1 + rnd.IntN(4), Closed: rnd.IntN(2) == 0}
				done := map[string]int{}
				var before []string // what the run before has done
				var promised kclcompat.Effect
				for run := 0; ; run++ {
					c := &crasher{t: t, rnd: rnd, done: done}
					err := serve(t, d, c)
					if run > 0 && promised == kclcompat.Exact && len(c.order) > 0 && slices.Contains(before, c.order[0]) {
						t.Fatalf("seed %d: %s comes again after a checkpoint that was exact (%s)", seed, c.order[0], d.Checkpoints)
					}
					if !c.started || c.known.AtBatchEnd != 0 && c.known.AtBatchEnd != kclcompat.Exact {
						t.Fatalf("seed %d: %+v", seed, c.known)
					}
					before = c.order
					if err == nil {
						break
					}
					if promised = c.promised; !errors.Is(err, errCrash) {
						t.Fatalf("seed %d: %v", seed, err)
					}
					if promised == kclcompat.Exact {
						exactInside++
					}
				}
				for _, u := range all {
					if done[u] == 0 {
						t.Fatalf("seed %d: %s is lost (%s)", seed, u, d.Checkpoints)
					}
				}
				if want := map[bool]string{true: "SHARD_END", false: d.Sequence}[d.Closed]; d.Sequence != want {
					t.Fatalf("seed %d: the lease says %s", seed, d.Sequence)
				}
			}
			if exactInside == 0 {
				t.Error("no crash after an exact checkpoint")
			}
		})
	}
}

// writer is a Processor by one function for batches.
type writer func(context.Context, kclcompat.Batch, *kclcompat.Checkpointer) error

func (w writer) ProcessRecords(ctx context.Context, b kclcompat.Batch, c *kclcompat.Checkpointer) error {
	return w(ctx, b, c)
}

func (writer) Shutdown(context.Context, kclcompat.Reason, *kclcompat.Checkpointer) error { return nil }

// TestPlaces: what is asked of the daemon where a Processor checkpoints inside the second aggregate, at its end, and at the batch's end.
func TestPlaces(t *testing.T) {
	shard := []multilangfake.Stored{
		{Number: "1000", Users: []string{"a0", "a1", "a2"}}, {Number: "1001", Users: []string{"b0", "b1", "b2"}}, {Number: "1002", Users: []string{"c0", "c1"}},
	}
	for _, tt := range []struct {
		version multilangfake.Version
		want    string
	}{
		{"1.3", `b1 repeats {"action":"checkpoint","checkpoint":"1000"} b2 exact {"action":"checkpoint","checkpoint":"1001"} c1 exact {"action":"checkpoint","checkpoint":null}`},
		{"1.4", `b1 repeats {"action":"checkpoint","checkpoint":"1000"} b2 repeats {"action":"checkpoint","checkpoint":"1001"} c1 exact {"action":"checkpoint","checkpoint":null}`},
		{"1.14", `b1 exact {"action":"checkpoint","sequenceNumber":"1001","subSequenceNumber":1} b2 exact {"action":"checkpoint","sequenceNumber":"1001","subSequenceNumber":2} c1 exact {"action":"checkpoint","sequenceNumber":"1002","subSequenceNumber":1}`},
	} {
		var got strings.Builder
		d := &multilangfake.Daemon{Version: tt.version, Shard: shard, Batch: 3}
		err := serve(t, d, writer(func(ctx context.Context, b kclcompat.Batch, c *kclcompat.Checkpointer) error {
			for _, u := range b.Records {
				c.Done(u)
				if text := string(u.Data); text == "b1" || text == "b2" || text == "c1" {
					r, err := c.Checkpoint(ctx)
					if err != nil {
						return err
					}
					fmt.Fprintf(&got, "%s %s %s ", text, r.Effect, strings.TrimSpace(d.Checkpoints[len(d.Checkpoints)-1]))
				}
			}
			return nil
		}))
		if err != nil || strings.TrimSpace(got.String()) != tt.want {
			t.Errorf("%s: %v\ngot  %s\nwant %s", tt.version, err, got.String(), tt.want)
		}
	}
}

// TestRollback: a lease that a newer daemon has left inside an aggregate is behind no checkpoint by number of 1.4's, and none fails.
func TestRollback(t *testing.T) {
	d := &multilangfake.Daemon{Version: "1.4", Shard: threeAggregates, Batch: 3, Sequence: "1000", Sub: 1}
	err := serve(t, d, writer(func(ctx context.Context, b kclcompat.Batch, c *kclcompat.Checkpointer) error {
		for _, u := range b.Records[:2] { // a2 and b0
			c.Done(u)
			if r, err := c.Checkpoint(ctx); err != nil || r.Effect != kclcompat.Repeats {
				t.Errorf("%s: %v, %v", u.Data, r.Effect, err)
			}
		}
		if d.Sequence != "1000" || d.Sub != 1 || len(d.Checkpoints) != 1 {
			t.Errorf("the lease says %s:%d after %q", d.Sequence, d.Sub, d.Checkpoints)
		}
		return nil
	}))
	if err != nil {
		t.Error(err)
	}
}
