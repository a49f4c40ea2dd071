package sim

import (
	"flag"
	"fmt"
	"testing"
)

// The flags are the package's, not a test's, so that every test with worlds has the same ones.
var (
	seedFlag   = flag.Uint64("sim.seed", 0, "run the world of this `seed`; with -sim.worlds, the first one")
	worldsFlag = flag.Int("sim.worlds", 0, "run `N` worlds instead of the test's own number")
	traceFlag  = flag.Bool("sim.trace", false, "print the trace of a world that fails")
)

// Worlds runs fn in n worlds, each in a subtest; in a tenth of them under the race detector, which takes ten times as
// long. To use several cores, start several processes with other seeds.
func Worlds(t *testing.T, n int, f Faults, fn func(*World)) {
	t.Helper()
	first, n := seeds(n)
	for seed := first; seed < first+uint64(n); seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { Run(t, seed, f, fn) })
	}
}

// seeds applies the flags to a test's number of worlds.
func seeds(n int) (first uint64, count int) {
	if RaceDetector {
		n = (n + 9) / 10
	}
	if *seedFlag != 0 {
		n = 1
	}
	if *worldsFlag != 0 {
		n = *worldsFlag
	}
	return max(1, *seedFlag), n
}

// Replay runs the world of a seed twice and shows the first event in which the second run differs from the first.
func Replay(t *testing.T, seed uint64, f Faults, fn func(*World)) {
	t.Helper()
	var traces [2][]Event
	for i := range traces {
		traces[i] = run(t, seed, f, fn).Trace()
	}
	if d := firstDifference(traces[0], traces[1]); d != "" {
		t.Errorf("the world of seed %d went another way when it ran again: %s", seed, d)
	}
}

// firstDifference tells where two traces part, "" if they do not.
func firstDifference(a, b []Event) string {
	at := func(trace []Event, i int) string {
		if i < len(trace) {
			return trace[i].String()
		}
		return "(the end)"
	}
	for i := range max(len(a), len(b)) {
		if x, y := at(a, i), at(b, i); x != y {
			return fmt.Sprintf("event %d was\n%s\nand then\n%s", i, x, y)
		}
	}
	return ""
}
