package rows

import (
	"slices"
	"testing"
)

// parts are all that run.sh knows by their names.
func parts() []part {
	return slices.Concat(kclParts(), multilangParts(), sdkParts(), goParts(), []part{handOver(), reshard(), reshardAges(), reshardDaemon(), rowOne()})
}

// part is a consumer in one version, and the runs that it is put through.
type part struct {
	name      string
	kpl       string            // the version that puts; "" where nothing of Java does
	versions  map[string]string // what else it stands on, besides Kinesis and DynamoDB
	consumer  program
	tells     bool // the consumer answers --versions
	scenarios []scenario
}

// scenario is a run.
type scenario struct {
	id, what string
	plain    bool                            // put without aggregation
	damage   damage                          // of an aggregate in the middle; "": there is none
	stops    []stop                          // one worker each
	last     program                         // reads to the end: the part's consumer if empty
	max      int                             // stored records per GetRecords: enough for all if 0
	settings map[string]string               // for the worker that reads to the end, over those that all have
	versions map[string]string               // where they are not the part's
	refuses  bool                            // the last worker does not start, or a checkpoint is refused
	want     want                            // what has to come out
	check    func(ledger) bool               // the same, where the numbers are not fixed
	play     func(*stage, *testing.T) ledger // in place of all of the above but want
}

// stop is a worker that is stopped hard.
type stop struct {
	at         place
	checkpoint string // ROW_CHECKPOINT
	when       string // ROW_WHEN
	by         program
	settings   map[string]string
}

// want tells what has to be lost and delivered twice, from where the stream was stopped.
type want func(p *plan) (lost, twice int)

// TestRows runs the parts, all at once: workers mostly sleep.
func TestRows(t *testing.T) {
	for _, p := range parts() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, p)
			e := newEvidence(t, p)
			if p.tells {
				e.Versions = merged(e.Versions, p.consumer.versions(t))
			}
			t.Cleanup(func() { e.report(t) })
			for _, s := range p.scenarios {
				t.Run(s.id, func(t *testing.T) {
					t.Parallel()
					if l := w.run(t, s); !t.Failed() {
						e.add(t, s, l)
					}
				})
			}
		})
	}
}

// run plays a scenario and compares what came out with what has to.
func (w *world) run(t *testing.T, s scenario) ledger {
	st := &stage{world: w, scenario: s, stream: streamName(w.part.name + "/" + s.id), files: t.TempDir()}
	play := s.play
	if play == nil {
		play = (*stage).play
	}
	l := play(st, t)
	t.Logf("%+v", l)
	if (l.Refused != "") != s.refuses {
		t.Errorf("refused: %q", l.Refused)
	}
	if s.want != nil {
		if lost, twice := s.want(st.plan); l.Lost != lost || l.Twice != twice {
			t.Errorf("%d lost and %d twice; want %d and %d", l.Lost, l.Twice, lost, twice)
		}
	}
	if s.check != nil && !s.check(l) {
		t.Error("that is not what was expected")
	}
	return l
}
