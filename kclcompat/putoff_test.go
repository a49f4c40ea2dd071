package kclcompat_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kplkit/kplkit/deagg"
	. "github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/seqnum"
)

// flush calls FinishBatch and returns its result as checkpoint does.
func flush(t *testing.T, c *Checkpointer) string {
	t.Helper()
	r, err := c.FinishBatch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return short(r.Done) + " " + short(r.Written) + " " + r.Effect.String()
}

// TestWithCheckpointInterval follows one shard in which a user record takes a second, and each is checkpointed.
func TestWithCheckpointInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &memorySink{style: SubSequenceNumber}
		c := newCheckpointer(t, sink, seqnum.TrimHorizon(), "kplkit", WithCheckpointInterval(3*time.Second))
		var results []string
		process := func(us ...deagg.UserRecord) {
			for _, u := range us {
				c.Done(u)
				results = append(results, checkpoint(t, c))
				time.Sleep(time.Second)
			}
		}
		process(plain(0)) // outside a batch nothing is put off
		c.BeginBatch()
		process(userRecord(1, 0, false), userRecord(1, 1, true), plain(2), plain(3))
		results = append(results, flush(t, c), flush(t, c)) // the second time nothing is put off
		c.BeginBatch()
		process(plain(4))
		c.Done(plain(5))
		results = append(results, flush(t, c))
		process(plain(6), plain(7))
		want := []string{
			"0:0 0:0 exact",
			"1:0 0:0 repeats", "1:1 0:0 repeats", "2:0 2:0 exact", "3:0 2:0 repeats", "3:0 3:0 exact", "3:0 3:0 exact",
			"4:0 3:0 repeats", "5:0 5:0 exact",
			"6:0 6:0 exact", "7:0 7:0 exact",
		}
		if diff := cmp.Diff(want, results); diff != "" {
			t.Errorf("results (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"0:0 0", "2:0 2", "3:0 3", "5:0 5", "6:0 6", "7:0 7"}, sink.writes); diff != "" {
			t.Errorf("writes (-want +got):\n%s", diff)
		}
	})
}

// TestFinishWithoutAsking: what is Done and was not asked to be stored, is not.
func TestFinishWithoutAsking(t *testing.T) {
	for _, opts := range [][]Option{nil, {WithCheckpointInterval(0)}, {WithCheckpointInterval(time.Hour)}, {WithCheckpointInterval(time.Hour), RefuseHeld()}} {
		sink := &memorySink{style: SubSequenceNumber}
		c := newCheckpointer(t, sink, seqnum.TrimHorizon(), "sdk", opts...)
		c.BeginBatch()
		c.Done(userRecord(1, 0, false))
		if got := flush(t, c); got != "1:0 TRIM_HORIZON repeats" || sink.writes != nil {
			t.Errorf("%s; %q", got, sink.writes)
		}
	}
}

// TestPutOffOthers: what can't be stored at the end of the batch does not keep what was put off from being stored.
func TestPutOffOthers(t *testing.T) {
	for name, test := range map[string]struct {
		opts []Option
		then deagg.UserRecord
	}{
		"held, and refused":   {[]Option{RefuseHeld()}, userRecord(2, 0, false)},
		"without its number":  {nil, deagg.UserRecord{SequenceNumber: "fortytwo", Last: true}},
		"done, but not asked": {nil, userRecord(2, 0, false)},
	} {
		sink := &memorySink{style: SubSequenceNumber}
		c := newCheckpointer(t, sink, seqnum.TrimHorizon(), "sdk", append(test.opts, WithCheckpointInterval(time.Hour))...)
		c.Done(plain(0))
		checkpoint(t, c)
		c.BeginBatch()
		c.Done(userRecord(1, 1, true))
		if got := checkpoint(t, c); got != "1:1 0:0 repeats" { // not refused: the rule would store it
			t.Errorf("%s: put off: %s", name, got)
		}
		c.Done(test.then)
		if r, err := c.FinishBatch(t.Context()); err != nil || sink.last.Less(seqnum.At(number(1), 1)) {
			t.Errorf("%s: flushed: %+v, %v", name, r, err)
		}
	}
}

