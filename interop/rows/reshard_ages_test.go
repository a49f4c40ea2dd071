package rows

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// oldAge is how long an old worker has read before shards change: KCL 1.14 keeps its list of the shards for 30 s.
const oldAge = 45 * time.Second

// youngAge is how long a young worker may have read when shards change, and ageAttempts how often that is tried.
const (
	youngAge    = 8 * time.Second
	ageAttempts = 3
)

// The ages of a worker's list of the shards.
const (
	fresh     = "fresh"     // its first worker starts after the change
	restarted = "restarted" // its worker stopped before the change, and another goes on from its leases after it
	young     = "young"     // it runs, for some seconds
	old       = "old"       // it runs, for oldAge or longer
)

var ageWords = map[string]string{
	fresh:     "a worker that starts afterwards, without leases",
	restarted: "a worker that starts afterwards, on the leases of one that stopped before",
	young:     "a worker that started some seconds before",
	old:       fmt.Sprintf("a worker that started %.0f s before or more", oldAge.Seconds()),
}

// reshardAges is what a KCL delivers after a reshard, by how old its worker's list of the shards is. Each of the young
// has a stream, which changes as soon as it reads: they take different times to start.
func reshardAges() part {
	p := part{name: "reshard-ages", versions: map[string]string{"Java": javaVersion()}}
	all := &agedStreams{lanes: make(chan struct{}, agedLanes)}
	add := func(change, kpl string, readers ...*agedReader) {
		s := &agedStream{change: change, kpl: kpl, readers: readers}
		all.streams = append(all.streams, s)
		for _, r := range readers {
			p.scenarios = append(p.scenarios, all.scenario(s, r))
		}
	}
	add("split", "1.0.7", append(aged(false, kcls, fresh, restarted, old), aged(true, kcls[1:], fresh, restarted, old)...)...)
	add("split", "", append(aged(false, kcls, fresh, restarted, old), aged(true, kcls[1:], old)...)...)
	add("split", "0.14.13", append(aged(false, kcls, fresh, restarted, old), aged(true, kcls[1:], old)...)...)
	add("merge", "1.0.7", aged(false, kcls, fresh, restarted, old)...)
	add("merge", "0.14.13", aged(false, kcls, fresh, old)...)
	for _, version := range kcls {
		some := []string{version}
		for _, kpl := range []string{"0.14.13", ""} {
			add("split", kpl, aged(false, some, young)...)
		}
		add("merge", "1.0.7", aged(false, some, young)...)
		add("split", "1.0.7", aged(false, some, young)...)
		if version != kcls[0] {
			add("split", "1.0.7", aged(true, some, young)...)
		}
	}
	return p
}

// kcls are the versions that read. The first has no fan-out.
var kcls = []string{"1.14.10", "2.7.2", "3.5.1"}

// aged is a reader of each version and age.
func aged(fanOut bool, versions []string, ages ...string) (readers []*agedReader) {
	for _, version := range versions {
		for _, age := range ages {
			readers = append(readers, &agedReader{kcl: version, age: age, fanOut: fanOut})
		}
	}
	return readers
}

// scenario is one reader of a stream. The first that is played runs all of them: they take long, and mostly sleep.
func (all *agedStreams) scenario(s *agedStream, r *agedReader) scenario {
	versions := map[string]string{"KCL": r.kcl}
	if s.kpl != "" {
		versions["KPL"] = s.kpl
	}
	return scenario{
		id: s.name() + "/" + r.name(), what: s.what(r), versions: versions, users: reshardRecords, check: s.expects(r), keeps: s.keeps(r), or: s.or(r),
		play: func(st *stage, t *testing.T) ledger {
			all.once.Do(func() {
				var streams sync.WaitGroup
				for _, s := range all.streams {
					all.lanes <- struct{}{} // the longest come first
					streams.Go(func() {
						defer func() { <-all.lanes }()
						s.run(t, st)
					})
				}
				streams.Wait()
			})
			if !r.done {
				t.Fatal("the stream was not read")
			}
			*st.recorder = *r.stage.recorder
			return newLedger(s.stored, r.outcome.records, r.outcome.refused)
		},
	}
}

// expects tells what has to come out. A KCL that knows the new shards drops mixed aggregates whole.
func (s *agedStream) expects(r *agedReader) func(ledger) bool {
	knows := r.age != young && (r.kcl != "1.14.10" || r.age != fresh)
	switch {
	case s.change == "merge": // what fits an old shard fits the new one
		return repeatsAny
	case !knows:
		return repeatsMany
	case s.kpl == "1.0.7" && r.age == fresh:
		return func(l ledger) bool { return losesMany(l) || repeatsMany(l) }
	case s.kpl == "1.0.7":
		return losesMany
	case s.kpl == "" && r.age == fresh: // to the record, as keeps and or have it
		return repeatsAny
	case s.kpl == "":
		return exactly
	}
	return repeatsAny // KPL 0.14.13 stores again what fits, too
}

// keeps tells which user records it delivers, each as often as it is there. Where the KPL puts whole aggregates again while a
// worker's list changes, nobody can say.
func (s *agedStream) keeps(r *agedReader) func(storedRecord) bool {
	if s.change == "split" && s.kpl != "0.14.13" && r.age != young && (r.kcl != "1.14.10" || r.age != fresh) {
		return noneMixed
	}
	return nil
}

// or tells what a fresh worker of KCL 2 and 3 delivers where it is slow to learn of the new shards.
func (s *agedStream) or(r *agedReader) func(storedRecord) bool {
	if s.keeps(r) == nil || r.age != fresh {
		return nil
	}
	return everyOne
}

// Of the 330 user records that are put in waves, 60 are many.

func losesMany(l ledger) bool   { return 60 <= l.Lost && l.Lost <= 250 && l.Twice == 0 }
func repeatsMany(l ledger) bool { return l.Lost == 0 && 60 <= l.Twice && l.Twice <= 2*reshardRecords }
func repeatsAny(l ledger) bool  { return l.Lost == 0 && l.Twice <= 2*reshardRecords }

func (s *agedStream) what(r *agedReader) string {
	changes := map[string]string{"split": "both shards are split", "merge": "both shards are merged"}[s.change]
	what := fmt.Sprintf("%d user records are put while %s, and answers take %.0f s; %s", reshardRecords, changes, lateBy.Seconds(), ageWords[r.age])
	if r.fanOut {
		what += ", by enhanced fan-out"
	}
	return what
}

func (s *agedStream) name() string {
	if s.kpl == "" {
		return s.change + "/kplkit"
	}
	return s.change + "/kpl-" + s.kpl
}

func (r *agedReader) name() string {
	name := "kcl-" + r.kcl + "-" + r.age
	if r.fanOut {
		name += "-fan-out"
	}
	return name
}
