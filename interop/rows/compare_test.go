package rows

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// compare holds a run against the evidence that is committed. What must not differ fails the test, and what may is printed.
func (e *evidence) compare(t *testing.T, s scenario, run evidenceRun, committed *evidence) {
	i := slices.IndexFunc(committed.Runs, func(r evidenceRun) bool { return r.ID == run.ID })
	if i < 0 {
		t.Errorf("differs from the evidence, which has no run %s", run.ID)
		return
	}
	was := committed.Runs[i]
	run.Versions, was.Versions = merged(e.Versions, run.Versions), merged(committed.Versions, was.Versions)
	wrong, notes := differences(s, run, was)
	for _, w := range wrong {
		t.Errorf("differs from the evidence: %s", w)
	}
	for _, n := range notes {
		t.Logf("compared: %s", n)
	}
}

// differences are what must not differ between a run and the same one in the evidence, and what may: figures that hang on
// the producer's timing, which the judge has bounded.
func differences(s scenario, run, was evidenceRun) (wrong, notes []string) {
	differs := func(what string, now, then any) {
		if now != then {
			wrong = append(wrong, fmt.Sprintf("%s: %v; it was %v", what, now, then))
		}
	}
	differs("outcome", s.class(run.ledger), s.class(was.ledger))
	differs("refused", run.Refused, was.Refused)
	for _, library := range []string{"KCL", "KPL", "MultiLangDaemon"} { // others are the machine's own
		differs(library, run.Versions[library], was.Versions[library])
	}
	if was.Stored != "" {
		differs("stored", pairClass(run.Stored), pairClass(was.Stored))
	}
	seen := was.figures()
	if s.planned() && run.Put == was.Put { // all the rest follows from what is put
		differs("counts", run.ledger, was.ledger)
		if run.Before != nil && was.Before != nil {
			differs("before", *run.Before, *was.Before)
		}
		return wrong, notes
	}
	for what, f := range map[string]struct {
		now int
		was span
	}{"put": {run.Put, seen.Put}, "lost": {run.Lost, seen.Lost}, "twice": {run.Twice, seen.Twice}} {
		if f.now < f.was[0] || f.now > f.was[1] {
			notes = append(notes, fmt.Sprintf("%s: %d; seen were %d to %d, in %d runs", what, f.now, f.was[0], f.was[1], max(was.N, 1)))
		}
	}
	slices.Sort(notes)
	return wrong, notes
}

// class is how a run of s ended, without figures. Where the numbers are not fixed, whether a few came twice hangs on the
// producer's timing, and lost or twice may hang on the reader's; the judge has bounded them.
func (s scenario) class(l ledger) string {
	if s.check != nil {
		l.Twice = 0
	}
	if s.or != nil {
		l.Lost = 0
	}
	return l.class()
}

// class is how a run ended, without figures.
func (l ledger) class() string {
	words := map[string]bool{"raw": l.Raw > 0, "lost": l.Lost > 0, "all lost": l.Lost == l.Put, "twice": l.Twice > 0, "refused": l.Refused != ""}
	maps.DeleteFunc(words, func(_ string, applies bool) bool { return !applies })
	if len(words) == 0 {
		return "each once"
	}
	return strings.Join(slices.Sorted(maps.Keys(words)), ", ")
}

// pairClass is a checkpoint without its sequence number, which is another in each run.
func pairClass(stored string) string {
	number, sub, pair := strings.Cut(stored, ":")
	switch {
	case pair:
		return "SEQUENCE:" + sub
	case number != "" && number[0] <= '9':
		return "SEQUENCE"
	}
	return stored
}
