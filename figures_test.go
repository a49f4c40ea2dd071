package kplkit_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the figures of interop/evidence into the documents")

// daemonEvidence is the part of interop/evidence/daemon.json that is in the documents.
type daemonEvidence struct {
	Date   string
	Corpus []struct {
		run
		Mode string
	}
	Kills []killing
	Costs []struct {
		run
		Bytes int
		CPU   float64 `json:"cpu_seconds_per_million"`
		Rate  float64 `json:"records_per_second"`
		Peak  float64 `json:"peak_mib"`
	}
}

// killing is a run whose child is killed. interop/daemon_kill_test.go says what its numbers are.
type killing struct {
	run
	Kills, Put, Failed, Refused, Silent, Elsewhere int

	RefusedFor times `json:"refused_for_ms"`
	NextResult times `json:"next_result_ms"`
	WorksAfter times `json:"works_after_ms"`
}

type times struct{ Median, Most int }

func (t times) String() string { return fmt.Sprintf("%d, %d", t.Median, t.Most) }

type run struct {
	Wrapper, Child string
	Stored         int
	KCL            view
	Decoder        view
	Stream         view
}

type view struct{ Lost, Twice int }

// lost counts what was acknowledged and any of the readers never gets.
func (k killing) lost() int { return max(k.KCL.Lost, k.Decoder.Lost, k.Stream.Lost, k.Elsewhere) }

func (r run) name() string { return r.Wrapper + ", " + r.Child }

// TestDaemonFigures: the tables of kplkit daemon beside the native binary, and under each parent, are what interop/run.sh
// --evidence daemon kills found.
func TestDaemonFigures(t *testing.T) {
	var e daemonEvidence
	readEvidence(t, "interop/evidence/daemon.json", &e)
	holdBlocks(t, "docs/separate-process.md", map[string]string{
		"measured": "On " + e.Date + ", on two cores that others used too:\n", "splits": e.splits(), "kills": e.kills(),
		"costs": e.costs(), "five kills": readFiveKills(t).table(),
	})
	holdBlocks(t, "bench/README.md", map[string]string{"costs": e.costs()})
}

// readEvidence reads a file of evidence.
func readEvidence(t *testing.T, file string, e any) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, e); err != nil {
		t.Fatal(err)
	}
}

// holdBlocks has a document say what blocks say, each between the two comments of its name, and returns it so: with -update it
// is written, else the test fails where it differs.
func holdBlocks(t *testing.T, file string, blocks map[string]string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	written := string(text)
	for name, want := range blocks {
		begin, end := "<!-- "+name+" -->\n", "<!-- /"+name+" -->"
		before, rest, opened := strings.Cut(written, begin)
		_, after, closed := strings.Cut(rest, end)
		if !opened || !closed {
			t.Fatalf("%s lacks %q … %q", file, begin, end)
		}
		written = before + begin + want + end + after
	}
	if written == string(text) {
		return written
	}
	if !*update {
		t.Errorf("%s differs from the evidence: go test -run %s . -update", file, t.Name())
	} else if err := os.WriteFile(file, []byte(written), 0o666); err != nil {
		t.Fatal(err)
	}
	return written
}

func (e daemonEvidence) splits() string {
	b := table("wrapper, splits", "acknowledged", "KCL 2.7.2's AggregatorUtil loses", "delivers twice", "kplkit's Decoder loses", "twice", "lie twice in the stream")
	for _, r := range e.Corpus {
		if r.Mode == "reshard" {
			b.row(r.name(), r.Stored, r.KCL.Lost, r.KCL.Twice, r.Decoder.Lost, r.Decoder.Twice, r.Stream.Twice)
		}
	}
	return b.String()
}

func (e daemonEvidence) kills() string {
	b := table("wrapper, child", "kills", "put", "stored", "failed", "refused", "lost", "refuses for, ms (median)", "stores again after, ms (median, most)")
	for _, r := range e.Kills {
		b.row(r.name(), r.Kills, r.Put, r.Stored, r.Failed, r.Refused, r.lost(), r.RefusedFor.Median, r.WorksAfter)
	}
	return b.String()
}

// costs has the native binary and kplkit daemon by turns.
func (e daemonEvidence) costs() string {
	b := table("bytes", "child", "CPU seconds per million", "records a second", "most memory (VmHWM)")
	for _, c := range e.Costs {
		b.row(c.Bytes, c.Child, fmt.Sprintf("%.1f", c.CPU), fmt.Sprintf("%.0f", c.Rate), fmt.Sprintf("%.0f MiB", c.Peak))
	}
	of := []string{" of the native binary's CPU time", " of its memory"} // is said once
	b.WriteString("\nkplkit daemon takes")
	for i := 1; i < len(e.Costs); i += 2 {
		native, ours := e.Costs[i-1], e.Costs[i]
		fmt.Fprintf(b, " %.2f%s and %.2f%s for %d bytes", ours.CPU/native.CPU, of[0], ours.Peak/native.Peak, of[1], ours.Bytes)
		b.WriteString(map[bool]string{true: ".\n", false: ","}[i == len(e.Costs)-1])
		of[0], of[1] = "", ""
	}
	return b.String()
}

// markdown is a table.
type markdown struct{ strings.Builder }

func table(heads ...any) *markdown {
	b := new(markdown)
	b.row(heads...)
	b.WriteString(strings.Repeat("|---", len(heads)) + "|\n")
	return b
}

func (b *markdown) row(cells ...any) {
	for _, c := range cells {
		fmt.Fprintf(b, "| %v ", c)
	}
	b.WriteString("|\n")
}
