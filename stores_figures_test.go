package kplkit_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// storesEvidence is interop/evidence/stores.json.
type storesEvidence struct {
	Date            string
	Versions        map[string]string
	Put, Aggregates int
	Runs            []storesRun
}

// storesRun is harlow with one store. interop/stores_test.go says what its numbers are.
type storesRun struct {
	Store, Column, Statement, Back, Positions string

	SQLMode              string `json:"sql_mode"`
	Lost, Twice, Refused int
}

// TestStoreFigures: the figures of stores of positions in docs/migration.md are what interop/run.sh --evidence stores found,
// the statements are those that were run, and with digits, or with texts in a column of texts, nothing is lost or comes twice.
func TestStoreFigures(t *testing.T) {
	text, err := os.ReadFile("interop/evidence/stores.json")
	if err != nil {
		t.Fatal(err)
	}
	var e storesEvidence
	if err := json.Unmarshal(text, &e); err != nil {
		t.Fatal(err)
	}
	const file, begin, end = "docs/migration.md", "<!-- stores -->\n", "<!-- /stores -->"
	text, err = os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, opened := strings.Cut(string(text), begin)
	_, after, closed := strings.Cut(rest, end)
	if !opened || !closed {
		t.Fatalf("%s lacks %q … %q", file, begin, end)
	}
	if written := before + begin + e.table() + end + after; written != string(text) {
		if !*update {
			t.Errorf("%s differs from interop/evidence: go test -run TestStoreFigures . -update", file)
		} else if err := os.WriteFile(file, []byte(written), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range e.Runs {
		for _, statement := range []string{r.Statement, r.Back} {
			if !strings.Contains(before+after, statement) {
				t.Errorf("%s does not have the statement that was run: %s", file, statement)
			}
		}
		holds := r.Statement != "" || r.Back != "" || r.Positions == "digits"
		if exact := r.Lost+r.Twice+r.Refused == 0; exact != holds {
			t.Errorf("%+v", r)
		}
	}
}

func (e storesEvidence) table() string {
	b := table("store and column", "positions", "lost", "twice", "writes refused")
	for _, r := range e.Runs {
		where := r.Store + ", " + r.Column
		if r.SQLMode != "" {
			where += ", sql_mode " + r.SQLMode
		}
		how := r.Positions
		if r.Back != "" {
			how += " after the UPDATE"
		}
		b.row(where, how, r.Lost, r.Twice, r.Refused)
	}
	var versions []string
	for _, name := range slices.Sorted(maps.Keys(e.Versions)) {
		versions = append(versions, fmt.Sprintf("%s: %s", name, e.Versions[name]))
	}
	fmt.Fprintf(b, "\nOf %d user records, in %d aggregates. %s. Versions: %s.\n", e.Put, e.Aggregates, e.Date, strings.Join(versions, "; "))
	return b.String()
}
