package scale

import (
	"testing"

	"github.com/kplkit/kplkit/internal/sim"
)

// TestScale runs every scenario at each of its sizes and holds kplkit's figures against the goals.
func TestScale(t *testing.T) {
	for _, s := range scenarios {
		sizes, compared := s.short, engines[:1]
		if *full {
			sizes, compared = s.full, engines
		}
		if sim.RaceDetector && len(sizes) > 1 {
			t.Logf("%s: under the race detector, one size of %d", s.name, len(sizes))
			sizes = sizes[len(sizes)-1:]
		}
		if len(sizes) == 0 {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			var rows []row
			for _, size := range sizes {
				for _, e := range compared {
					if size.alone && e.name != "kplkit" {
						continue
					}
					t.Run(size.String()+" "+e.name, func(t *testing.T) {
						f := measure(t, s, size, e)
						rows = append(rows, row{e.name, f})
						t.Log(rows[len(rows)-1].line(s.columns)) // the tables come at the end, which may be an hour away
						if e.name == "kplkit" {
							check(t, s.name, f)
						}
					})
				}
			}
			publish(t, s, rows)
		})
	}
}

// measure runs a scenario in a world of its own.
func measure(t *testing.T, s scenario, size size, e engine) (f figures) {
	sim.RunLarge(t, faults, func(w *sim.World) { f = s.run(newFleet(w, e), size) })
	f.size = size
	return f
}

// check fails the test for each goal that is missed.
func check(t *testing.T, scenario string, f figures) {
	for _, g := range goals {
		if (g.scenario == "" || g.scenario == scenario) && !g.met(f) {
			t.Errorf("missed: %s", g.says)
		}
	}
}
