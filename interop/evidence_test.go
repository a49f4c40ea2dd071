package interop

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	seed        = flag.Uint64("seed", 1, "what is generated is drawn from it")
	evidenceDir = flag.String("evidence", "", "write what was found to this folder")
)

// evidence is what a part found, and the file that it leaves behind.
type evidence struct {
	V        int            `json:"v"`
	Part     string         `json:"part"`
	Date     string         `json:"date"`
	Seed     uint64         `json:"seed,omitempty"`
	Input    map[string]int `json:"input"`              // how much was compared, by kind
	Outcomes map[string]int `json:"outcomes,omitempty"` // what became of it, by kind
	Results  []*comparison  `json:"results"`
}

// comparison counts how one peer compares with kplkit.
type comparison struct {
	Peer      string            `json:"peer"`
	Versions  map[string]string `json:"versions,omitempty"`
	Compared  int               `json:"compared"`
	Equal     int               `json:"equal"`
	Different int               `json:"different"`
}

// newEvidence starts the evidence of a part. seed is 0 where nothing is drawn.
func newEvidence(part string, seed uint64) *evidence {
	return &evidence{
		V: 1, Part: part, Date: time.Now().UTC().Format(time.DateOnly), Seed: seed,
		Input: map[string]int{}, Outcomes: map[string]int{},
	}
}

func (e *evidence) comparison(peer string, versions map[string]string) *comparison {
	c := &comparison{Peer: peer, Versions: versions}
	e.Results = append(e.Results, c)
	return c
}

func (c *comparison) count(equal bool) {
	c.Compared++
	if equal {
		c.Equal++
	} else {
		c.Different++
	}
}

// shownDifferences is how many differences are shown in full: the rest are counted.
const shownDifferences = 5

// compare counts want and got, and shows them if they differ.
func (c *comparison) compare(t *testing.T, what any, want, got []userRecord) {
	t.Helper()
	equal := reflect.DeepEqual(want, got)
	c.count(equal)
	if !equal && c.Different <= shownDifferences {
		t.Errorf("%s differs (- ours, + theirs) on %+v\n%s", c.Peer, what, cmp.Diff(want, got))
	}
}

// report prints the counts, and writes the file.
func (e *evidence) report(t *testing.T) {
	for _, counts := range []map[string]int{e.Input, e.Outcomes} {
		for _, kind := range slices.Sorted(maps.Keys(counts)) {
			t.Logf("%-40s %8d", kind, counts[kind])
		}
	}
	for _, c := range e.Results {
		t.Logf("%-40s %8d compared, %d equal, %d different", c.Peer, c.Compared, c.Equal, c.Different)
	}
	writeEvidence(t, e.Part, e)
}

// writeEvidence writes a part's file, if that was asked for and nothing has failed.
func writeEvidence(t *testing.T, part string, evidence any) {
	if *evidenceDir == "" || t.Failed() {
		return
	}
	text, err := json.MarshalIndent(evidence, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*evidenceDir, part+".json"), append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}
