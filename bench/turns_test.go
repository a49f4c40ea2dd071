package bench

import (
	"flag"
	"runtime"
	"slices"
	"testing"
)

var only = flag.String("only", "", "the one candidate of a benchmark that runs, for a profile without the others")

// candidate does the same work as others do. run does it once.
type candidate struct {
	name string
	run  func()
}

// byTurns runs all candidates in each round, one after the other, so that all meet the same machine, and reports the CPU time
// of the process for each record, all threads, and how many times as fast as the first candidate each is: medians over the
// rounds. A candidate starts without garbage and pays for the collections that it causes.
func byTurns(b *testing.B, records int, candidates ...candidate) {
	candidates = slices.DeleteFunc(candidates, func(c candidate) bool { return *only != "" && c.name != *only })
	took := make([][]float64, len(candidates))
	ratio := make([][]float64, len(candidates))
	for b.Loop() {
		for i, c := range candidates {
			runtime.GC()
			start := cpuTime()
			c.run()
			took[i] = append(took[i], float64(cpuTime()-start)/float64(records))
			ratio[i] = append(ratio[i], took[0][len(took[0])-1]/took[i][len(took[i])-1])
		}
	}
	b.ReportMetric(0, "ns/op")
	for i, c := range candidates {
		b.ReportMetric(median(took[i]), c.name+"-ns/record")
		if i > 0 {
			b.ReportMetric(median(ratio[i]), c.name+"-times-"+candidates[0].name)
		}
	}
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// times repeats run.
func times(n int, run func()) func() {
	return func() {
		for range n {
			run()
		}
	}
}
