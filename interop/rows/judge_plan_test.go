package rows

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// planned judges a run whose workers were stopped by plan, or went from end to end: which user records each was handed,
// what the lease was then, and what was lost and came twice.
func (v *verdict) planned() {
	if len(v.recording.Streams) != 1 {
		v.say("%d streams; want one", len(v.recording.Streams))
		return
	}
	s := v.recording.Streams[0]
	p, err := newPlan(withoutMarks(s.Stored), v.scenario)
	if err != nil {
		v.say("%v", err)
		return
	}
	workers := len(p.stops) + 1
	if v.scenario.damage != "" && v.scenario.refuses != "" {
		workers++ // started again, after the refusal
	}
	if len(s.Workers) != workers {
		v.say("%d workers; want %d", len(s.Workers), workers)
		return
	}
	v.wanted(p)
	lease := ""
	for i, stop := range p.stops {
		w := s.Workers[i]
		v.stopped(p, i, w)
		want, known := leaseAfter(p, p.users[stop], w, v.scenario, lease)
		if lease = w.Lease; known && lease != want || lease == "" {
			v.say("worker %d: the lease is %q; want %q", i+1, lease, want)
		}
	}
	for _, w := range s.Workers[len(p.stops):] {
		v.lastOne(p, w)
	}
}

// wanted: lost, twice and raw are those that follow from the plan.
func (v *verdict) wanted(p *plan) {
	l := v.recording.Ledger
	if v.scenario.want == nil {
		return
	}
	lost, twice := v.scenario.want(p)
	if l.Lost != lost || l.Twice != twice {
		v.say("%d lost and %d twice; want %d and %d", l.Lost, l.Twice, lost, twice)
	}
	raw := 0
	if v.scenario.raw {
		raw = aggregatesIn(v.recording.Streams[0].Stored)
	}
	if l.Raw != raw {
		v.say("%d raw; want %d", l.Raw, raw)
	}
}

func aggregatesIn(stored []storedRecord) (n int) {
	for _, r := range stored {
		if r.Aggregate {
			n++
		}
	}
	return n
}

// stopped: a worker was handed user records in their order, up to the one where it had to stop; the first worker all of
// them but what is lost by a damaged aggregate.
func (v *verdict) stopped(p *plan, i int, w workerRecording) {
	if stop := v.scenario.stops[i]; w.At != p.users[p.stops[i]].text || w.Checkpoint != stop.checkpoint || w.When != stop.when {
		v.say("worker %d was told to stop at %q with %s, %s", i+1, w.At, w.Checkpoint, w.When)
	}
	upTo := p.stops[i]
	if w.When == "batch" {
		upTo = p.endOfBatch(p.batch(p.users[upTo]))
	}
	handed := v.inOrder(p, i, w)
	if len(handed) == 0 || handed[len(handed)-1] != upTo {
		v.say("worker %d was handed %d user records, and not up to %q", i+1, len(handed), p.users[upTo].text)
	} else if i == 0 && handed[0] != 0 {
		v.say("worker 1 began with %q", p.users[handed[0]].text)
	}
}

// lastOne: it reads to the end, unless it is refused.
func (v *verdict) lastOne(p *plan, w workerRecording) {
	handed := v.inOrder(p, len(p.stops), w)
	if v.scenario.raw || w.Refused != "" {
		return
	}
	if n := len(handed); n > 0 && handed[n-1] != len(p.users)-1 {
		v.say("the last worker ended with %q", p.users[handed[n-1]].text)
	}
	if !slices.ContainsFunc(w.Events, func(e event) bool { return string(e.Record) == end }) {
		v.say("the last worker did not come to the end")
	}
}

// inOrder returns what a worker was handed, as indexes into the plan, in order and without gaps but those that a damaged
// aggregate makes.
func (v *verdict) inOrder(p *plan, i int, w workerRecording) (handed []int) {
	for _, e := range w.Events {
		at := slices.IndexFunc(p.users, func(u userRecord) bool { return u.text == textOf(e.Record) })
		if at < 0 {
			continue // raw, or a mark
		}
		if n := len(handed); n > 0 && (at <= handed[n-1] || at > handed[n-1]+1 && v.scenario.damage == "" && !v.scenario.raw) {
			v.say("worker %d was handed %q after %q", i+1, p.users[at].text, p.users[handed[n-1]].text)
		}
		handed = append(handed, at)
	}
	return handed
}

// endOfBatch is the index of a batch's last user record; -1 before the first.
func (p *plan) endOfBatch(batch int) int {
	after := slices.IndexFunc(p.users, func(u userRecord) bool { return p.batch(u) > batch })
	if after < 0 {
		return len(p.users) - 1
	}
	return after - 1
}

// leaseAfter is the checkpoint of a worker that has stopped at a user record. before is what its predecessor left.
func leaseAfter(p *plan, at userRecord, w workerRecording, s scenario, before string) (lease string, known bool) {
	if p.batches > 0 {
		at = p.users[p.endOfBatch(p.batch(at))]
	}
	switch w.Reader {
	case "KCL", "MultiLangDaemon":
		return kclLease(p, at, w, s, before), true
	case "sdk-kplkit", "harlow-kplkit":
		if w.Checkpoint != "sequence-number" && at.sub < at.of-1 {
			return fmt.Sprintf("%s:%d", at.position, at.sub), true
		}
		return at.position, true
	case "lambda-kplkit": // the Store has a user record's own position, also an aggregate's last one's
		if w.Checkpoint != "sequence-number" && at.of > 1 {
			return fmt.Sprintf("%s:%d", at.position, at.sub), true
		}
		return at.position, true
	case "vmware-kplkit":
		return "", false // finished stored records, and a second attribute
	}
	return at.position, true
}

func kclLease(p *plan, at userRecord, w workerRecording, s scenario, before string) string {
	nothing := cmp.Or(s.settings["ROW_POSITION"], "TRIM_HORIZON")
	sub := 0
	switch w.Checkpoint {
	case "nothing":
		return nothing
	case "none": // all that was handed over with the batch, which is all of it
		batch := p.batch(at)
		if w.When == "later" {
			batch--
		}
		i := p.endOfBatch(batch)
		if i < 0 {
			return nothing
		}
		at = p.users[i]
		sub = at.sub
	case "record":
		if strings.HasPrefix(w.Version, "1.") {
			sub = at.sub
		}
	case "extended":
		sub = at.sub
	case "extended-beyond":
		sub = 99
	case "kplkit":
		at.position, sub = p.onKplkitLease(at, w.Version, w.When == "batch")
	}
	switch _, stale, _ := strings.Cut(before, ":"); {
	case w.Refused != "":
		return nothing
	case w.Version == "1.3.0" && stale != "": // it leaves that beside its own
		return at.position + ":" + stale
	case w.Version == "1.3.0":
		return at.position
	}
	return fmt.Sprintf("%s:%d", at.position, sub)
}
