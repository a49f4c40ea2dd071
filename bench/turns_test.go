package bench

import (
	"flag"
	"slices"
	"testing"
	"time"
)

var only = flag.String("only", "", "the one contender of a benchmark that runs, for a profile without the others")

// byTurns runs all contenders in each round, one after the other, so that all meet the same machine, and reports the CPU time
// of the process for each record, all threads, and how many times as fast as the first contender each is: medians over the
// rounds. A contender starts without garbage and pays for the collections that it causes.
func byTurns(b *testing.B, records int, contenders ...contender) {
	contenders = slices.DeleteFunc(contenders, func(c contender) bool { return *only != "" && c.name != *only })
	spent := turns(b, 0, contenders)
	for i, c := range contenders {
		b.ReportMetric(spent[i].per(records).median, c.name+"-ns/record")
		if i > 0 {
			b.ReportMetric(spent[0].over(spent[i]).median, c.name+"-times-"+contenders[0].name)
		}
	}
}

// turns is takeTurns in as many rounds as a benchmark has.
func turns(b *testing.B, each time.Duration, contenders []contender) []spendings {
	spent := make([]spendings, len(contenders))
	for b.Loop() {
		for i, c := range contenders {
			spent[i] = append(spent[i], c.measure(each))
		}
	}
	b.ReportMetric(0, "ns/op")
	return spent
}

// times repeats run.
func times(n int, run func()) func() {
	return func() {
		for range n {
			run()
		}
	}
}
