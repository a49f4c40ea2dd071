package rows

import (
	"slices"
	"testing"
)

// parts are all that run.sh knows by their names.
func parts() []part {
	return slices.Concat(kclParts(), multilangParts(), onMultilang(), sdkParts(), goParts(), []part{kclOthers(), handOver(), handOver3(), reshard(), reshardAges(), reshardDaemon(), rowOne()})
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
	users    int                             // how many are put; 0: userRecords, or what play puts
	raw      bool                            // aggregates are handed over whole
	max      int                             // stored records per GetRecords: enough for all if 0
	batch    int                             // user records of a batch that the consumer makes by itself; 0: its batches are answers to GetRecords
	settings map[string]string               // for the worker that reads to the end, over those that all have
	versions map[string]string               // where they are not the part's
	refuses  string                          // what is said, a regular expression, where the last worker does not start or a checkpoint is refused
	keeps    func(storedRecord) bool         // of a stream that is read from its beginning once: what the reader delivers of it
	or       func(storedRecord) bool         // what it delivers instead, of a whole stream, where its timing decides which of the two
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

// on is a run of another consumer than the part's.
func (s scenario) on(name string, consumer program, versions map[string]string) scenario {
	s.id, s.last, s.versions = name+"/"+s.id, consumer, merged(s.versions, versions)
	s.stops = slices.Clone(s.stops)
	for i := range s.stops {
		s.stops[i].by = consumer
	}
	return s
}

// want tells what has to be lost and delivered twice, from where the stream was stopped.
type want func(p *plan) (lost, twice int)

const mostPlays = 3

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
					if r := w.run(t, s); !t.Failed() {
						e.add(t, s, r)
					}
				})
			}
		})
	}
}

// run plays a scenario, and judges what it has seen. Where a busy machine has cost a worker its lease, it is played again.
func (w *world) run(t *testing.T, s scenario) recording {
	play := s.play
	if play == nil {
		play = (*stage).play
	}
	var st *stage
	var l ledger
	for name, attempt := streamName(w.part.name+"/"+s.id), 1; ; attempt++ {
		st = &stage{world: w, scenario: s, recorder: new(recorder), stream: name, files: t.TempDir()}
		l = play(st, t)
		t.Logf("%+v", l)
		if t.Failed() || !st.recorder.leaseLost() || attempt == mostPlays {
			break
		}
		t.Log("a worker lost its lease: the machine is busy; once more")
		name += "--again"
	}
	if t.Failed() {
		return recording{}
	}
	r := st.recording(t, l)
	r.save(t)
	for _, wrong := range judge(s, r) {
		t.Error(wrong)
	}
	return r
}
