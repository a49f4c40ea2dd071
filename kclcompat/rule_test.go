package kclcompat_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	. "github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/seqnum"
)

var styles = []Style{NoArguments, SequenceNumber, RecordArgument, SubSequenceNumber}

func style(t *testing.T, name string) Style {
	t.Helper()
	for _, s := range styles {
		if s.String() == name {
			return s
		}
	}
	t.Fatalf("no style %q", name)
	return 0
}

// rows reads a table of testdata.
func rows(t *testing.T, file string, columns, count int) (out [][]string) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		row := strings.Split(strings.TrimSpace(line), "\t")
		if len(row) != columns {
			t.Fatalf("%s: %q has %d columns, want %d", file, row, len(row), columns)
		}
		out = append(out, row)
	}
	if len(out) != count {
		t.Fatalf("%s has %d rows, want %d", file, len(out), count)
	}
	return out
}

func atoi(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// reader takes a release for its version: 1.14.10 is kcl-1.14.
func reader(t *testing.T, release string) Reader {
	t.Helper()
	r, err := ParseReader("kcl-" + release[:strings.LastIndex(release, ".")])
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestMeasuredCrashes holds the model, the source and the effects of every rule against the measured runs.
func TestMeasuredCrashes(t *testing.T) {
	records := shard([]int{10, 10, 10, 10, 10, 10, 10, 10, 10, 10})
	type cell struct {
		reader Reader
		style  Style
		where  string
	}
	worst := map[cell]Effect{}
	for _, row := range rows(t, "crashes.tsv", 9, 69) {
		release, s, where := row[0], style(t, row[2]), row[3]
		perBatch, done, again, lost := atoi(t, row[4])*10, atoi(t, row[5]), atoi(t, row[6]), atoi(t, row[7])
		stop := done - 1
		end := min((stop/perBatch+1)*perBatch, 100) - 1
		at := records[stop]
		switch where {
		case "later":
			end -= perBatch
		case "beyond":
			at.sub = 99
		}
		fresh := pair{-1, absent}
		lease := call(release, s, at, records[end], fresh)
		if gotAgain, gotLost := crash("kcl-"+release, lease, records, stop); gotAgain != again || gotLost != lost {
			t.Errorf("%v: the model has %d again and %d lost", row, gotAgain, gotLost)
		}
		r := reader(t, release)
		if src := RuleFor(s, r).Source; !strings.Contains(src, ", KCL "+release) {
			t.Errorf("%v: source %q", row, src)
		}
		c := cell{r, s, where}
		worsen(worst, c, effect(again, lost))
	}
	for c, want := range worst {
		rule := RuleFor(c.style, c.reader)
		switch c.where {
		case "inside":
			check(t, c.reader, c.style, c.where, rule.Inside, want)
		case "at-last":
			check(t, c.reader, c.style, c.where, rule.AtLast, want)
		case "later": // nothing of it is the checkpoint's own doing
			check(t, c.reader, c.style, c.where, Repeats, want)
		case "beyond":
			check(t, c.reader, c.style, c.where, Loses, want)
			if !strings.Contains(rule.Why, "beyond the aggregate's end is accepted and loses") {
				t.Errorf("%v: the trap is not told: %s", c, rule)
			}
		}
	}
}

// worsen notes an effect, unless a worse one was noted before.
func worsen[K comparable](worst map[K]Effect, key K, e Effect) {
	if before, noted := worst[key]; !noted || before < e {
		worst[key] = e
	}
}

func check(t *testing.T, r any, s Style, where string, got, want Effect) {
	t.Helper()
	if got != want {
		t.Errorf("%v, %s, %s: %s, want %s", r, s, where, got, want)
	}
}

// TestMeasuredHandovers does the same for leases that go from one version to another. A hand-over may be better in one
// direction: the rule tells the worst.
func TestMeasuredHandovers(t *testing.T) {
	records := shard([]int{10, 10, 10, 10, 10, 10, 10, 10, 10, 10})
	worst := map[string]Effect{}
	promised := map[string]Effect{}
	for _, row := range rows(t, "handovers.tsv", 8, 19) {
		from, s, where, to := row[0], style(t, row[1]), row[2], row[3]
		rule := RuleFor(s, reader(t, from), reader(t, to))
		got, promise := Refuses, rule.Inside
		stop := 44
		if where == "at-last" {
			stop, promise = 59, rule.AtLast
		}
		if row[4] == "yes" {
			again, lost := atoi(t, row[5]), atoi(t, row[6])
			got = effect(again, lost)
			lease := call(from, s, records[stop], records[stop], pair{-1, absent})
			if gotAgain, gotLost := crash("kcl-"+to, lease, records, stop); gotAgain != again || gotLost != lost {
				t.Errorf("%v: the model has %d again and %d lost", row, gotAgain, gotLost)
			}
		}
		if got > promise {
			t.Errorf("%v: measured %s, and the rule says %s", row, got, promise)
		}
		key := fmt.Sprint(rule.ID, s, where)
		worsen(worst, key, got)
		promised[key] = promise
	}
	for key, want := range worst {
		if promised[key] != want {
			t.Errorf("%s: the rule says %s, the worst measured is %s", key, promised[key], want)
		}
	}
}

// TestMeasuredStaleSubSequenceNumber: 1.4 stored (a05, 4), 1.3 went on to a07 and left the 4 there, a newer one took over.
func TestMeasuredStaleSubSequenceNumber(t *testing.T) {
	records := shard([]int{10, 10, 10, 10, 10, 10, 10, 10, 10, 10})
	for _, test := range []struct {
		stop        int // index of the last user record that 1.3 did
		next        string
		again, lost int
	}{
		{69, "1.4.0", 5, 5},
		{61, "1.4.0", 0, 8},
		{69, "2.7.2", 5, 5},
	} {
		lease := call("1.4.0", SubSequenceNumber, records[44], records[99], pair{-1, absent})
		_, lost := crash("kcl-1.3.0", lease, records, 44)
		lease = call("1.3.0", SequenceNumber, records[test.stop], records[99], lease)
		again, more := crash("kcl-"+test.next, lease, records, test.stop)
		if again != test.again || lost+more != test.lost {
			t.Errorf("%+v: the model has %d again and %d lost", test, again, lost+more)
		}
		rule := RuleFor(SequenceNumber, KCL(1, 3), reader(t, test.next))
		if got := effect(again, lost+more); got > rule.Inside {
			t.Errorf("%+v: %s, and the rule says %s", test, got, rule.Inside)
		}
	}
}

// TestMeasuredMultiLang has the transcripts: aggregates of four, the child checkpoints and the daemon stops.
func TestMeasuredMultiLang(t *testing.T) {
	records := shard([]int{4, 4, 4})
	for _, test := range []struct {
		release string
		style   Style
		stop    int
		again   int // none was lost
	}{
		{"1.3.0", SequenceNumber, 7, 0}, // its unit is the whole aggregate
		{"1.4.0", NoArguments, 11, 0},
		{"1.4.0", SequenceNumber, 5, 1},
		{"1.14.10", NoArguments, 11, 0},
		{"1.14.10", SequenceNumber, 5, 1},
		{"1.14.10", SubSequenceNumber, 5, 0},
		{"2.7.2", NoArguments, 11, 0},
		{"2.7.2", SequenceNumber, 5, 1},
		{"2.7.2", SubSequenceNumber, 5, 0},
	} {
		at := records[test.stop]
		again, lost := crash("multilang-"+test.release, call(test.release, test.style, at, at, pair{-1, absent}), records, test.stop)
		if again != test.again || lost != 0 {
			t.Errorf("%+v: the model has %d again and %d lost", test, again, lost)
		}
		r := parse(t, "multilang-"+test.release[:strings.LastIndex(test.release, ".")])[0]
		promise := RuleFor(test.style, r).Inside
		if at.last {
			promise = RuleFor(test.style, r).AtLast
		}
		check(t, r, test.style, fmt.Sprint("after ", test.stop), promise, effect(again, lost))
	}
}

// TestRules lists what every reader is promised, in the order of the styles, inside an aggregate and at its last.
func TestRules(t *testing.T) {
	const E, R, L, X = Exact, Repeats, Loses, Refuses
	for _, test := range []struct {
		readers string
		want    [8]Effect
	}{
		{"kcl-1.3", [8]Effect{L, E, L, E, L, E, L, E}},
		{"kcl-1.4", [8]Effect{L, E, R, R, E, E, E, E}},
		{"kcl-1.14", [8]Effect{L, E, R, R, E, E, E, E}},
		{"kcl-1.15", [8]Effect{L, E, R, R, E, E, E, E}},
		{"kcl-2.6", [8]Effect{L, E, R, R, R, R, E, E}},
		{"kcl-2.7", [8]Effect{L, E, R, R, R, R, E, E}},
		{"kcl-3.0", [8]Effect{L, E, R, R, R, R, E, E}},
		{"kcl-3.5", [8]Effect{L, E, R, R, R, R, E, E}},
		{"multilang-1.3", [8]Effect{L, E, L, E, X, X, X, X}},
		{"multilang-1.4", [8]Effect{L, E, R, R, X, X, X, X}},
		{"multilang-1.14", [8]Effect{L, E, R, R, X, X, E, E}},
		{"multilang-2.7", [8]Effect{L, E, R, R, X, X, E, E}},
		{"sdk", [8]Effect{L, E, L, E, L, E, L, E}},
		{"kplkit", [8]Effect{L, E, L, E, E, E, E, E}},
		{"kcl-1.14 kcl-1.14", [8]Effect{L, E, R, R, E, E, E, E}},
		{"kcl-1.14 kcl-2.7", [8]Effect{L, E, R, R, R, R, E, E}},
		{"kcl-2.7 kcl-1.14 kplkit", [8]Effect{L, E, L, R, R, R, E, E}},
		{"kcl-3.0 kcl-2.7", [8]Effect{L, E, R, R, R, R, E, E}},
		{"kcl-1.4 kcl-1.3", [8]Effect{L, R, L, R, L, R, L, R}},
		{"kcl-1.3 multilang-2.7", [8]Effect{L, R, L, R, X, X, L, R}},
		{"sdk kcl-1.14", [8]Effect{L, E, L, R, L, E, L, E}},
		{"kcl-3.5 kcl-2.7", [8]Effect{X, X, X, X, X, X, X, X}},
		{"kcl-3.5 kcl-3.0", [8]Effect{L, E, R, R, R, R, E, E}},
		{"kcl-3.4 kcl-2.7", [8]Effect{L, E, R, R, R, R, E, E}},
		{"kcl-3.5 kcl-1.14", [8]Effect{X, X, X, X, X, X, X, X}},
		{"multilang-2.7 kcl-3.5", [8]Effect{X, X, X, X, X, X, X, X}},
		{"kcl-3.5 kplkit", [8]Effect{L, E, L, R, R, R, E, E}},
	} {
		readers := parse(t, test.readers)
		for i, s := range styles {
			rule := RuleFor(s, readers...)
			check(t, test.readers, s, "inside", rule.Inside, test.want[2*i])
			check(t, test.readers, s, "at-last", rule.AtLast, test.want[2*i+1])
			if rule.ID == "" || rule.Condition == "" || rule.Why == "" || rule.Source == "" || rule.Style != s {
				t.Errorf("%s, %s: incomplete: %+v", test.readers, s, rule)
			}
			for i := range readers { // the order of readers does not decide
				turned := append(append([]Reader{}, readers[i:]...), readers[:i]...)
				other := RuleFor(s, turned...)
				if other.Inside != rule.Inside || other.AtLast != rule.AtLast {
					t.Errorf("%v is %s, %s, and %v is not", readers, rule.Inside, rule.AtLast, turned)
				}
			}
		}
	}
}

func parse(t *testing.T, names string) (readers []Reader) {
	t.Helper()
	for name := range strings.FieldsSeq(names) {
		r, err := ParseReader(name)
		if err != nil {
			t.Fatal(err)
		}
		readers = append(readers, r)
	}
	return readers
}

// TestUnmeasuredVersions: the nearest older measured minor version, else the oldest, and the rule says so.
func TestUnmeasuredVersions(t *testing.T) {
	for _, test := range []struct {
		reader      Reader
		as, because string
	}{
		{KCL(1, 0), "kcl-1.3", "oldest"},
		{KCL(1, 13), "kcl-1.4", "nearest older"},
		{KCL(1, 99), "kcl-1.15", "nearest older"},
		{KCL(2, 0), "kcl-2.2", "oldest"},
		{KCL(2, 8), "kcl-2.7", "nearest older"},
		{KCL(2, 5), "kcl-2.4", "nearest older"},
		{MultiLang(1, 13), "multilang-1.4", "nearest older"},
		{MultiLang(2, 0), "multilang-2.7", "oldest"},
		{MultiLang(3, 0), "multilang-3.1", "oldest"},
	} {
		as := parse(t, test.as)[0]
		for _, s := range styles {
			got, want := RuleFor(s, test.reader), RuleFor(s, as)
			if got.ID != want.ID || got.Inside != want.Inside || got.AtLast != want.AtLast {
				t.Errorf("%s: %s, want as %s", test.reader, got, want)
			}
			for _, part := range []string{test.reader.String(), "not measured", test.as, test.because} {
				if !strings.Contains(got.Condition, part) {
					t.Errorf("%s: %q does not say %q", test.reader, got.Condition, part)
				}
			}
			if strings.Contains(want.Condition, "not measured") {
				t.Errorf("%s: %q", test.as, want.Condition)
			}
		}
	}
}

func TestUnknownReaders(t *testing.T) {
	for _, r := range []Reader{{}, KCL(9, 0), KCL(0, 9), KCL(-1, 0), MultiLang(4, 0)} {
		for _, s := range styles {
			for _, rule := range []Rule{RuleFor(s, r), RuleFor(s, KCL(2, 7), r), RuleFor(s, r, SDK())} {
				if rule.Inside != Refuses || rule.AtLast != Refuses {
					t.Errorf("%s: %s", r, rule)
				}
			}
		}
	}
	if rule := RuleFor(SubSequenceNumber); rule.Inside != Refuses || rule.AtLast != Refuses || rule.Style != SubSequenceNumber {
		t.Errorf("no reader: %s", rule)
	}
	for _, s := range []Style{0, 5, 9, 255} {
		rule := RuleFor(s, SDK())
		if s.String() != "unknown" || rule.Inside != Refuses || rule.AtLast != Refuses || !strings.Contains(rule.Condition, "style unknown") {
			t.Errorf("unknown style: %s", rule)
		}
	}
}

// TestZeroPromisesNothing: what nobody has filled in is unknown, and worse than all that is known.
func TestZeroPromisesNothing(t *testing.T) {
	var zero Effect
	for _, e := range []Effect{Exact, Repeats, Loses, Refuses} {
		if zero <= e || e.String() == "unknown" || e < Exact {
			t.Errorf("%s (%d) is worse than the zero Effect", e, e)
		}
	}
	for _, e := range []Effect{zero, 1, 127, -5, -128} {
		if e.String() != "unknown" {
			t.Errorf("Effect(%d) prints as %s", e, e)
		}
	}
	if text := (Rule{}).String(); strings.Contains(text, "exact") || !strings.Contains(text, "unknown inside an aggregate, unknown at its last") {
		t.Error(text)
	}
	if !(Result{}).Held() {
		t.Error("the zero Result says that nothing comes again")
	}
	for _, r := range []Rule{{ID: "mine"}, {ID: "mine", Inside: Exact}, {ID: "mine", AtLast: Exact},
		{ID: "mine", Style: SubSequenceNumber, Inside: Exact, AtLast: Exact}} { // not by RuleFor
		if at, effect := r.Place(seqnum.After(number(1)), true, seqnum.After(number(1))); at.IsValid() || effect != Refuses {
			t.Errorf("%+v places at %s, %s", r, at, effect)
		}
	}
}

func TestParseReader(t *testing.T) {
	for _, name := range []string{"kcl-1.3", "kcl-2.99", "multilang-1.14", "sdk", "kplkit"} {
		if r := parse(t, name)[0]; r.String() != name {
			t.Errorf("%q reads as %s", name, r)
		}
	}
	for _, bad := range []string{"", "kcl", "kcl-", "kcl-2", "kcl-2.", "kcl-9.0", "kcl-2.7.2", "kcl--1.3", "kcl-+1.3", "multilang-9.1", "SDK", " sdk", "java"} {
		_, err := ParseReader(bad)
		if err == nil || !strings.Contains(err.Error(), "kcl-1.3, kcl-1.4") || !strings.Contains(err.Error(), "multilang-3.1, sdk, kplkit") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
