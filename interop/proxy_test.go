package interop

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// proxyEvidence is in the form of the matrix's evidence, of which it is a part.
type proxyEvidence struct {
	V        int               `json:"v"`
	Part     string            `json:"part"`
	Date     string            `json:"date"`
	Seed     uint64            `json:"seed"`
	Versions map[string]string `json:"versions"`
	Runs     []*proxyRun       `json:"runs"`
}

// proxyRun is a client that follows a stream through a split and a merge, killed inside of aggregates and started again.
type proxyRun struct {
	ID        string            `json:"id"`
	What      string            `json:"what"`
	Versions  map[string]string `json:"versions"`
	Stored    int               `json:"stored_records"`
	Put       int               `json:"put"`
	Raw       int               `json:"raw"`
	Delivered int               `json:"delivered"` // distinct
	Lost      int               `json:"lost"`
	Twice     int               `json:"twice"`
	Refused   string            `json:"refused"`
	Kills     int               `json:"kills"`
	Positions []string          `json:"positions,omitempty"` // that the client had stored when it was killed

	client    follower
	positions string
	plain     bool
	counts    map[string]int
	seen      map[string]bool // positions
}

// raw reports whether aggregates come to the client as they are.
func (r *proxyRun) raw() bool { return r.positions == "" && !r.plain }

// TestProxy: clients that know nothing of it follow a stream of aggregates through the proxy, through a split and a merge,
// are killed inside of aggregates, and go on: nothing is lost, and nothing comes twice, as on a stream of plain records without
// it. Each number that they see, and each position that they store, is where the user record lies.
func TestProxy(t *testing.T) {
	e := &proxyEvidence{V: 1, Part: "proxy", Date: newEvidence("", 0).Date, Seed: *seed, Versions: map[string]string{"Kinesis": "kplkit"}}
	for _, c := range append(loops(), pipelines()...) {
		e.Runs = append(e.Runs, runsOf(c)...)
	}
	followAll(t, e.Runs)
	slices.SortFunc(e.Runs, func(a, b *proxyRun) int { return strings.Compare(a.ID, b.ID) })
	writeEvidence(t, e.Part, e)
}

// TestProxyQuick: a part of that, which needs no Telegraf and no Bento.
func TestProxyQuick(t *testing.T) {
	var runs []*proxyRun
	for _, c := range loops() {
		runs = append(runs, runsOf(c)[:2]...)
	}
	followAll(t, runs)
}

// runsOf are those of a client.
func runsOf(c follower) []*proxyRun {
	runs := []*proxyRun{
		{ID: "text", What: "by kplkit proxy", positions: "text"},
		{ID: "plain", What: "plain records, without the proxy", plain: true},
		{ID: "digits", What: "by kplkit proxy --positions digits", positions: "digits"},
		{ID: "raw", What: "aggregates, without the proxy"},
	}
	for _, r := range runs {
		r.ID, r.What, r.client = c.name+"/"+r.ID, c.what+"; "+r.What, c
	}
	return runs
}

func followAll(t *testing.T, runs []*proxyRun) {
	kplkit := buildKplkit(t)
	t.Run("runs", func(t *testing.T) {
		for _, r := range runs {
			t.Run(r.ID, func(t *testing.T) {
				t.Parallel()
				r.run(t, newProxyWorld(t, kplkit, r.client.mock, r.positions))
			})
		}
	})
	for _, r := range runs {
		t.Logf("%-20s put %d in %d stored records, killed %d times: raw %d, lost %d, twice %d", r.ID, r.Put, r.Stored, r.Kills, r.Raw, r.Lost, r.Twice)
	}
}

