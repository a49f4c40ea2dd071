package kplkit_test

import (
	"fmt"
	"strings"
	"testing"
)

// agesRun is a run of matrix/evidence/reshard-ages.json: CHANGE/PRODUCER/READER-AGE.
type agesRun struct {
	ID               string
	Put, Lost, Twice int
	N                int
	Seen             *struct{ Lost, Twice [2]int }
}

// spans are what the runs of it have lost, and delivered twice, from the least to the most.
func (r agesRun) spans() (lost, twice [2]int) {
	if r.Seen != nil {
		return r.Seen.Lost, r.Seen.Twice
	}
	return [2]int{r.Lost, r.Lost}, [2]int{r.Twice, r.Twice}
}

// TestReshardFigures: the table of docs/reshard.md is what interop/run.sh --evidence reshard-ages found.
func TestReshardFigures(t *testing.T) {
	var e struct{ Runs []agesRun }
	readEvidence(t, "matrix/evidence/reshard-ages.json", &e)
	b := table("put by", "old or restarted", "fresh", "young")
	for _, stream := range [][2]string{
		{"split/kpl-1.0.7", "KPL 1.0.7, through a split"}, {"split/kpl-0.14.13", "KPL 0.14.13, through a split"}, {"split/kplkit", "kplkit, through a split"},
		{"merge/kpl-1.0.7", "KPL 1.0.7, through a merge"}, {"merge/kpl-0.14.13", "KPL 0.14.13, through a merge"},
	} {
		b.row(stream[1], agesCell(e.Runs, stream[0], "-old", "-restarted"), agesCell(e.Runs, stream[0], "-fresh"), agesCell(e.Runs, stream[0], "-young"))
	}
	holdBlocks(t, "docs/reshard.md", map[string]string{"ages": b.String()})
}

// agesCell is what the readers of these ages have lost of a stream, and delivered twice.
func agesCell(runs []agesRun, stream string, ages ...string) string {
	readers, lost, twice := 0, [2]int{}, [2]int{}
	for _, r := range runs {
		for _, age := range ages {
			rest, isStream := strings.CutPrefix(r.ID, stream+"/")
			if !isStream || !strings.HasSuffix(strings.TrimSuffix(rest, "-fan-out"), age) {
				continue
			}
			l, w := r.spans()
			lost, twice = with(lost, l, readers == 0), with(twice, w, readers == 0)
			readers++
		}
	}
	switch {
	case readers == 0:
		return "not run"
	case lost[1] == 0 && twice[1] == 0:
		return "each once"
	case lost[1] == 0:
		return figures(twice) + " twice"
	case twice[1] == 0:
		return figures(lost) + " lost"
	}
	return figures(lost) + " lost, " + figures(twice) + " twice"
}

func with(a, b [2]int, first bool) [2]int {
	if first {
		return b
	}
	return [2]int{min(a[0], b[0]), max(a[1], b[1])}
}

func figures(span [2]int) string {
	if span[0] == span[1] {
		return fmt.Sprint(span[0])
	}
	return fmt.Sprintf("%d to %d", span[0], span[1])
}
