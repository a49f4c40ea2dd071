package kclcompat_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	. "github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/seqnum"
)

var everyReader = []Reader{
	KCL(1, 3), KCL(1, 4), KCL(1, 14), KCL(1, 15), KCL(2, 6), KCL(2, 7), KCL(3, 0), KCL(3, 5),
	MultiLang(1, 3), MultiLang(1, 4), MultiLang(1, 14), MultiLang(2, 7), SDK(), Kplkit(),
}

// cost is what a crash comes to for a fleet: nothing lost, or how much comes again for the worst and for all together.
type cost struct{ lost, worst, all int }

// costOf resumes every reader from every form in which the lease may hold the position.
func costOf(readers []Reader, leases []pair, records []record, stop int) (c cost) {
	for _, r := range readers {
		most := 0
		for _, lease := range leases {
			again, lost := crash(r.String(), lease, records, stop)
			c.lost += lost
			most = max(most, again)
		}
		c.worst = max(c.worst, most)
		c.all += most
	}
	return c
}

// TestPlaceLosesNothingAndRepeatsLeast holds Place against every position that could be written instead.
func TestPlaceLosesNothingAndRepeatsLeast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.IntRange(0, 5), 1, 8).Draw(t, "sizes")
		readers := rapid.SliceOfNDistinct(rapid.SampledFrom(everyReader), 1, 3, rapid.ID).Draw(t, "readers")
		s := rapid.SampledFrom(styles).Draw(t, "style")
		rule := RuleFor(s, readers...)
		records := shard(sizes)
		stop := rapid.IntRange(0, len(records)-1).Draw(t, "stop")
		done := records[stop]
		ends := done.last // of the stored record or, under NoArguments, of the batch
		if s == NoArguments {
			ends = ends && rapid.Bool().Draw(t, "end of batch")
		}
		finished := seqnum.TrimHorizon()
		if n := done.n; done.last {
			finished = seqnum.After(number(n))
		} else if n > 0 {
			finished = seqnum.After(number(n - 1))
		}
		position := seqnum.At(number(done.n), done.sub)
		asWhole := done.last && s != NoArguments && rapid.Bool().Draw(t, "known as whole")
		if asWhole {
			position = seqnum.After(number(done.n))
		}

		written, effect := rule.Place(position, ends && !asWhole, finished)
		if rule.Inside == Refuses {
			if written.IsValid() || effect != Refuses {
				t.Fatalf("%s: placed at %s, %s", rule, written, effect)
			}
			return
		}
		got := costOf(readers, leasesOf(s, readers, written), records, stop)
		if got.lost > 0 {
			t.Fatalf("%s: done %s, placed at %s, finished %s: %d lost", rule, position, written, finished, got.lost)
		}
		if position.Less(written) && !(done.last && written.Whole()) {
			t.Fatalf("%s: done %s, placed beyond at %s", rule, position, written)
		}
		for _, other := range alternatives(s, readers, sizes, done, ends) {
			c := costOf(readers, leasesOf(s, readers, other), records, stop)
			if c.lost == 0 && (c.worst < got.worst || c.all < got.all) {
				t.Fatalf("%s: done %s, placed at %s: %+v, but %s would be %+v", rule, position, written, got, other, c)
			}
		}
		want := Exact
		if got.worst > 0 {
			want = Repeats
		}
		if effect != want && !(asWhole && effect == Repeats) { // a whole may have been more than one user record
			t.Fatalf("%s: done %s, placed at %s: %s, want %s", rule, position, written, effect, want)
		}
	})
}

// leasesOf returns the forms in which a lease may hold what is written. A call without arguments is the worker's own:
// of those that are 1.3 it leaves the number alone.
func leasesOf(s Style, readers []Reader, at seqnum.Extended) []pair {
	leases := []pair{stored(s, readers, at)}
	if s == NoArguments && slices.ContainsFunc(readers, is13) && at.IsValid() {
		leases = append(leases, pair{leases[0].n, absent})
	}
	if beside := slices.Contains(readers, Kplkit()) && slices.ContainsFunc(readers, isJava); beside && leases[0].n >= 0 {
		switch leases[0].sub { // a number alone, in Java's attributes or as a text
		case absent:
			leases = append(leases, pair{leases[0].n, 0})
		case 0:
			if s != NoArguments && slices.ContainsFunc(readers, is13) {
				leases = append(leases, pair{leases[0].n, absent})
			}
		}
	}
	return leases
}

func isJava(r Reader) bool { return r != SDK() && r != Kplkit() }

func is13(r Reader) bool { return r == KCL(1, 3) || r == MultiLang(1, 3) }