// run has the client follow the stream, and counts.
func (r *proxyRun) run(t *testing.T, w *proxyWorld) {
	r.Versions, r.counts, r.seen = r.client.versions(t), map[string]int{}, map[string]bool{}
	if r.client.mock {
		maps.Copy(r.Versions, map[string]string{"Kinesis": "kinesis-mock " + kinesisMock.versions(t)["kinesis-local"]})
	}
	l := r.client.start(t, w)
	taken := map[string]string{} // the position of the last user record that was taken of a shard of this part
	for part, total := 0, 0; part < proxyParts; part++ {
		stops := w.part(t, part, r.plain)
		if r.raw() {
			stops = nil
		}
		clear(taken)
		for seen := func() int {
			if r.raw() {
				return total
			}
			return len(r.counts)
		}; seen() < r.wanted(w); {
			d, ok := next(l)
			if !ok {
				t.Fatalf("part %d: nothing came for a while, after %d of %d user records", part, len(r.counts), len(w.at))
			}
			if stops[d.data] {
				delete(stops, d.data)
				r.killed(t, w, taken)
				l.kill()
				l = r.client.start(t, w)
				continue
			}
			total++
			if place := w.at[d.data]; place == nil {
				r.Raw++
			} else {
				r.counts[d.data]++
				taken[place.shard] = r.sees(t, d, place)
			}
			close(d.taken)
		}
	}
	l.kill()
	r.judge(t, w)
}

// wanted is how many come, of what counts.
func (r *proxyRun) wanted(w *proxyWorld) int {
	if r.raw() {
		return w.stored
	}
	return len(w.at)
}

// next returns what is handed over next, unless nothing comes for longer than any client needs.
func next(l life) (d delivery, ok bool) {
	select {
	case d = <-l.deliveries:
		return d, true
	case <-time.After(patience / 2):
		return d, false
	}
}

// sees returns the number under which the client has to see a user record, and holds what it says against it.
func (r *proxyRun) sees(t *testing.T, d delivery, place *proxyPlace) string {
	want := place.position(r.positions)
	r.seen[want] = true
	if d.number != "" && d.number != want {
		t.Errorf("%q comes as %s, want %s", d.data, d.number, want)
	}
	return want
}

// killed waits until the client has stored what was taken, and holds its positions against where the user records lie. One that
// stores positions between events has to have one of them.
func (r *proxyRun) killed(t *testing.T, w *proxyWorld, taken map[string]string) {
	r.Kills++
	if r.client.byEvent {
		for _, position := range r.client.stored(t, w) {
			if position != "" && !r.seen[position] {
				t.Errorf("the position %s is none that it has seen", position)
			}
			r.Positions = append(r.Positions, position)
		}
		return
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		stored := r.client.stored(t, w)
		maps.DeleteFunc(stored, func(shard, _ string) bool { return taken[shard] == "" }) // of another part
		if maps.Equal(stored, taken) {
			r.Positions = append(r.Positions, slices.Sorted(maps.Values(stored))...)
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("the positions are %v, want %v", stored, taken)
			return
		}
	}
}

// judge counts, and holds the counts against what follows from where the client was killed.
func (r *proxyRun) judge(t *testing.T, w *proxyWorld) {
	r.Put, r.Stored, r.Delivered = len(w.at), w.stored, len(r.counts)
	r.Lost = r.Put - r.Delivered
	for _, n := range r.counts {
		r.Twice += n - 1
	}
	kills := proxyParts * proxyStops
	if r.raw() {
		kills = 0
	}
	aggregated := 0
	for _, place := range w.at {
		if place.sub > 0 || !place.last {
			aggregated++
		}
	}
	again := 0 // at most
	if r.client.byEvent {
		again = kills * (proxyOfEach + plainOfEach)
	}
	lost := 0
	if r.raw() {
		lost = aggregated
	}
	if r.Lost != lost || r.Twice > again || r.Kills != kills {
		t.Errorf("lost %d, want %d; twice %d, at most %d; killed %d times, want %d", r.Lost, lost, r.Twice, again, r.Kills, kills)
	}
	if wantAggregates := !r.plain; wantAggregates != (aggregated > proxyParts*proxyOfEach/2) {
		t.Errorf("%d of %d are in aggregates", aggregated, r.Put)
	}
}
