package kplkit_test

import (
	"fmt"
	"strings"
	"testing"
)

// fiveKillsEvidence is interop/evidence/kills.json.
type fiveKillsEvidence struct {
	Date  string
	Cores int
	Load  float64
	Kills []killing
}

func readFiveKills(t *testing.T) (e fiveKillsEvidence) {
	readEvidence(t, "interop/evidence/kills.json", &e)
	return e
}

// parent names who started the child.
func (k killing) parent() string {
	if strings.Contains(k.Wrapper, ".") {
		return "Java wrapper " + k.Wrapper
	}
	return "our client for " + k.Wrapper
}

// TestFiveKills holds what docs/separate-process.md promises of kplkit's clients to the counts.
func TestFiveKills(t *testing.T) {
	e, seen := readFiveKills(t), ""
	for _, k := range e.Kills {
		seen += k.parent() + ", "
		ours := !strings.HasPrefix(k.parent(), "Java")
		if k.Kills != 5 || k.Put == 0 || k.lost() > 0 || k.Silent > 0 || k.Stored+k.Failed+k.Refused != k.Put {
			t.Errorf("%s: %+v", k.parent(), k)
		}
		if ours && (k.Stored != k.Put || k.NextResult.Median > 100 && e.Load <= float64(2*e.Cores)) {
			t.Errorf("%s: %d of %d stored, works again after %d ms", k.parent(), k.Stored, k.Put, k.NextResult.Median)
		}
	}
	if want := "our client for Go, our client for Python, our client for Node, Java wrapper 1.0.7, Java wrapper 0.14.13, "; seen != want {
		t.Errorf("killed were the children of %s want %s", seen, want)
	}
}

func (e fiveKillsEvidence) table() string {
	b := table("parent", "kills", "put", "stored", "failed", "refused", "lost", "stored twice", "next result after, ms (median, most)", "a later put stored after")
	for _, k := range e.Kills {
		b.row(k.parent(), k.Kills, k.Put, k.Stored, k.Failed, k.Refused, k.lost(), k.Stream.Twice, k.NextResult, k.WorksAfter)
	}
	fmt.Fprintf(b, "\n%s, on %d cores that %.0f processes wanted.\n", e.Date, e.Cores, e.Load)
	return b.String()
}