// alternatives are all positions that the style could write when done is done. Beside 1.3 no sub-sequence number is
// written, since a later 1.3 worker would leave it stale.
func alternatives(s Style, readers []Reader, sizes []int, done record, ends bool) (all []seqnum.Extended) {
	all = []seqnum.Extended{seqnum.TrimHorizon()}
	if s == NoArguments {
		if ends {
			all = append(all, seqnum.At(number(done.n), done.sub))
		}
		return all
	}
	for n := range sizes {
		for sub := range int64(7) {
			if sub == 0 || !slices.ContainsFunc(readers, is13) {
				all = append(all, seqnum.At(number(n), sub))
			}
		}
		if !slices.ContainsFunc(readers, is13) {
			all = append(all, seqnum.At(number(n), whole))
		}
	}
	return all
}

// TestPlaceAtTheEdges has the positions that are no numbers, and starts inside a stored record.
func TestPlaceAtTheEdges(t *testing.T) {
	n, next := number(1), number(2)
	for _, test := range []struct {
		style          Style
		readers        string
		done           seqnum.Extended
		last           bool
		finished, want seqnum.Extended
		effect         Effect
	}{
		{SubSequenceNumber, "kcl-2.7", seqnum.At(n, 4), false, seqnum.Latest(), seqnum.At(n, 4), Exact},
		{SequenceNumber, "sdk", seqnum.At(n, 4), false, seqnum.Latest(), seqnum.Latest(), Loses},
		{SequenceNumber, "sdk", seqnum.At(n, 4), false, seqnum.TrimHorizon(), seqnum.TrimHorizon(), Repeats},
		{SequenceNumber, "sdk", seqnum.At(n, 4), false, seqnum.AtTimestamp(), seqnum.AtTimestamp(), Repeats},
		{SequenceNumber, "sdk", seqnum.At(n, 4), true, seqnum.Latest(), seqnum.After(n), Exact},
		{SubSequenceNumber, "sdk", seqnum.At(n, 4), false, seqnum.At(n, 1), seqnum.At(n, 1), Loses}, // its lease says more than it can read
		{NoArguments, "kcl-2.7", seqnum.At(n, 4), false, seqnum.Latest(), seqnum.Extended{}, Loses},
		{NoArguments, "kcl-2.7", seqnum.At(n, 4), false, seqnum.After(n), seqnum.Extended{}, Repeats},
		{NoArguments, "kcl-2.7", seqnum.At(n, 4), true, seqnum.Latest(), seqnum.At(n, 4), Exact},
		{SequenceNumber, "kcl-2.7", seqnum.At(n, 4), false, seqnum.Latest(), seqnum.At(n, 0), Repeats},
		{SubSequenceNumber, "kcl-1.3 kcl-1.14", seqnum.At(next, 4), false, seqnum.After(n), seqnum.At(n, 0), Repeats},
		{SubSequenceNumber, "kcl-1.3 kcl-1.14", seqnum.At(next, 4), true, seqnum.After(next), seqnum.At(next, 0), Repeats},
		{SubSequenceNumber, "kcl-1.3", seqnum.At(next, 4), true, seqnum.After(next), seqnum.At(next, 0), Exact},
		{SubSequenceNumber, "kplkit", seqnum.After(n), false, seqnum.TrimHorizon(), seqnum.After(n), Exact},
		{SubSequenceNumber, "kplkit", seqnum.Latest(), false, seqnum.Latest(), seqnum.Latest(), Loses},
		{SubSequenceNumber, "kplkit", seqnum.ShardEnd(), false, seqnum.After(n), seqnum.ShardEnd(), Exact},
		{SubSequenceNumber, "kplkit", seqnum.Extended{}, false, seqnum.After(n), seqnum.Extended{}, Refuses},
	} {
		readers := parse(t, test.readers)
		at, effect := RuleFor(test.style, readers...).Place(test.done, test.last, test.finished)
		if at != test.want || effect != test.effect {
			t.Errorf("%+v: %s, %s", test, at, effect)
		}
	}
	if at, effect := (Rule{}).Place(seqnum.At(n, 1), true, seqnum.After(n)); at.IsValid() || effect != Refuses {
		t.Errorf("the zero Rule placed at %s, %s", at, effect)
	}
}

func ExampleRule_Place() {
	n, before := seqnum.MustParse("4959033827"), seqnum.MustParse("4959033826")
	for _, r := range []Reader{KCL(2, 7), SDK()} {
		at, effect := RuleFor(SubSequenceNumber, r).Place(seqnum.At(n, 4), false, seqnum.After(before))
		fmt.Println(r, at, effect)
	}
	// Output:
	// kcl-2.7 4959033827:4 exact
	// sdk 4959033826 repeats
}
