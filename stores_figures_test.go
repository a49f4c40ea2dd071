package kplkit_test

import (
	"fmt"
	"maps"
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
	var e storesEvidence
	readEvidence(t, "interop/evidence/stores.json", &e)
	const file = "docs/migration.md"
	outside := strings.Replace(holdBlocks(t, file, map[string]string{"stores": e.table()}), e.table(), "", 1)
	for _, r := range e.Runs {
		for _, statement := range []string{r.Statement, r.Back} {
			if !strings.Contains(outside, statement) {
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
