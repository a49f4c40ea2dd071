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
	Seed     int               `json:"seed"`
	Versions map[string]string `json:"versions"`
	Runs     []evidenceRun     `json:"runs"`

	mu        sync.Mutex
	scenarios int
}

type evidenceRun struct {
	ID       string            `json:"id"`
	What     string            `json:"what"`
	Versions map[string]string `json:"versions,omitempty"`
	ledger
}

func newEvidence(p part) *evidence {
	versions := merged(map[string]string{"Kinesis": "kplkit", "DynamoDB": "dynalite 4.0.0"}, p.versions)
	if p.kpl != "" {
		versions["KPL"] = p.kpl
	}
	maps.DeleteFunc(versions, func(_, version string) bool { return version == "" }) // what it does without
	return &evidence{
		V: 1, Part: p.name, Date: time.Now().UTC().Format(time.DateOnly), Seed: 1, Versions: versions, scenarios: len(p.scenarios),
	}
}

func (e *evidence) add(s scenario, l ledger) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.Runs = append(e.Runs, evidenceRun{ID: s.id, What: s.what, Versions: s.versions, ledger: l})
}

// write writes the file if that was asked for, all runs ran, and nothing has failed.
func (e *evidence) write(t *testing.T) {
	slices.SortFunc(e.Runs, func(a, b evidenceRun) int { return strings.Compare(a.ID, b.ID) })
	for _, r := range e.Runs {
		t.Logf("%-32s %4d put %4d raw %4d delivered %4d lost %4d twice  %s", r.ID, r.Put, r.Raw, r.Delivered, r.Lost, r.Twice, r.Refused)
	}
	if *evidenceDir == "" || t.Failed() || len(e.Runs) != e.scenarios {
		return
	}
	text, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(*evidenceDir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*evidenceDir, e.Part+".json"), append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

// merged returns the union of both; what is in over counts.
func merged(under, over map[string]string) map[string]string {
	all := map[string]string{}
	maps.Copy(all, under)
	maps.Copy(all, over)
	return all
}
