package kclcompat_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kplkit/kplkit/deagg"
	. "github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/seqnum"
)

// TestOneWriteForManyCallers: one write covers all that wait with it.
func TestOneWriteForManyCallers(t *testing.T) {
	for callers, most := range map[int]int{1: 1000, 10: 110, 100: 20} {
		synctest.Test(t, func(t *testing.T) {
			sink := &memorySink{style: SubSequenceNumber, during: func() { time.Sleep(10 * time.Millisecond) }}
			c := newCheckpointer(t, sink, seqnum.TrimHorizon(), "kplkit")
			var mu sync.Mutex
			next := int64(0)
			done := func() (seqnum.Extended, bool) {
				mu.Lock()
				defer mu.Unlock()
				sub := next
				next++
				if sub < 1000 {
					c.Done(userRecord(1, sub, sub == 999))
				}
				return seqnum.At(number(1), sub), sub < 1000
			}
			var wg sync.WaitGroup
			for range callers {
				wg.Go(func() {
					for at, ok := done(); ok; at, ok = done() {
						result, err := c.Checkpoint(t.Context())
						if err != nil || result.Effect != Exact || result.Done.Less(at) || result.Written.Less(at) {
							t.Errorf("%s is done: %+v, %v", short(at), result, err)
						}
					}
				})
			}
			wg.Wait()
			if len(sink.writes) > most || sink.last != seqnum.At(number(1), 999) {
				t.Errorf("%d callers: %d writes, the last one %s", callers, len(sink.writes), short(sink.last))
			}
		})
	}
}

// waiters calls Checkpoint after each user record in turn while the first write is under way, and returns what came of
// the calls. then is called before the write ends.
func waiters(t *testing.T, c *Checkpointer, sink *memorySink, stream []deagg.UserRecord, then func()) (results []string) {
	release := make(chan struct{})
	sink.during = func() { <-release }
	results = make([]string, len(stream))
	var wg sync.WaitGroup
	for i, u := range stream {
		c.Done(u)
		wg.Go(func() {
			r, err := c.Checkpoint(t.Context())
			results[i] = short(r.Done) + " " + short(r.Written) + " " + r.Effect.String()
			if err != nil {
				results[i] = err.Error()
			}
		})
		synctest.Wait()
	}
	then()
	close(release)
	wg.Wait()
	return results
}

// TestWaitingCalls: each result is about what was done when its call was made.
func TestWaitingCalls(t *testing.T) {
	unreadable := deagg.UserRecord{SequenceNumber: "fortytwo", Last: true}
	for name, test := range map[string]struct {
		style   Style
		readers string
		opts    []Option
		stream  []deagg.UserRecord
		then    func(*Checkpointer)
		results []string
		writes  []string
	}{
		"exact": {SubSequenceNumber, "kplkit", nil,
			[]deagg.UserRecord{plain(0), userRecord(1, 0, false), userRecord(1, 1, true), plain(2)}, nil,
			[]string{"0:0 0:0 exact", "1:0 2:0 exact", "1:1 2:0 exact", "2:0 2:0 exact"},
			[]string{"0:0 0", "2:0 2"}},
		"held, until another call writes the end of the aggregate": {SubSequenceNumber, "kplkit sdk", nil,
			[]deagg.UserRecord{plain(0), userRecord(1, 0, false), userRecord(1, 1, true), userRecord(2, 0, false)}, nil,
			[]string{"0:0 0:0 exact", "1:0 1 exact", "1:1 1 exact", "2:0 1 repeats"},
			[]string{"0:0 0", "1 1"}},
		"a number alone": {SequenceNumber, "kcl-2.7", nil,
			[]deagg.UserRecord{plain(0), userRecord(1, 0, false), userRecord(1, 1, false), userRecord(1, 2, true)}, nil,
			[]string{"0:0 0:0 exact", "1:0 1:0 exact", "1:1 1:0 repeats", "1:2 1:0 repeats"},
			[]string{"0:0 0", "1:0 1"}},
		"a number alone, and one further on": {SequenceNumber, "kcl-2.7", nil,
			[]deagg.UserRecord{plain(0), userRecord(1, 1, false), plain(2)}, nil,
			[]string{"0:0 0:0 exact", "1:1 2:0 exact", "2:0 2:0 exact"},
			[]string{"0:0 0", "2:0 2"}},
		"what others have done since is not refused": {SubSequenceNumber, "kplkit sdk", []Option{RefuseHeld()},
			[]deagg.UserRecord{plain(0), userRecord(1, 1, true)}, func(c *Checkpointer) { c.Done(userRecord(2, 0, false)) },
			[]string{"0:0 0:0 exact", "1:1 1:1 exact"},
			[]string{"0:0 0", "1:1 1"}},
		"nor does it fail": {SubSequenceNumber, "kplkit", nil,
			[]deagg.UserRecord{plain(0), plain(1)}, func(c *Checkpointer) { c.Done(unreadable) },
			[]string{"0:0 0:0 exact", "1:0 1:0 exact"},
			[]string{"0:0 0", "1:0 1"}},
		"the end of the shard": {SubSequenceNumber, "kplkit", nil,
			[]deagg.UserRecord{plain(0), plain(1)}, func(c *Checkpointer) { go c.ShardEnd(context.Background()) },
			[]string{"0:0 0:0 exact", "1:0 1:0 exact"},
			[]string{"0:0 0", "1:0 1", "SHARD_END 1"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			sink := &memorySink{style: test.style}
			c := newCheckpointer(t, sink, seqnum.TrimHorizon(), test.readers, test.opts...)
			got := waiters(t, c, sink, test.stream, func() {
				if test.then != nil {
					test.then(c)
				}
			})
			synctest.Wait()
			if diff := cmp.Diff(test.results, got); diff != "" {
				t.Errorf("%s: results (-want +got):\n%s", name, diff)
			}
			if diff := cmp.Diff(test.writes, sink.writes); diff != "" {
				t.Errorf("%s: writes (-want +got):\n%s", name, diff)
			}
		})
	}
}