// TestRefusedAtOnce: what Checkpoint refuses is refused in a batch too, and FinishBatch does not write it.
func TestRefusedAtOnce(t *testing.T) {
	sink := &memorySink{style: SequenceNumber}
	c := newCheckpointer(t, sink, seqnum.TrimHorizon(), "kcl-2.7", RefuseHeld(), WithCheckpointInterval(time.Hour))
	c.Done(plain(0))
	checkpoint(t, c)
	c.BeginBatch()
	c.Done(userRecord(1, 1, false))
	var held *HeldError
	if _, err := c.Checkpoint(t.Context()); !errors.As(err, &held) {
		t.Errorf("held: %v", err)
	}
	c.Done(deagg.UserRecord{SequenceNumber: "fortytwo", Last: true})
	if _, err := c.Checkpoint(t.Context()); !errors.Is(err, seqnum.ErrSyntax) {
		t.Errorf("unreadable: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Checkpoint(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
	if got := flush(t, c); len(sink.writes) != 1 {
		t.Errorf("FinishBatch: %s, wrote %q", got, sink.writes)
	}
}

// TestFailedWritesArePutOffNoMore: after a write that has failed the next Checkpoint tries again, and a FinishBatch that has
// failed loses nothing of what was put off.
func TestFailedWritesArePutOffNoMore(t *testing.T) {
	sink := &memorySink{style: SubSequenceNumber}
	c := newCheckpointer(t, sink, seqnum.TrimHorizon(), "kplkit", WithCheckpointInterval(time.Hour))
	c.Done(plain(0))
	checkpoint(t, c)
	c.BeginBatch()
	c.Done(plain(1))
	checkpoint(t, c)
	sink.err = ErrLeaseLost
	if r, err := c.FinishBatch(t.Context()); !errors.Is(err, ErrLeaseLost) || r.Written != seqnum.At(number(0), 0) || r.Effect != Repeats {
		t.Errorf("a FinishBatch that fails: %+v, %v", r, err)
	}
	c.BeginBatch()
	if r, err := c.Checkpoint(t.Context()); !errors.Is(err, ErrLeaseLost) {
		t.Errorf("the next checkpoint: %+v, %v", r, err)
	}
	sink.err = nil
	if got := flush(t, c); got != "1:0 1:0 exact" {
		t.Error(got)
	}
}

// TestPutOffFromLatest: as long as the lease says LATEST a crash loses what comes meanwhile, put off or not.
func TestPutOffFromLatest(t *testing.T) {
	sink := &memorySink{style: SubSequenceNumber, err: errors.New("a fault of the table")}
	c := newCheckpointer(t, sink, seqnum.Latest(), "kplkit", WithCheckpointInterval(time.Hour))
	c.BeginBatch()
	c.Done(plain(0))
	if r, err := c.Checkpoint(t.Context()); err == nil || r.Effect != Loses {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestPutOffAtTheEndOfBatch: a sink of style NoArguments writes once a batch, which FinishBatch does.
func TestPutOffAtTheEndOfBatch(t *testing.T) {
	sink := &memorySink{style: NoArguments}
	c := newCheckpointer(t, sink, seqnum.TrimHorizon(), "kcl-2.7", WithCheckpointInterval(time.Hour))
	var results []string
	for n := range 3 {
		c.BeginBatch()
		c.Done(userRecord(n, 0, false))
		results = append(results, checkpoint(t, c))
		c.Done(userRecord(n, 1, true))
		c.EndOfBatch()
		results = append(results, checkpoint(t, c), flush(t, c))
	}
	want := []string{
		"0:0 TRIM_HORIZON repeats", "0:1 0:1 exact", "0:1 0:1 exact",
		"1:0 0:1 repeats", "1:1 0:1 repeats", "1:1 1:1 exact",
		"2:0 1:1 repeats", "2:1 1:1 repeats", "2:1 2:1 exact",
	}
	if diff := cmp.Diff(want, results); diff != "" {
		t.Error(diff)
	}
}

// TestPutOffAndShardEnd: the end of the shard is written, and nothing after it.
func TestPutOffAndShardEnd(t *testing.T) {
	sink := &memorySink{style: SubSequenceNumber}
	c := newCheckpointer(t, sink, seqnum.TrimHorizon(), "kplkit", WithCheckpointInterval(time.Hour))
	for n := range 2 {
		c.BeginBatch()
		c.Done(plain(n))
		checkpoint(t, c)
	}
	if err := c.ShardEnd(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := flush(t, c); got != "1:0 SHARD_END exact" {
		t.Error(got)
	}
	if diff := cmp.Diff([]string{"0:0 0", "SHARD_END 1"}, sink.writes); diff != "" {
		t.Error(diff)
	}
}

// TestPutOffDoesNotWait: a Checkpoint whose write is put off does not wait for one that is under way.
func TestPutOffDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		sink := &memorySink{style: SubSequenceNumber, during: func() { <-release }}
		c := newCheckpointer(t, sink, seqnum.TrimHorizon(), "kplkit", WithCheckpointInterval(time.Minute))
		c.BeginBatch()
		c.Done(plain(0))
		var first sync.WaitGroup
		first.Go(func() { c.Checkpoint(t.Context()) })
		synctest.Wait()
		c.Done(plain(1))
		if got := checkpoint(t, c); got != "1:0 TRIM_HORIZON repeats" {
			t.Error(got)
		}
		close(release)
		first.Wait()
		if got := flush(t, c); got != "1:0 1:0 exact" {
			t.Error(got)
		}
	})
}

// besideAtOnce returns a world with WithCheckpointInterval, beside a Checkpointer without it.
func besideAtOnce(t *testing.T, rnd *rand.Rand, every time.Duration) *shardWorld {
	w := newShardWorld(rnd, seqnum.TrimHorizon(), WithCheckpointInterval(every))
	if w.c == nil {
		return nil
	}
	var err error
	w.beside, err = NewCheckpointer(&memorySink{style: w.style}, seqnum.TrimHorizon(), w.readers)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestPutOffAgainstAtOnce: at the end of each batch, and after each call outside of one, no less is stored with WithCheckpointInterval
// than without; in a batch, writes begin that far from each other; and each result is true.
func TestPutOffAgainstAtOnce(t *testing.T) {
	for seed := range uint64(1000) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 31))
			every := time.Duration(1+rnd.IntN(10)) * time.Second
			w := besideAtOnce(t, rnd, every)
			if w == nil {
				return
			}
			w.delay = time.Duration(1+rnd.IntN(1000)) * time.Millisecond
			if w.style != NoArguments && rnd.IntN(3) == 0 { // its batch is over when its FinishBatch has failed
				w.fails = 4
			}
			noLess := func(r Result, err error) {
				if err == nil && w.covered.Less(w.asked) {
					t.Errorf("seed %d, %v %v, %v: stored is %s, without the option %s; %+v", seed, w.readers, w.style, every, short(w.last), short(w.asked), r)
				}
				w.hold(t, r, w.next)
			}
			for w.next < len(w.records) {
				w.c.BeginBatch()
				spaced := len(w.began)
				for range 1 + rnd.IntN(6) {
					if w.step() && rnd.IntN(2) == 0 {
						w.checkpoint(t)
					}
					time.Sleep(time.Duration(rnd.IntN(2000)) * time.Millisecond)
				}
				if w.endOfBatch(); rnd.IntN(2) == 0 {
					w.checkpoint(t)
				}
				for i := max(spaced, 1); i < len(w.began); i++ {
					if gap := w.began[i].Sub(w.began[i-1]); gap < every && w.fails == 0 {
						t.Errorf("seed %d: in a batch a write began %v after the one before, of %v", seed, gap, every)
					}
				}
				noLess(w.c.FinishBatch(t.Context()))
				if rnd.IntN(3) == 0 && w.step() {
					w.endOfBatch()
					noLess(w.checkpoint(t))
				}
			}
		})
	}
}

