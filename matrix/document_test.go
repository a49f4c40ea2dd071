package matrix

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the rows and the runs into docs/matrix.md and README.md")

// TestDocument: docs/matrix.md and README.md have the rows that the code applies, and the runs that are embedded.
func TestDocument(t *testing.T) {
	for file, blocks := range map[string]map[string]string{
		"../docs/matrix.md": {
			"2015": table2015(), "page": tablePage(), "today": tableToday(), "read": tableRead(), "besides": tableConditions(),
			"ages":    tableAges(),
			"reshard": tableEvidence("reshard"), "runs": tableEvidence(""),
		},
		"../README.md": {"matrix": tableReadme()},
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		written := string(text)
		for name, want := range blocks {
			written = replaceBlock(t, file, written, name, want)
		}
		switch {
		case written == string(text):
		case *update:
			if err := os.WriteFile(file, []byte(written), 0o666); err != nil {
				t.Fatal(err)
			}
		default:
			t.Errorf("%s differs from the rows and runs: go test ./matrix -run TestDocument -update", file)
		}
	}
}

// replaceBlock replaces what stands between the marks of a block.
func replaceBlock(t *testing.T, file, text, name, with string) string {
	begin, end := "<!-- "+name+" -->\n", "<!-- /"+name+" -->"
	before, rest, opened := strings.Cut(text, begin)
	_, after, closed := strings.Cut(rest, end)
	if !opened || !closed {
		t.Fatalf("%s lacks %q … %q", file, begin, end)
	}
	return before + begin + "\n" + with + "\n" + end + after
}

// tablePage has the rows in which the runs say more than AWS's page, or something else.
func tablePage() string {
	var b strings.Builder
	heading(&b, "row", "AWS's page", "the runs")
	for i, r := range Rows(Year2015) {
		if page := rows2015[i].page; page != "" {
			cells(&b, r.Rule, page, r.AtStake)
		}
	}
	return b.String()
}

// tableEvidence has the runs whose ids begin with prefix.
func tableEvidence(prefix string) string {
	var b strings.Builder
	heading(&b, "run", "what", "put", "raw", "delivered", "lost", "twice", "refused", "date", "versions")
	for _, e := range embedded() {
		if !strings.HasPrefix(e.ID, prefix) {
			continue
		}
		cells(&b, e.ID, e.What, fmt.Sprint(e.Counts.Put), fmt.Sprint(e.Counts.Raw), fmt.Sprint(e.Counts.Delivered), fmt.Sprint(e.Counts.Lost), fmt.Sprint(e.Counts.Twice),
			e.Counts.Refused, e.Date, versionsOf(e))
	}
	return b.String()
}

// tableAges tells what came out after a split, by how old the list of the shards was.
func tableAges() string {
	var b strings.Builder
	heading(&b, "producer", "worker", "KCL 1.14.10", "KCL 2.7.2", "KCL 3.5.1")
	for _, producer := range []string{"KPL 1.0.7", "KPL 0.14.13", "kplkit"} {
		for _, age := range []string{"old", "restarted", "fresh", "young"} {
			worker := map[string]string{
				"old": "had read for 45 s when shards were split", "restarted": "starts afterwards, on the leases of one that stopped before",
				"fresh": "starts afterwards, without leases, at TRIM_HORIZON", "young": "had read for less than 20 s when shards were split",
			}[age]
			row := []string{producer, worker}
			for _, kcl := range agedKCLs {
				e, _ := runOf("reshard-ages/split/" + strings.ToLower(strings.Replace(producer, " ", "-", 1)) + "/kcl-" + kcl + "-" + age)
				row = append(row, e.Counts.String())
			}
			cells(&b, row...)
		}
	}
	return b.String()
}

// versionsOf returns the versions of a run in one line.
func versionsOf(e Evidence) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(e.Versions)) {
		parts = append(parts, name+" "+e.Versions[name])
	}
	return strings.Join(parts, ", ")
}

// tableReadme is the short one for readers who know AWS's page.
func tableReadme() string {
	var b strings.Builder
	heading(&b, "row", "producer", "consumer", "checkpoint", "aggregation", "a run that ignored it")
	for _, r := range Rows(Year2015) {
		first, _, _ := strings.Cut(r.Ignored, " / ")
		cells(&b, strings.TrimPrefix(r.Rule, "row-"), r.Producer, r.Consumer, r.Checkpoint, string(r.Aggregation), first)
	}
	return b.String()
}
