package kclcompat_test

import (
	"context"
	"errors"
	"fmt"
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
					want, refused := fmt.Sprintf("%d:0 0:0 %v", n, Exact+Effect(n)), (*HeldError)(nil)
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
