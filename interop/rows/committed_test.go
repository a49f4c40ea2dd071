package rows

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const committed = "../../matrix/evidence"

// TestCommitted holds the evidence that is committed against the runs that it is said to be of. It runs none of them: what
// follows from the plan is worked out for a stream as the KPL packs it.
func TestCommitted(t *testing.T) {
	for _, p := range parts() {
		e := readEvidence(committed, p.name)
		if len(e.Runs) == 0 {
			t.Errorf("%s has no evidence", p.name)
		}
		without := 0
		for _, r := range e.Runs {
			if err := p.consistent(e, r); err != nil {
				t.Errorf("%s/%s: %v", p.name, r.ID, err)
			}
			if r.N == 0 {
				without++
			}
		}
		if without > 0 {
			fmt.Printf("%s: %d of %d runs are from before n, seen, before, last and stored were written\n", p.name, without, len(e.Runs))
		}
	}
}

// consistent says what is wrong with a run in the evidence.
func (p part) consistent(e *evidence, r evidenceRun) error {
	i := slices.IndexFunc(p.scenarios, func(s scenario) bool { return s.id == r.ID })
	if i < 0 {
		return errors.New("there is no such run")
	}
	s := p.scenarios[i]
	var wrong []error
	say := func(format string, arguments ...any) { wrong = append(wrong, fmt.Errorf(format, arguments...)) }
	if r.Lost != r.Put-r.Delivered {
		say("lost %d is not put %d - delivered %d", r.Lost, r.Put, r.Delivered)
	}
	if (r.Refused != "") != (s.refuses != "") || !regexp.MustCompile(s.refuses).MatchString(tidy(r.Refused)) {
		say("refused %q; want %q", r.Refused, s.refuses)
	}
	named := merged(merged(p.versions, map[string]string{"KPL": p.kpl}), s.versions)
	for _, library := range []string{"KCL", "KPL", "MultiLangDaemon"} {
		if got := merged(e.Versions, r.Versions)[library]; got != named[library] && named[library] != "" {
			say("%s %q; want %q", library, got, named[library])
		}
	}
	if s.check != nil && !s.check(r.ledger) {
		say("%+v is not what was expected", r.ledger)
	}
	if seen := r.figures(); !seen.Put.holds(r.Put) || !seen.Lost.holds(r.Lost) || !seen.Twice.holds(r.Twice) {
		say("%+v is not among the figures seen: %+v", r.ledger, *seen)
	}
	return errors.Join(append(wrong, s.followsFrom(r))...)
}

func (s span) holds(n int) bool { return s[0] <= n && n <= s[1] }

// followsFrom holds counts against the plan.
func (s scenario) followsFrom(r evidenceRun) error {
	if s.want == nil {
		return nil
	}
	if !s.planned() {
		if r.Lost == 0 || r.Delivered == 0 || r.Twice > 0 || r.Before != nil && *r.Before != r.Delivered {
			return fmt.Errorf("%+v; want what is after the stop lost", r.ledger)
		}
		return nil
	}
	stream, err := packed(s, r.Put)
	if err != nil {
		return err
	}
	p, err := newPlan(stream, s)
	if err != nil {
		return err
	}
	want := ledger{Put: r.Put, Refused: r.Refused}
	want.Lost, want.Twice = s.want(p)
	want.Delivered = want.Put - want.Lost
	if s.raw {
		want.Raw = aggregatesIn(stream)
	}
	if r.ledger != want {
		return fmt.Errorf("%+v; want %+v", r.ledger, want)
	}
	if r.Before != nil && len(s.stops) == 1 {
		if before := s.before(p, want); *r.Before != before {
			return fmt.Errorf("before %d; want %d", *r.Before, before)
		}
	}
	return nil
}

// planned tells whether all counts follow from how many user records are put: not where the stop is chosen before, since
// the KPL decides in which order it stores aggregates.
func (s scenario) planned() bool {
	return s.want != nil && (len(s.stops) == 0 || s.stops[0].at.text == "")
}

// before is how many user records the one worker that is stopped is handed: what a damaged aggregate loses comes before.
func (s scenario) before(p *plan, l ledger) int {
	upTo := p.stops[0]
	if s.stops[0].when == "batch" {
		upTo = p.endOfBatch(p.batch(p.users[upTo]))
	}
	if s.damage != "" {
		upTo -= l.Lost
	}
	return upTo + 1
}

