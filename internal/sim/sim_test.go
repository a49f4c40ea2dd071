package sim_test

import (
	"testing"

	"github.com/kplkit/kplkit/internal/sim"
)

func TestRawSDKLosesNothing(t *testing.T) {
	sim.Worlds(t, 40, sim.Usual(), func(w *sim.World) {
		if err := journey(w, none); err != nil {
			w.T.Error(err)
		}
	})
}

func TestReplayIsIdentical(t *testing.T) {
	runs := map[uint64][]uint64{}
	for seed := range uint64(3) {
		sim.Replay(t, seed, sim.Usual(), func(w *sim.World) {
			_ = journey(w, none)
			runs[seed] = append(runs[seed], w.TraceHash())
		})
	}
	if runs[0][0] != runs[0][1] || runs[0][0] == runs[1][0] {
		t.Errorf("hashes of the traces, two for each seed: %x", runs)
	}
}

// A world that does not find these is no test.
func TestMistakesAreFound(t *testing.T) {
	for _, m := range []mistake{forgetsChildren, jumpsToLatest, checkpointsFirst, trustsPutRecords} {
		t.Run(string(m), func(t *testing.T) {
			const worlds = 100
			for seed := range uint64(worlds) {
				var err error
				sim.Run(t, seed, sim.Usual(), func(w *sim.World) { err = journey(w, m) })
				if err != nil {
					t.Logf("found in world %d: %v", seed, err)
					return
				}
			}
			t.Errorf("not found in %d worlds", worlds)
		})
	}
}
