package kplkit_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what was measured into docs/separate-process.md")

// killing is what a run in interop found that kills the child of a parent. interop/daemon_kill_test.go says what its numbers are.
type killing struct {
	Wrapper    string
	Child      string
	Kills      int
	RefusedFor times `json:"refused_for_ms"`
	NextResult times `json:"next_result_ms"`
	WorksAfter times `json:"works_after_ms"`

	Put, Stored, Failed, Refused, Silent, Elsewhere int
	KCL, Decoder, Stream                            struct{ Lost, Twice int }
}

type times struct{ Median, Most int }

// lost counts what was acknowledged and any of the readers never gets.
func (k killing) lost() int {
	return max(k.KCL.Lost, k.Decoder.Lost, k.Stream.Lost, k.Elsewhere)
}

// parent names who started the child.
func (k killing) parent() string {
	if strings.Contains(k.Wrapper, ".") {
		return "Java wrapper " + k.Wrapper
	}
	return "our client for " + k.Wrapper
}

// TestMeasuredKills: the tables of kills in docs/separate-process.md are what interop/run.sh has measured.
func TestMeasuredKills(t *testing.T) {
	const file = "docs/separate-process.md"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	written := replaceBlock(t, string(text), "daemon kills", tableKills(measuredKills(t, "daemon")))
	written = replaceBlock(t, written, "five kills", tableFiveKills(measuredKills(t, "kills")))
	switch {
	case written == string(text):
	case *update:
		if err := os.WriteFile(file, []byte(written), 0o666); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s differs from interop/evidence: go test . -run TestMeasuredKills -update", file)
	}
}

// TestFiveKills holds what docs/separate-process.md promises of kplkit's clients to the counts.
func TestFiveKills(t *testing.T) {
	m, seen := measuredKills(t, "kills"), ""
	for _, k := range m.Kills {
		seen += k.parent() + ", "
		ours := !strings.HasPrefix(k.parent(), "Java")
		if k.Kills != 5 || k.Put == 0 || k.lost() > 0 || k.Silent > 0 || k.Stored+k.Failed+k.Refused != k.Put {
			t.Errorf("%s: %+v", k.parent(), k)
		}
		if ours && (k.Stored != k.Put || k.NextResult.Median > 100 && m.Load <= float64(2*m.Cores)) {
			t.Errorf("%s: %d of %d stored, works again after %d ms", k.parent(), k.Stored, k.Put, k.NextResult.Median)
		}
	}
	if want := "our client for Go, our client for Python, our client for Node, Java wrapper 1.0.7, Java wrapper 0.14.13, "; seen != want {
		t.Errorf("killed were the children of %s want %s", seen, want)
	}
}

// measurement is the evidence of a part.
type measurement struct {
	Date  string
	Cores int
	Load  float64
	Kills []killing
}

func measuredKills(t *testing.T, part string) (m measurement) {
	text, err := os.ReadFile("interop/evidence/" + part + ".json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func tableKills(m measurement) string {
	var b strings.Builder
	b.WriteString("| wrapper, child | kills | put | stored | failed | refused | lost | refuses for, ms (median) | stores again after, ms (median, most) |\n" +
		"|---|---|---|---|---|---|---|---|---|\n")
	for _, k := range m.Kills {
		fmt.Fprintf(&b, "| %s, %s | %d | %d | %d | %d | %d | %d | %d | %d, %d |\n", k.Wrapper, k.Child, k.Kills, k.Put, k.Stored, k.Failed, k.Refused,
			k.lost(), k.RefusedFor.Median, k.WorksAfter.Median, k.WorksAfter.Most)
	}
	return b.String()
}

func tableFiveKills(m measurement) string {
	var b strings.Builder
	b.WriteString("| parent | kills | put | stored | failed | refused | lost | stored twice | next result after, ms (median, most) | a later put stored after |\n" +
		"|---|---|---|---|---|---|---|---|---|---|\n")
	for _, k := range m.Kills {
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %d | %d | %d | %d, %d | %d, %d |\n", k.parent(), k.Kills, k.Put, k.Stored, k.Failed, k.Refused,
			k.lost(), k.Stream.Twice, k.NextResult.Median, k.NextResult.Most, k.WorksAfter.Median, k.WorksAfter.Most)
	}
	fmt.Fprintf(&b, "\n%s, on %d cores that %.0f processes wanted.\n", m.Date, m.Cores, m.Load)
	return b.String()
}

// replaceBlock replaces what stands between the marks of a block.
func replaceBlock(t *testing.T, text, name, with string) string {
	begin, end := "<!-- "+name+" -->\n\n", "\n<!-- /"+name+" -->"
	before, rest, opened := strings.Cut(text, begin)
	_, after, closed := strings.Cut(rest, end)
	if !opened || !closed {
		t.Fatalf("docs/separate-process.md lacks %q … %q", begin, end)
	}
	return before + begin + with + end + after
}