// packed is a stream as the KPL makes it of what is put: pairs until one shares a stored record, then ten to a record.
func packed(s scenario, put int) (stream []storedRecord, err error) {
	add := func(users []string, damaged bool) {
		r := storedRecord{SequenceNumber: fmt.Sprint(len(stream)), Aggregate: len(users) > 1 && !damaged, Damaged: damaged}
		for _, u := range users {
			r.Users = append(r.Users, storedUser{Text: u})
		}
		stream = append(stream, r)
	}
	each, wakes := perAggregate, put-userRecords
	broken := []string{"damaged"}
	if s.damage == badIndex {
		broken, wakes = []string{"x0", "x1", "x2"}, wakes-3
	}
	if s.plain {
		each = 1
	}
	if wakes < 0 || wakes%2 > 0 || s.plain != (wakes == 0) {
		return nil, fmt.Errorf("put %d can't be", put)
	}
	for i := 2; i < wakes; i += 2 {
		add([]string{"a"}, false)
		add([]string{"b"}, false)
	}
	if wakes > 0 {
		add([]string{"a", "b"}, false)
	}
	for users := names(userRecords); len(users) > 0; users = users[each:] {
		if s.damage != "" && len(users) == userRecords/2 {
			add(broken, true)
		}
		add(users[:each], false)
	}
	return stream, nil
}

// forgeries are files of evidence in which somebody has changed a number.
func forgeries(t *testing.T) (found []checked) {
	forge := func(id, what string, change func(*evidence, *evidenceRun)) {
		name, run, _ := strings.Cut(id, "/")
		for _, p := range parts() {
			e := readEvidence(committed, name)
			for _, r := range e.Runs {
				if p.name == name && r.ID == run {
					change(e, &r)
					found = append(found, checked{"evidence is forged, " + id + ": " + what, p.consistent(e, r)})
				}
			}
		}
	}
	lose := func(lost int) func(*evidence, *evidenceRun) {
		return func(_ *evidence, r *evidenceRun) { r.Lost, r.Delivered, r.Seen = lost, r.Put-lost, nil }
	}
	forge("kcl-2.7.2/none/inside-batch", "nothing is lost", lose(0))
	forge("kcl-2.7.2/none/inside-batch", "one less is lost", lose(44))
	forge("kcl-1.4.0/extended/inside", "five are lost", lose(5))
	forge("sdk-go/damaged", "less are lost", lose(10))
	forge("kcl-1.4.0/sequence-number/inside", "5 come twice", func(_ *evidence, r *evidenceRun) { r.Twice, r.Seen = 5, nil })
	forge("reshard/kpl-1.0.7/kcl-1.4.0", "nothing is lost", lose(0))
	forge("reshard/kpl-1.0.7/kcl-1.4.0", "all is lost", lose(1512))
	forge("reshard/kplkit/kcl-2.7.2", "one is lost", lose(1))
	forge("row-1/client-go-killed/kcl-2.7.2", "one is lost", lose(1))
	forge("hand-over/3.5.1-to-2.7.2/extended", "it started", func(_ *evidence, r *evidenceRun) { r.Refused = "" })
	forge("hand-over/3.5.1-to-2.7.2/extended", "it ended without a word", func(_ *evidence, r *evidenceRun) { r.Refused = "ended without a word: exit status 1" })
	forge("kcl-1.4.0/decoded", "the version is another", func(e *evidence, _ *evidenceRun) { e.Versions["KCL"] = "1.14.10" })
	forge("kcl-1.4.0/decoded", "put is odd", func(_ *evidence, r *evidenceRun) { r.Put, r.Delivered, r.Seen = 103, 103, nil })
	if len(found) != 13 {
		t.Errorf("%d forgeries in %s", len(found), filepath.Clean(committed))
	}
	return found
}

// comparisons are runs that differ from the evidence (run.sh rows --compare).
func comparisons(t *testing.T) (found []checked) {
	differs := func(id string, change func(*evidenceRun)) error {
		s, r := recordedRun(t, id)
		run, was := newEvidenceRun(s, r), newEvidenceRun(s, r)
		run.Versions, was.Versions = r.Named, merged(r.Named, nil)
		change(&was)
		if wrong, _ := differences(s, run, was); len(wrong) > 0 {
			return errors.New(wrong[0])
		}
		return nil
	}
	for _, id := range recorded(t) {
		if err := differs(id, func(*evidenceRun) {}); err != nil {
			t.Errorf("%s differs from itself: %v", id, err)
		}
	}
	compare := func(id, what string, change func(*evidenceRun)) {
		found = append(found, checked{"--compare, " + id + ": " + what, differs(id, change)})
	}
	compare(inside140, "five were lost", func(r *evidenceRun) { r.Lost, r.Delivered = 5, r.Put-5 })
	compare(first140, "one came twice", func(r *evidenceRun) { r.Twice++ })
	compare(inside140, "the checkpoint was another", func(r *evidenceRun) { r.Stored += "9" })
	compare(inside140, "less was delivered before the stop", func(r *evidenceRun) { *r.Before-- })
	compare(split140, "nothing was lost", func(r *evidenceRun) { r.Lost, r.Delivered = 0, r.Put })
	compare(refusing272, "the refusal was another", func(r *evidenceRun) { r.Refused = "no" })
	compare(inside140, "the KPL was another", func(r *evidenceRun) { r.Versions["KPL"] = "0.12.11" })
	return found
}