// TestWaitingForNoArguments: the call stores the end of the batch that is current. A call that waits until the next batch
// is at work makes none.
func TestWaitingForNoArguments(t *testing.T) {
	for _, test := range []struct {
		opts []Option
		held bool
	}{{nil, false}, {[]Option{RefuseHeld()}, true}} {
		synctest.Test(t, func(t *testing.T) {
			release := make(chan struct{})
			sink := &memorySink{style: NoArguments, during: func() { <-release }}
			c := newCheckpointer(t, sink, seqnum.TrimHorizon(), "kcl-2.7", test.opts...)
			for n := range 2 {
				c.Done(plain(n))
				c.EndOfBatch()
				go func() {
					want, refused := fmt.Sprintf("%d:0 0:0 %v", n, Effect(n)), (*HeldError)(nil)
					r, err := c.Checkpoint(t.Context())
					if got := short(r.Done) + " " + short(r.Written) + " " + r.Effect.String(); got != want || errors.As(err, &refused) != (test.held && n == 1) {
						t.Errorf("%s, %v; want %s", got, err, want)
					}
				}()
				synctest.Wait()
			}
			c.Done(plain(2))
			close(release)
			synctest.Wait()
			if diff := cmp.Diff([]string{"0:0 0"}, sink.writes); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestNobodyElseWrites: where the write fails that another call waits for, that call writes.
func TestNobodyElseWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &memorySink{style: SubSequenceNumber, err: ErrLeaseLost}
		c := newCheckpointer(t, sink, seqnum.TrimHorizon(), "kplkit")
		got := waiters(t, c, sink, []deagg.UserRecord{plain(0), plain(1), plain(2)}, func() {})
		for i, at := range []string{"0:0", "2:0", "2:0"} { // each the furthest by then
			if want := "kclcompat: checkpoint at " + at + ": lease lost"; shortText(got[i]) != want {
				t.Errorf("call %d: %s, want %s", i, got[i], want)
			}
		}
	})
}

// TestConcurrentCallsSayTheTruth: whoever calls, and whatever fails, a crash at the return of each call does what its
// result says.
func TestConcurrentCallsSayTheTruth(t *testing.T) {
	for seed := range uint64(400) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 13))
			w := newShardWorld(rnd, seqnum.TrimHorizon())
			if w.c == nil {
				return
			}
			w.fails = 8
			var wg sync.WaitGroup
			for range 1 + rnd.IntN(8) {
				wg.Go(func() {
					for w.step() {
						if w.roll(2) {
							w.endOfBatch()
						}
						if w.roll(2) {
							w.checkpoint(t)
						}
						time.Sleep(w.upTo(20 * time.Millisecond))
					}
				})
			}
			wg.Wait()
		})
	}
}

