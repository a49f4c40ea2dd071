package matrix

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kplkit/kplkit/kclcompat"
)

const somePart = `{"v":1,"part":"kcl-9.9.9","date":"2026-11-26","seed":7,"versions":{"KCL":"9.9.9","Java":"17"},"runs":[
{"id":"none/inside-batch","what":"a run","put":100,"raw":0,"delivered":45,"lost":55,"twice":0,"refused":""},
{"id":"raw","what":"a run","put":100,"raw":10,"delivered":4,"lost":96,"twice":0,"refused":"","versions":{"Java":"8"}}]}`

func TestReadPart(t *testing.T) {
	runs, err := readPart("kcl-9.9.9", []byte(somePart))
	if err != nil || len(runs) != 2 {
		t.Fatal(runs, err)
	}
	e := runs[1]
	if e.ID != "kcl-9.9.9/raw" || e.Kind != "run" || e.Date != "2026-11-26" || e.Seed != 7 || e.Versions["Java"] != "8" || e.Versions["KCL"] != "9.9.9" || e.Counts.String() != "96 of 100 raw" {
		t.Errorf("%+v %+v", e, e.Counts)
	}
	if runs[0].Versions["Java"] != "17" {
		t.Errorf("a run's own versions are another's, too: %v", runs[0].Versions)
	}
	for _, change := range [][2]string{
		{`"v":1`, `"v":2`}, {"2026-11-26", ""}, {`"lost":55`, `"lost":54`}, {"kcl-9.9.9", "kcl-9.9.8"}, {`"id":"raw"`, `"id":""`}, {`"id":"raw"`, `"id":"none/inside-batch"`}, {`"id":"raw"`, `"id":"a"`}, {"{", "["},
	} {
		if runs, err := readPart("kcl-9.9.9", []byte(strings.Replace(somePart, change[0], change[1], 1))); err == nil {
			t.Errorf("with %q for %q it is read as %v", change[1], change[0], runs)
		}
	}
}

// everyEvidence is all that verdicts and conditions can show: the runs, and what was read.
func everyEvidence() []Evidence {
	all := Runs()
	for _, set := range []RuleSet{Today, Year2015} {
		for _, r := range Rows(set) {
			all = append(all, r.Evidence...)
		}
		for _, c := range Conditions(set) {
			all = append(all, c.Evidence...)
		}
	}
	return all
}

// TestEvidencePrints: whatever prints a piece of evidence shows which it is, and how it ended or where it was read.
func TestEvidencePrints(t *testing.T) {
	kinds := map[string]int{}
	for _, e := range everyEvidence() {
		kinds[e.Kind]++
		says := e.Source
		if e.Kind == "run" {
			says = e.Counts.String()
		}
		for _, text := range []string{e.String(), fmt.Sprintf("%v", e), fmt.Sprintf("%+v", []Evidence{e}), fmt.Sprint(&e)} {
			if !strings.Contains(text, e.ID) || !strings.Contains(text, says) || strings.Contains(text, "PANIC") {
				t.Errorf("%s prints as %s", e.ID, text)
			}
		}
	}
	if kinds["run"] < 100 || kinds["read"] == 0 || len(kinds) != 2 {
		t.Errorf("printed: %v", kinds)
	}
}

// TestEvidenceJSON: a run has its counts among its fields, zeros too, and what was read has none; both read back.
func TestEvidenceJSON(t *testing.T) {
	for _, e := range everyEvidence() {
		text, err := json.Marshal(e)
		var back Evidence
		if err == nil {
			err = json.Unmarshal(text, &back)
		}
		if diff := cmp.Diff(e, back); err != nil || diff != "" {
			t.Errorf("%s: %v %s", text, err, diff)
		}
		if run := e.Kind == "run"; strings.Contains(string(text), `,"put":`) != run || strings.Contains(string(text), `,"refused":`) != run {
			t.Errorf("%s", text)
		}
	}
	text, _ := json.Marshal(Evidence{Kind: "run", ID: "a/b", Date: "2026-11-26", Counts: Counts{Put: 2, Delivered: 2}})
	if want := `{"kind":"run","id":"a/b","date":"2026-11-26","put":2,"raw":0,"delivered":2,"lost":0,"twice":0,"refused":""}`; string(text) != want {
		t.Errorf("%s, want %s", text, want)
	}
}

