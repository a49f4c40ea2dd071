package kclcompat_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/kplkit/kplkit/deagg"
	. "github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/seqnum"
)

// memorySink keeps what is written, as "at finished".
type memorySink struct {
	style  Style
	err    error
	during func() // called while a write is under way

	mu     sync.Mutex
	writes []string
	last   seqnum.Extended
}

func (m *memorySink) Style() Style { return m.style }

func (m *memorySink) WriteCheckpoint(ctx context.Context, at, finished seqnum.Extended) error {
	if m.during != nil {
		m.during()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.err != nil {
		return m.err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.writes, m.last = append(m.writes, short(at)+" "+short(finished)), at
	return nil
}

// short names positions of the modelled shard by the stored record's index: 2:4.
func short(e seqnum.Extended) string { return shortText(e.String()) }

func shortText(text string) string {
	for i, n := range numbers {
		text = strings.ReplaceAll(text, n.String(), string(rune('0'+i)))
	}
	return text
}

func userRecord(n int, sub int64, last bool) deagg.UserRecord {
	return deagg.UserRecord{SequenceNumber: number(n).String(), SubSequenceNumber: sub, Aggregated: true, Last: last}
}

func plain(n int) deagg.UserRecord {
	return deagg.UserRecord{SequenceNumber: number(n).String(), Last: true}
}

func newCheckpointer(t *testing.T, sink Sink, from seqnum.Extended, readers string, opts ...Option) *Checkpointer {
	t.Helper()
	c, err := NewCheckpointer(sink, from, parse(t, readers), opts...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// checkpoint calls Checkpoint and returns its result as "done written effect".
func checkpoint(t *testing.T, c *Checkpointer) string {
	t.Helper()
	r, err := c.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r.Held() != (r.Effect != Exact) {
		t.Errorf("%+v: Held is %t", r, r.Held())
	}
	return short(r.Done) + " " + short(r.Written) + " " + r.Effect.String()
}

// TestCheckpoints follows one shard: an aggregate 1 of 3 user records, a plain record 2, an aggregate 3 of 2.
func TestCheckpoints(t *testing.T) {
	stream := []deagg.UserRecord{userRecord(1, 0, false), userRecord(1, 1, false), userRecord(1, 2, true), plain(2), userRecord(3, 0, false), userRecord(3, 1, true)}
	for _, test := range []struct {
		name    string
		style   Style
		readers string
		from    seqnum.Extended
		results []string // of a checkpoint after each user record
		writes  []string
	}{
		{"exact", SubSequenceNumber, "kcl-2.7", seqnum.TrimHorizon(),
			[]string{"1:0 1:0 exact", "1:1 1:1 exact", "1:2 1:2 exact", "2:0 2:0 exact", "3:0 3:0 exact", "3:1 3:1 exact"},
			[]string{"1:0 TRIM_HORIZON", "1:1 TRIM_HORIZON", "1:2 1", "2:0 2", "3:0 2", "3:1 3"}},
		{"resumed inside an aggregate: it is not finished", SubSequenceNumber, "kplkit", seqnum.At(number(1), 0),
			[]string{"1:0 1:0 exact", "1:1 1:1 exact", "1:2 1:2 exact", "2:0 2:0 exact", "3:0 3:0 exact", "3:1 3:1 exact"},
			[]string{"1:1 " + seqnum.Extended{}.String(), "1:2 1", "2:0 2", "3:0 2", "3:1 3"}},
		{"held", SubSequenceNumber, "kplkit sdk", seqnum.TrimHorizon(),
			[]string{"1:0 TRIM_HORIZON repeats", "1:1 TRIM_HORIZON repeats", "1:2 1:2 exact", "2:0 2:0 exact", "3:0 2:0 repeats", "3:1 3:1 exact"},
			[]string{"1:2 1", "2:0 2", "3:1 3"}},
		{"number alone, Java", SequenceNumber, "kcl-2.7", seqnum.TrimHorizon(),
			[]string{"1:0 1:0 exact", "1:1 1:0 repeats", "1:2 1:0 repeats", "2:0 2:0 exact", "3:0 3:0 exact", "3:1 3:0 repeats"},
			[]string{"1:0 TRIM_HORIZON", "2:0 2", "3:0 2"}},
		{"number alone, SDK", SequenceNumber, "sdk", seqnum.After(number(0)),
			[]string{"1:0 0 repeats", "1:1 0 repeats", "1:2 1 exact", "2:0 2 exact", "3:0 2 repeats", "3:1 3 exact"},
			[]string{"1 1", "2 2", "3 3"}},
		{"started at LATEST, held", SequenceNumber, "sdk", seqnum.Latest(),
			[]string{"1:0 LATEST loses", "1:1 LATEST loses", "1:2 1 exact", "2:0 2 exact", "3:0 2 repeats", "3:1 3 exact"},
			[]string{"1 1", "2 2", "3 3"}},
		{"resumed inside", SubSequenceNumber, "kplkit", seqnum.At(number(1), 1),
			[]string{"1:1 1:1 exact", "1:1 1:1 exact", "1:2 1:2 exact", "2:0 2:0 exact", "3:0 3:0 exact", "3:1 3:1 exact"},
			[]string{"1:2 1", "2:0 2", "3:0 2", "3:1 3"}},
		{"the lease says more than a number alone can", SequenceNumber, "kcl-2.7", seqnum.At(number(1), 1),
			[]string{"1:1 1:1 exact", "1:1 1:1 exact", "1:2 1:1 repeats", "2:0 2:0 exact", "3:0 3:0 exact", "3:1 3:0 repeats"},
			[]string{"2:0 2", "3:0 2"}},
		{"1.3 among them", SubSequenceNumber, "kcl-1.3 kcl-1.14", seqnum.TrimHorizon(),
			[]string{"1:0 TRIM_HORIZON repeats", "1:1 TRIM_HORIZON repeats", "1:2 1:0 repeats", "2:0 2:0 exact", "3:0 2:0 repeats", "3:1 3:0 repeats"},
			[]string{"1:0 1", "2:0 2", "3:0 3"}},
		{"1.3 left a stale number", SubSequenceNumber, "kcl-1.3 kcl-1.14", seqnum.At(number(1), 1),
			[]string{"1:0 1:0 exact", "1:1 1:0 loses", "1:2 1:0 repeats", "2:0 2:0 exact", "3:0 2:0 repeats", "3:1 3:0 repeats"},
			[]string{"2:0 2", "3:0 3"}},
		{"no batch ended", NoArguments, "kcl-2.7", seqnum.TrimHorizon(),
			[]string{"1:0 TRIM_HORIZON repeats", "1:1 TRIM_HORIZON repeats", "1:2 TRIM_HORIZON repeats", "2:0 TRIM_HORIZON repeats", "3:0 TRIM_HORIZON repeats", "3:1 TRIM_HORIZON repeats"}, nil},
		{"no batch ended since LATEST", NoArguments, "kcl-2.7", seqnum.Latest(),
			[]string{"1:0 LATEST loses", "1:1 LATEST loses", "1:2 LATEST loses", "2:0 LATEST loses", "3:0 LATEST loses", "3:1 LATEST loses"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			sink := &memorySink{style: test.style}
			c := newCheckpointer(t, sink, test.from, test.readers)
			var results []string
			for _, u := range stream {
				c.Done(u)
				results = append(results, checkpoint(t, c))
				if again := checkpoint(t, c); again != results[len(results)-1] {
					t.Errorf("nothing new: %s, was %s", again, results[len(results)-1])
				}
			}
			if diff := cmp.Diff(test.results, results); diff != "" {
				t.Errorf("results (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.writes, sink.writes); diff != "" {
				t.Errorf("writes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNothingDone(t *testing.T) {
	for from, want := range map[seqnum.Extended]string{
		seqnum.TrimHorizon():    "TRIM_HORIZON TRIM_HORIZON exact",
		seqnum.Latest():         "LATEST LATEST loses", // a crash now takes LATEST anew
		seqnum.At(number(1), 4): "1:4 1:4 exact",
	} {
		for _, opts := range [][]Option{nil, {RefuseHeld()}} {
			sink := &memorySink{style: SequenceNumber}
			if got := checkpoint(t, newCheckpointer(t, sink, from, "sdk", opts...)); got != want || sink.writes != nil {
				t.Errorf("from %s: %s, wrote %q", short(from), got, sink.writes)
			}
		}
	}
}

// TestDoneIsCumulative: one call stands for all before it, and an older one changes nothing.
func TestDoneIsCumulative(t *testing.T) {
	sink := &memorySink{style: SequenceNumber}
	c := newCheckpointer(t, sink, seqnum.TrimHorizon(), "sdk")
	c.Done(userRecord(1, 1, false))
	c.Done(userRecord(3, 1, false)) // all of 1 is done, if not told
	c.Done(userRecord(1, 2, true))
	if got := checkpoint(t, c); got != "3:1 1 repeats" {
		t.Error(got)
	}
	c.Done(userRecord(3, 0, true)) // not the last one: 3:1 was done
	if got := checkpoint(t, c); got != "3:1 1 repeats" {
		t.Error(got)
	}
}

func TestDamagedAndUnreadableRecords(t *testing.T) {
	sink := &memorySink{style: SubSequenceNumber}
	c := newCheckpointer(t, sink, seqnum.TrimHorizon(), "kcl-2.7")
	damaged := plain(1)
	damaged.Malformed = &deagg.FormatError{Err: deagg.ErrChecksum}
	c.Done(damaged) // another reader may take it apart: all of it is done
	if got := checkpoint(t, c); got != "1 1 exact" {
		t.Error(got)
	}
	c.Done(deagg.UserRecord{SequenceNumber: "fortytwo", Last: true})
	if _, err := c.Checkpoint(t.Context()); !errors.Is(err, seqnum.ErrSyntax) || !strings.Contains(err.Error(), "fortytwo") {
		t.Errorf("an unreadable sequence number: %v", err)
	}
	c.Done(plain(2))
	if got := checkpoint(t, c); got != "2:0 2:0 exact" {
		t.Error(got)
	}
}

func TestEndOfBatch(t *testing.T) {
	sink := &memorySink{style: NoArguments}
	c := newCheckpointer(t, sink, seqnum.TrimHorizon(), "kcl-2.7", RefuseHeld())
	c.Done(userRecord(1, 0, false))
	c.Done(userRecord(1, 1, true))
	var held *HeldError
	if _, err := c.Checkpoint(t.Context()); !errors.As(err, &held) || !strings.Contains(err.Error(), "EndOfBatch") {
		t.Errorf("before the end of the batch: %v", err)
	}
	c.EndOfBatch()
	if got := checkpoint(t, c); got != "1:1 1:1 exact" {
		t.Error(got)
	}
	c.Done(plain(2)) // of the next batch
	if _, err := c.Checkpoint(t.Context()); !errors.As(err, &held) {
		t.Errorf("in the next batch: %v", err)
	}
	if diff := cmp.Diff([]string{"1:1 1"}, sink.writes); diff != "" {
		t.Error(diff)
	}
}

func TestRefuseHeld(t *testing.T) {
	sink := &memorySink{style: SequenceNumber}
	c := newCheckpointer(t, sink, seqnum.After(number(0)), "kcl-2.7", RefuseHeld())
	c.Done(plain(1))
	if got := checkpoint(t, c); got != "1:0 1:0 exact" {
		t.Error(got)
	}
	c.Done(userRecord(2, 1, false))
	result, err := c.Checkpoint(t.Context())
	var held *HeldError
	if !errors.As(err, &held) {
		t.Fatalf("got %v, want a *HeldError", err)
	}
	if short(held.Done) != "2:1" || short(held.Resumable) != "2:0" || held.Rule.ID != "kcl-2/sequence-number" || short(result.Written) != "1:0" {
		t.Errorf("%+v with %+v", held, result)
	}
	for _, part := range []string{held.Rule.ID, held.Rule.Why, held.Rule.Source, "Ways out", "sub-sequence number", "RefuseHeld", "disable aggregation"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in %q", part, err)
		}
	}
	if diff := cmp.Diff([]string{"1:0 1"}, sink.writes); diff != "" {
		t.Error(diff)
	}
}

func TestShardEnd(t *testing.T) {
	sink := &memorySink{style: SubSequenceNumber}
	c := newCheckpointer(t, sink, seqnum.TrimHorizon(), "sdk", RefuseHeld())
	c.Done(plain(1))
	for range 2 { // the second time there is nothing to write
		if err := c.ShardEnd(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	c.Done(userRecord(2, 0, false)) // would be held, but nobody reads on
	if got := checkpoint(t, c); got != "2:0 SHARD_END exact" {
		t.Error(got)
	}
	if diff := cmp.Diff([]string{"SHARD_END 1"}, sink.writes); diff != "" {
		t.Error(diff)
	}
	sink = &memorySink{style: SequenceNumber}
	c = newCheckpointer(t, sink, seqnum.TrimHorizon(), "kcl-2.7")
	c.Done(userRecord(1, 1, true)) // a number alone would repeat it
	if err := c.ShardEnd(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := checkpoint(t, c); got != "1:1 SHARD_END exact" {
		t.Error(got)
	}
	sink = &memorySink{style: SubSequenceNumber, err: ErrLeaseLost}
	c = newCheckpointer(t, sink, seqnum.TrimHorizon(), "kcl-2.7")
	if err := c.ShardEnd(t.Context()); !errors.Is(err, ErrLeaseLost) {
		t.Errorf("lease lost: %v", err)
	}
}

func TestSinkErrors(t *testing.T) {
	for _, want := range []error{ErrLeaseLost, ErrBackwards} {
		sink := &memorySink{style: SubSequenceNumber, err: want}
		c := newCheckpointer(t, sink, seqnum.TrimHorizon(), "kplkit")
		c.Done(plain(1))
		result, err := c.Checkpoint(t.Context())
		if !errors.Is(err, want) || !strings.HasPrefix(err.Error(), "kclcompat: ") || strings.Count(err.Error(), "kclcompat: ") != 1 {
			t.Errorf("got %v", err)
		}
		if result.Written != seqnum.TrimHorizon() {
			t.Errorf("after an error: %+v", result)
		}
		sink.err = nil // what failed is written again
		if got := checkpoint(t, c); got != "1:0 1:0 exact" {
			t.Error(got)
		}
	}
}

// TestPlainInside: a bare number where its stored record is half done comes from a client that has taken it apart, which is said,
// since a position in a stored record can't be guessed.
func TestPlainInside(t *testing.T) {
	plain := deagg.UserRecord{SequenceNumber: number(1).String(), Last: true}
	for _, from := range []seqnum.Extended{seqnum.TrimHorizon(), seqnum.At(number(1), 2)} {
		c, err := NewCheckpointer(&memorySink{style: SubSequenceNumber}, from, []Reader{Kplkit()})
		if err != nil {
			t.Fatal(err)
		}
		c.Done(deagg.UserRecord{SequenceNumber: number(1).String(), SubSequenceNumber: 2, Aggregated: true})
		c.Done(plain)
		if _, err := c.Checkpoint(t.Context()); err == nil || !strings.Contains(err.Error(), "AppendUserRecords") {
			t.Errorf("from %s: %v", from, err)
		}
		c.Done(deagg.UserRecord{SequenceNumber: number(2).String(), Last: true})
		if r, err := c.Checkpoint(t.Context()); err != nil || r.Written != seqnum.At(number(2), 0) {
			t.Errorf("from %s: the next one: %v, %v", from, r, err)
		}
	}
}

// TestZeroCheckpointer: one that NewCheckpointer did not make says so, and waits for nothing.
func TestZeroCheckpointer(t *testing.T) {
	var c Checkpointer
	c.BeginBatch()
	c.Done(deagg.UserRecord{SequenceNumber: number(1).String()})
	c.EndOfBatch()
	_, err1 := c.Checkpoint(t.Context())
	_, err2 := c.FinishBatch(t.Context())
	for i, err := range []error{err1, err2, c.ShardEnd(t.Context())} {
		if err == nil || !strings.Contains(err.Error(), "NewCheckpointer makes one") {
			t.Errorf("%d: %v", i, err)
		}
	}
}

func TestNewCheckpointerRefuses(t *testing.T) {
	sink := &memorySink{style: SubSequenceNumber}
	for what, test := range map[string]struct {
		sink    Sink
		from    seqnum.Extended
		readers []Reader
		want    string
	}{
		"no sink":         {nil, seqnum.Latest(), []Reader{SDK()}, "sink"},
		"no start":        {sink, seqnum.Extended{}, []Reader{SDK()}, "from"},
		"no readers":      {sink, seqnum.Latest(), nil, "readers"},
		"unknown reader":  {sink, seqnum.Latest(), []Reader{SDK(), KCL(9, 0)}, "kcl-9.0"},
		"zero reader":     {sink, seqnum.Latest(), []Reader{SDK(), {}}, "ParseReader"},
		"unusable style":  {sink, seqnum.Latest(), []Reader{MultiLang(1, 4)}, "hangs"},
		"mixed with 3.5":  {sink, seqnum.Latest(), []Reader{KCL(3, 5), KCL(2, 7)}, "lease table"},
		"another style":   {sink, seqnum.Latest(), []Reader{MultiLang(1, 4)}, "(one by no-arguments"},
		"zero style":      {new(memorySink), seqnum.Latest(), []Reader{SDK()}, "Style is 0"},
		"no such style":   {&memorySink{style: 9}, seqnum.Latest(), []Reader{SDK()}, "unknown"},
		"unmeasured, bad": {sink, seqnum.Latest(), []Reader{KCL(0, 9)}, "kcl-0.9"},
	} {
		if c, err := NewCheckpointer(test.sink, test.from, test.readers); c != nil || err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, %v", what, c, err)
		}
	}
	if c, err := NewCheckpointer(sink, seqnum.Latest(), []Reader{SDK()}, RefuseHeld(), nil); c != nil || err == nil || !strings.Contains(err.Error(), "option 2 of NewCheckpointer is nil") {
		t.Errorf("a nil option: %v, %v", c, err)
	}
}

// TestContext: a call that waits for another one ends with its context, says why that has ended, and nothing is written.
func TestContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		sink := &memorySink{style: SubSequenceNumber, during: func() { <-release }}
		c := newCheckpointer(t, sink, seqnum.TrimHorizon(), "kplkit")
		c.Done(plain(1))
		first := make(chan error)
		go func() { _, err := c.Checkpoint(t.Context()); first <- err }()
		synctest.Wait()
		ctx, cancel := context.WithCancelCause(t.Context())
		second := make(chan error)
		go func() { _, err := c.Checkpoint(ctx); second <- err }()
		synctest.Wait()
		c.Done(plain(2)) // does not wait for the write
		cancel(ErrLeaseLost)
		if err := <-second; !errors.Is(err, context.Canceled) || !errors.Is(err, ErrLeaseLost) {
			t.Errorf("the waiting call: %v", err)
		}
		close(release)
		if err := <-first; err != nil {
			t.Errorf("the writing call: %v", err)
		}
		if _, err := c.Checkpoint(ctx); !errors.Is(err, context.Canceled) || !errors.Is(err, ErrLeaseLost) {
			t.Errorf("a call with an ended context: %v", err)
		}
		if err := c.ShardEnd(ctx); !errors.Is(err, context.Canceled) || !errors.Is(err, ErrLeaseLost) {
			t.Errorf("the shard's end with an ended context: %v", err)
		}
		if diff := cmp.Diff([]string{"1:0 1"}, sink.writes); diff != "" {
			t.Error(diff)
		}
	})
}

// TestConcurrent: calls to the sink never overlap, and what they write only moves on.
func TestConcurrent(t *testing.T) {
	var inside, overlaps int
	var mu sync.Mutex
	count := func(by int) {
		mu.Lock()
		defer mu.Unlock()
		if inside += by; inside > 1 {
			overlaps++
		}
	}
	sink := &memorySink{style: SubSequenceNumber}
	sink.during = func() { count(1); count(-1) }
	c := newCheckpointer(t, sink, seqnum.TrimHorizon(), "kplkit")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for n := range 9 {
				for sub := range 50 {
					c.Done(userRecord(n, int64(sub), sub == 49))
					if _, err := c.Checkpoint(t.Context()); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	if overlaps > 0 || short(sink.last) != "8:49" {
		t.Errorf("%d overlaps, the last write was %s", overlaps, short(sink.last))
	}
	for i := range sink.writes[1:] {
		before, _, _ := strings.Cut(sink.writes[i], " ")
		next, _, _ := strings.Cut(sink.writes[i+1], " ")
		if len(before) > len(next) && before[0] == next[0] || before[0] > next[0] {
			t.Errorf("%s was written after %s", next, before)
		}
	}
}

// TestCheckpointerNeverLoses drives a shard at random and crashes after every checkpoint: no reader loses what is not
// done, the lease only moves on, and never beyond what is done.
func TestCheckpointerNeverLoses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records := shard(rapid.SliceOfN(rapid.IntRange(0, 4), 1, 9).Draw(t, "sizes"))
		readers := rapid.SliceOfNDistinct(rapid.SampledFrom(everyReader), 1, 2, rapid.ID).Draw(t, "readers")
		s := rapid.SampledFrom(styles).Draw(t, "style")
		sink := &memorySink{style: s, last: seqnum.TrimHorizon()}
		c, err := NewCheckpointer(sink, seqnum.TrimHorizon(), readers)
		if err != nil {
			if RuleFor(s, readers...).Inside != Refuses {
				t.Fatal(err)
			}
			return
		}
		for stop := rapid.IntRange(0, 2).Draw(t, "first"); stop < len(records); stop += rapid.IntRange(1, 4).Draw(t, "step") {
			r := records[stop]
			if r.sub == 0 && r.last {
				c.Done(plain(r.n))
			} else {
				c.Done(userRecord(r.n, r.sub, r.last))
			}
			if r.last && rapid.Bool().Draw(t, "end of batch") {
				c.EndOfBatch()
			}
			before := sink.last
			result, err := c.Checkpoint(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if sink.last.Less(before) || result.Written != sink.last {
				t.Fatalf("the lease went from %s to %s, and the result is %+v", short(before), short(sink.last), result)
			}
			if got := costOf(readers, leasesOf(s, readers, sink.last), records, stop); got.lost > 0 || got.worst > 0 && result.Effect != Repeats {
				t.Fatalf("done %s, the lease says %s, %s: %+v", short(result.Done), short(sink.last), result.Effect, got)
			}
		}
	})
}

// TestStartInsideIsNotFinished: a stored record that reading started in the middle of is not finished. A sink that took
// it for that would tell old deployments to go on after it.
func TestStartInsideIsNotFinished(t *testing.T) {
	sink := &memorySink{style: SubSequenceNumber}
	c, err := NewCheckpointer(sink, seqnum.At(number(1), 0), []Reader{Kplkit()})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range []deagg.UserRecord{userRecord(1, 1, false), userRecord(1, 2, true)} {
		c.Done(u)
		if _, err := c.Checkpoint(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"1:1 invalid", "1:2 1"}, sink.writes); diff != "" {
		t.Error(diff)
	}
}