// shardWorld is a shard that is processed in order, over a sink that takes time and may fail.
type shardWorld struct {
	c       *Checkpointer
	readers []Reader
	style   Style
	records []place
	fails   int // one write of so many
	delay   time.Duration

	mu      sync.Mutex
	rnd     *rand.Rand
	next    int
	last    seqnum.Extended // as stored
	covered seqnum.Extended // the same, or all of its stored record where that is finished
	began   []time.Time     // of the writes that have succeeded
	writing int

	beside *Checkpointer   // of the same shard, which writes at once
	asked  seqnum.Extended // what it has written for the calls that have succeeded here
}

func newShardWorld(rnd *rand.Rand, from seqnum.Extended, opts ...Option) *shardWorld {
	w := &shardWorld{rnd: rnd, last: from, covered: from, style: styles[rnd.IntN(len(styles))], delay: 30 * time.Millisecond}
	sizes := make([]int, 1+rnd.IntN(9))
	for i := range sizes {
		sizes[i] = rnd.IntN(8)
	}
	w.records = shard(sizes)
	for _, i := range rnd.Perm(len(everyReader))[:1+rnd.IntN(2)] {
		w.readers = append(w.readers, everyReader[i])
	}
	w.c, _ = NewCheckpointer(w, from, w.readers, opts...)
	return w
}

func (w *shardWorld) roll(n int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rnd.IntN(n) == 0
}

func (w *shardWorld) upTo(d time.Duration) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Duration(w.rnd.Int64N(int64(d)))
}

func (w *shardWorld) Style() Style { return w.style }

func (w *shardWorld) WriteCheckpoint(_ context.Context, at, finished seqnum.Extended) error {
	w.mu.Lock()
	began, fails := time.Now(), w.fails > 0 && w.rnd.IntN(w.fails) == 0
	if w.writing++; w.writing > 1 || at.Less(w.last) {
		panic("two writes at a time, or one that goes back")
	}
	w.mu.Unlock()
	time.Sleep(w.upTo(w.delay))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writing--
	if fails {
		return errors.New("a fault of the table")
	}
	w.last, w.covered, w.began = at, at, append(w.began, began)
	n, _ := at.Number()
	if m, ok := finished.Number(); ok && m == n {
		w.covered = finished
	}
	return nil
}

// step processes the next user record.
func (w *shardWorld) step() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.next == len(w.records) {
		return false
	}
	r := w.records[w.next]
	u := userRecord(r.n, r.sub, r.last)
	if r.sub == 0 && r.last {
		u = plain(r.n)
	}
	w.c.Done(u)
	if w.beside != nil {
		w.beside.Done(u)
	}
	w.next++
	return true
}

// endOfBatch ends the batch where a stored record ends.
func (w *shardWorld) endOfBatch() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.next == 0 || !w.records[w.next-1].last {
		return
	}
	w.c.EndOfBatch()
	if w.beside != nil {
		w.beside.EndOfBatch()
	}
}

// checkpoint calls Checkpoint and holds its result against the model.
func (w *shardWorld) checkpoint(t *testing.T) (r Result, err error) {
	w.mu.Lock()
	before, asked := w.next, w.asked
	if w.beside != nil {
		r, err := w.beside.Checkpoint(t.Context())
		if err != nil {
			t.Error(err)
		}
		asked = r.Written
	}
	w.mu.Unlock()
	r, err = w.c.Checkpoint(t.Context())
	w.hold(t, r, before)
	if err == nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.asked.Less(asked) {
			w.asked = asked
		}
	}
	return r, err
}

func (w *shardWorld) hold(t *testing.T, r Result, before int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	stop := slices.IndexFunc(w.records, func(p place) bool { return seqnum.At(number(p.n), p.sub) == r.Done })
	got, want := costOf(w.readers, leasesOf(w.style, w.readers, r.Written), w.records, stop), Exact
	if got.worst > 0 {
		want = Repeats
	}
	lost := costOf(w.readers, leasesOf(w.style, w.readers, r.Written), w.records, w.next-1).lost
	if stop < before-1 || w.last.Less(r.Written) || r.Effect != want || lost > 0 {
		t.Errorf("%v %v: record %d of %v was done, the result is %s %s %v, the lease says %s: a crash brings %d again and loses %d", w.readers, w.style,
			before-1, w.records, short(r.Done), short(r.Written), r.Effect, short(w.last), got.worst, lost)
	}
}