func TestCounts(t *testing.T) {
	for want, c := range map[string]Counts{
		"all 104 once":              {Put: 104, Delivered: 104},
		"55 of 104 lost":            {Put: 104, Delivered: 49, Lost: 55},
		"5 of 104 lost, 4 twice":    {Put: 104, Delivered: 99, Lost: 5, Twice: 4},
		"refused":                   {Put: 104, Lost: 104, Refused: "leaseCounter must not be null"},
		"73 of 104 stuck, an error": {Put: 104, Delivered: 31, Lost: 73, Refused: "panic"},
		"4 of 104 twice, an error":  {Put: 104, Delivered: 104, Twice: 4, Refused: "as it did not fall into acceptable range"},
	} {
		if got := c.String(); got != want {
			t.Errorf("%+v: %q, want %q", c, got, want)
		}
	}
}

// TestRangeOfRepeats: runs that repeat more or less are told in one; a run that loses is none of them.
func TestRangeOfRepeats(t *testing.T) {
	runs := []Evidence{{Counts: Counts{Put: 9, Delivered: 9, Twice: 4}}, {Counts: Counts{Put: 9, Delivered: 9, Twice: 2}}, {Counts: Counts{Put: 9, Delivered: 9, Twice: 7}}}
	if got := rangeOfRepeats(runs); got != "2 to 7 of 9 twice" {
		t.Error(got)
	}
	runs[1].Counts.Delivered, runs[1].Counts.Lost = 8, 1
	if got := rangeOfRepeats(runs); got != "" {
		t.Error(got)
	}
}

// TestVerdictTakesCountsFromRuns: with other runs the same row says other numbers.
func TestVerdictTakesCountsFromRuns(t *testing.T) {
	original := embedded
	defer func() { embedded = original }()
	lost, _ := readPart("kcl-9.9.9", []byte(somePart))
	lost[0].ID = "kcl-2.7.2/none/inside-batch"
	embedded = func() []Evidence { return lost[:1] }
	v := Check(Today, Java(), Consumer{Language: "java", Via: KCL, KCL: Version{2, 7}, Checkpoint: kclcompat.NoArguments})
	if !strings.Contains(v.AtStake, "55 of 100 lost") || len(v.Evidence) == 0 || v.Evidence[0].ID != lost[0].ID {
		t.Errorf("%+v", v)
	}
}

// TestVariants: of several releases the verdict shows the runs of the nearest, as kclcompat chooses.
func TestVariants(t *testing.T) {
	releases := []string{"1.4.0", "1.14.10", "2.7.2", "3.5.1"}
	for _, tt := range []struct {
		c    Consumer
		want []string
	}{
		{Consumer{KCL: Version{1, 4}}, []string{"kcl-1.4.0/a"}},
		{Consumer{KCL: Version{1, 9}}, []string{"kcl-1.4.0/a"}},
		{Consumer{KCL: Version{1, 15}}, []string{"kcl-1.14.10/a"}},
		{Consumer{KCL: Version{1, 2}}, []string{"kcl-1.4.0/a"}},
		{Consumer{KCL: Version{2, 1}}, []string{"kcl-2.7.2/a"}},
		{Consumer{}, []string{"kcl-1.4.0/a", "kcl-1.14.10/a", "kcl-2.7.2/a", "kcl-3.5.1/a"}},
	} {
		if got := runsOf([]string{"kcl-*/a"}, releases, tt.c); !slices.Equal(got, tt.want) {
			t.Errorf("%v: %v, want %v", tt.c.KCL, got, tt.want)
		}
	}
}
