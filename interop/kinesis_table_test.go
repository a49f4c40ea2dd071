package interop

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// kinesisTable is the Markdown table of all cases, a column per emulator, and the reasons of the deviations.
type kinesisTable struct {
	head    []string
	rows    [][]string
	reasons []string
}

func newKinesisTable() *kinesisTable {
	table := &kinesisTable{head: []string{"operation", "what is compared", "AWS"}}
	for _, test := range kinesisCases {
		table.rows = append(table.rows, []string{test.operation, test.what, test.aws})
	}
	return table
}

// column opens a column and returns what fills it, case by case.
func (table *kinesisTable) column(name string, versions map[string]string) func(test kinesisCase, saw string, known deviation, listed bool) {
	table.head = append(table.head, strings.Join(append([]string{name}, slices.Sorted(maps.Values(versions))...), " "))
	i := 0
	return func(test kinesisCase, saw string, known deviation, listed bool) {
		cell := "same"
		if saw != test.aws {
			cell = saw
		}
		if listed {
			cell += fmt.Sprintf(" (%d)", table.footnote(name+": "+known.reason))
		}
		table.rows[i] = append(table.rows[i], cell)
		i++
	}
}

// footnote returns the number of a reason, from 1.
func (table *kinesisTable) footnote(reason string) int {
	if i := slices.Index(table.reasons, reason); i >= 0 {
		return i + 1
	}
	table.reasons = append(table.reasons, reason)
	return len(table.reasons)
}

func (table *kinesisTable) String() string {
	var b strings.Builder
	line := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	line(table.head)
	fmt.Fprintf(&b, "|%s\n", strings.Repeat("---|", len(table.head)))
	for _, row := range table.rows {
		line(row)
	}
	b.WriteByte('\n')
	for i, reason := range table.reasons {
		fmt.Fprintf(&b, "%d. %s\n", i+1, reason)
	}
	return b.String()
}

// write prints the table, and writes it beside the evidence if that was asked for and nothing has failed.
func (table *kinesisTable) write(t *testing.T, part string) {
	t.Logf("\n%s", table)
	if *evidenceDir == "" || t.Failed() {
		return
	}
	if err := os.WriteFile(filepath.Join(*evidenceDir, part+".md"), []byte(table.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
