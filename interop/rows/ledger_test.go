package rows

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/interop/servers"
)

var evidenceDir = flag.String("evidence", "", "write what was found to this folder")

// ledger is what became of the user records of a run.
type ledger struct {
	Put       int    `json:"put"`       // the producer was told that they are stored
	Raw       int    `json:"raw"`       // deliveries that were still aggregates
	Delivered int    `json:"delivered"` // distinct ones
	Lost      int    `json:"lost"`      // put, never delivered
	Twice     int    `json:"twice"`     // deliveries beyond the first of each
	Refused   string `json:"refused"`   // the error, if a worker did not start or a checkpoint was refused
}

// newLedger compares what was put with what was delivered, by all workers together.
func newLedger(stored []string, delivered []event, refused string) ledger {
	l := ledger{Put: len(stored), Refused: refused}
	times := map[string]int{}
	for _, e := range delivered {
		times[string(e.Record)]++
		if _, err := deagg.Parse(deagg.StoredRecord{Data: e.Record}); err == nil {
			l.Raw++
		}
	}
	for _, text := range stored {
		if n := times[text]; n > 0 {
			l.Delivered++
			l.Twice += n - 1
		}
	}
	l.Lost = l.Put - l.Delivered
	return l
}

// add adds what became of another stream's.
func (l *ledger) add(m ledger) {
	l.Put, l.Raw, l.Delivered, l.Lost, l.Twice = l.Put+m.Put, l.Raw+m.Raw, l.Delivered+m.Delivered, l.Lost+m.Lost, l.Twice+m.Twice
	if l.Refused == "" {
		l.Refused = m.Refused
	}
}

// evidence is a part's file in the folder matrix/evidence.
type evidence struct {
	V        int               `json:"v"`
	Part     string            `json:"part"`
	Date     string            `json:"date"`
	Seed     int               `json:"seed"` // 0: nothing is drawn
	Versions map[string]string `json:"versions"`
	Runs     []evidenceRun     `json:"runs"`

	mu        sync.Mutex
	scenarios []string // all that the part has
}

type evidenceRun struct {
	ID       string            `json:"id"`
	What     string            `json:"what"`
	Versions map[string]string `json:"versions,omitempty"`
	ledger
}

func newEvidence(t *testing.T, p part) *evidence {
	versions := merged(map[string]string{"Kinesis": "kplkit", "DynamoDB": "dynalite " + servers.NPMVersion(t, cache, "dynalite", "dynalite")}, p.versions)
	if p.kpl != "" {
		versions["KPL"] = p.kpl
	}
	maps.DeleteFunc(versions, func(_, version string) bool { return version == "" }) // what it does without
	e := &evidence{V: 1, Part: p.name, Date: time.Now().UTC().Format(time.DateOnly), Versions: versions}
	for _, s := range p.scenarios {
		e.scenarios = append(e.scenarios, s.id)
	}
	return e
}

// add adds a run that has passed, and writes the file if that was asked for. Beside the runs so far it gets those that
// it has of today on the same versions: so a run that failed, on a busy machine say, can be run again by itself.
func (e *evidence) add(t *testing.T, s scenario, l ledger) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.Runs = slices.DeleteFunc(e.Runs, func(r evidenceRun) bool { return r.ID == s.id }) // read from the file
	e.Runs = append(e.Runs, evidenceRun{ID: s.id, What: s.what, Versions: s.versions, ledger: l})
	if *evidenceDir == "" {
		return
	}
	file := filepath.Join(*evidenceDir, e.Part+".json")
	var before evidence
	if text, err := os.ReadFile(file); err == nil && json.Unmarshal(text, &before) == nil &&
		before.Date == e.Date && maps.Equal(before.Versions, e.Versions) {
		for _, r := range before.Runs {
			if slices.Contains(e.scenarios, r.ID) && !slices.ContainsFunc(e.Runs, func(s evidenceRun) bool { return s.ID == r.ID }) {
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

// report prints the runs, when all have ended.
func (e *evidence) report(t *testing.T) {
	for _, r := range e.Runs {
		t.Logf("%-32s %4d put %4d raw %4d delivered %4d lost %4d twice  %s", r.ID, r.Put, r.Raw, r.Delivered, r.Lost, r.Twice, r.Refused)
	}
	if len(e.Runs) < len(e.scenarios) {
		t.Logf("%d of %d runs", len(e.Runs), len(e.scenarios))
	}
}

// merged returns the union of both; what is in over counts.
func merged(under, over map[string]string) map[string]string {
	all := map[string]string{}
	maps.Copy(all, under)
	maps.Copy(all, over)
	return all
}
