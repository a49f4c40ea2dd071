package rows

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kplkit/kplkit/interop/servers"
)

// evidence is a part's file in the folder matrix/evidence.
type evidence struct {
	V        int               `json:"v"`
	Part     string            `json:"part"`
	Date     string            `json:"date"`
	Seed     int               `json:"seed"` // 0: nothing is drawn
	Versions map[string]string `json:"versions"`
	Runs     []evidenceRun     `json:"runs"`

	mu        sync.Mutex
	scenarios []string  // all that the part has
	before    *evidence // the file that is to be written, as it was
	committed *evidence // the one to compare with
}

type evidenceRun struct {
	ID       string            `json:"id"`
	What     string            `json:"what"`
	Versions map[string]string `json:"versions,omitempty"`
	ledger
	Before *int     `json:"before,omitempty"` // user records delivered before the last stop, if there is one
	Last   string   `json:"last,omitempty"`   // the last one of them
	Stored string   `json:"stored,omitempty"` // the checkpoint that the lease held then: SEQUENCE, SEQUENCE:SUB or a sentinel
	N      int      `json:"n,omitempty"`      // how many runs there were; 0 is one, before they were counted
	Seen   *figures `json:"seen,omitempty"`   // the least and the most that these had; nil if all had the same
}

// figures are those that may hang on timing.
type figures struct {
	Put   span `json:"put"`
	Lost  span `json:"lost"`
	Twice span `json:"twice"`
}

// span is from the least to the most.
type span [2]int

func (s span) with(t span) span { return span{min(s[0], t[0]), max(s[1], t[1])} }

func newEvidenceRun(s scenario, r recording) evidenceRun {
	e := evidenceRun{ID: s.id, What: s.what, Versions: s.versions, ledger: r.Ledger, N: 1}
	for _, stream := range r.Streams {
		if stopped := stream.stopped(); len(s.stops) > 0 && len(stopped) > 0 {
			e.Before, e.Stored = new(int), stopped[len(stopped)-1].Lease
			for _, w := range stopped {
				*e.Before += len(w.Events)
				if n := len(w.Events); n > 0 {
					e.Last = textOf(w.Events[n-1].Record)
				}
			}
		}
	}
	return e
}

// figures are those seen so far.
func (e evidenceRun) figures() *figures {
	if e.Seen != nil {
		return e.Seen
	}
	return &figures{span{e.Put, e.Put}, span{e.Lost, e.Lost}, span{e.Twice, e.Twice}}
}

// after counts the runs that were before this one.
func (e evidenceRun) after(before evidenceRun) evidenceRun {
	e.N += max(before.N, 1)
	now, then := *e.figures(), *before.figures()
	seen := figures{now.Put.with(then.Put), now.Lost.with(then.Lost), now.Twice.with(then.Twice)}
	if seen != now {
		e.Seen = &seen
	}
	return e
}

func newEvidence(t *testing.T, p part) *evidence {
	versions := merged(map[string]string{"Kinesis": "kplkit", "DynamoDB": "dynalite " + servers.NPMVersion(t, cache, "dynalite", "dynalite")}, p.versions)
	if p.kpl != "" {
		versions["KPL"] = p.kpl
	}
	maps.DeleteFunc(versions, func(_, version string) bool { return version == "" }) // what it does without
	e := &evidence{
		V: 1, Part: p.name, Date: time.Now().UTC().Format(time.DateOnly), Versions: versions,
		before: readEvidence(*evidenceDir, p.name), committed: readEvidence(*compareDir, p.name),
	}
	for _, s := range p.scenarios {
		e.scenarios = append(e.scenarios, s.id)
	}
	return e
}

// add adds a run that has passed, and writes the file if that was asked for. Beside the runs so far it gets those that
// it has of today on the same versions: so a run that failed, on a busy machine say, can be run again by itself. How often
// a run was seen, and with which figures, is counted over all days, as long as the versions and what is done stay.
func (e *evidence) add(t *testing.T, s scenario, r recording) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.Runs = slices.DeleteFunc(e.Runs, func(r evidenceRun) bool { return r.ID == s.id }) // read from the file
	run := newEvidenceRun(s, r)
	if *compareDir != "" {
		e.compare(t, s, run, e.committed)
	}
	e.Runs = append(e.Runs, run)
	if *evidenceDir == "" {
		return
	}
	file := filepath.Join(*evidenceDir, e.Part+".json")
	if before := e.before; maps.Equal(before.Versions, e.Versions) {
		e.Runs[len(e.Runs)-1] = before.counted(run)
		for _, r := range before.Runs {
			if before.Date == e.Date && slices.Contains(e.scenarios, r.ID) && !slices.ContainsFunc(e.Runs, func(s evidenceRun) bool { return s.ID == r.ID }) {
				e.Runs = append(e.Runs, r)
			}
		}
	}
	slices.SortFunc(e.Runs, func(a, b evidenceRun) int { return strings.Compare(a.ID, b.ID) })
	text, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(*evidenceDir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

// readEvidence reads a part's file: none of its runs if there is none.
func readEvidence(folder, part string) (e *evidence) {
	e = new(evidence)
	text, err := os.ReadFile(filepath.Join(folder, part+".json"))
	if err != nil || json.Unmarshal(text, e) != nil {
		return new(evidence)
	}
	return e
}

// counted is a run after those of the same that are there.
func (e *evidence) counted(run evidenceRun) evidenceRun {
	for _, r := range e.Runs {
		if r.ID == run.ID && r.What == run.What && maps.Equal(r.Versions, run.Versions) {
			return run.after(r)
		}
	}
	return run
}

// report prints the runs, when all have ended.
func (e *evidence) report(t *testing.T) {
	for _, r := range e.Runs {
		t.Logf("%-32s %4d put %4d raw %4d delivered %4d lost %4d twice  %s", r.ID, r.Put, r.Raw, r.Delivered, r.Lost, r.Twice, r.Refused)
	}
	if len(e.Runs) < len(e.scenarios) {
		t.Logf("%d of %d runs", len(e.Runs), len(e.scenarios))
	}
}