// TestPutOffByMany: goroutines checkpoint in and outside of batches, and at last FinishBatch stores what they have asked for.
func TestPutOffByMany(t *testing.T) {
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 7))
			w := besideAtOnce(t, rnd, time.Duration(1+rnd.IntN(60))*time.Millisecond)
			if w == nil || w.style == NoArguments { // whose batches end for all at once
				return
			}
			w.fails = 8
			var all sync.WaitGroup
			for range 1 + rnd.IntN(6) {
				all.Go(func() {
					for w.step() {
						if w.roll(2) {
							w.checkpoint(t)
						}
						time.Sleep(w.upTo(20 * time.Millisecond))
					}
				})
			}
			all.Go(func() {
				for range 8 {
					w.c.BeginBatch()
					time.Sleep(w.upTo(40 * time.Millisecond))
					w.c.FinishBatch(t.Context())
				}
			})
			all.Wait()
			w.fails = 0
			if r, err := w.c.FinishBatch(t.Context()); err != nil || w.covered.Less(w.asked) {
				t.Errorf("seed %d, %v %v: %+v, %v: asked for was %s, stored is %s", seed, w.readers, w.style, r, err, short(w.asked), short(w.last))
			}
		})
	}
}

// TestDoneAllocatesNothing: it is called for every user record.
func TestDoneAllocatesNothing(t *testing.T) {
	c := newCheckpointer(t, &memorySink{style: SubSequenceNumber}, seqnum.TrimHorizon(), "kplkit", WithCheckpointInterval(time.Second))
	c.BeginBatch()
	sub := int64(0)
	u := userRecord(1, 0, false)
	if n := testing.AllocsPerRun(100, func() { u.SubSequenceNumber = sub; sub++; c.Done(u) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
