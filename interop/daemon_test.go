package interop

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// wrappers are the versions of the KPL whose wrapper is run.
var wrappers = []string{"1.0.7", "0.14.13"}

// daemonEvidence is what the part found, and the file that it leaves behind.
type daemonEvidence struct {
	V        int               `json:"v"`
	Part     string            `json:"part"`
	Date     string            `json:"date"`
	Seed     uint64            `json:"seed"`
	Versions map[string]string `json:"versions"`
	Corpus   []daemonRun       `json:"corpus"`
	Trust    []trust           `json:"trust"`
	Kills    []killing         `json:"kills"`
	Costs    []*costs          `json:"costs"`
}

// daemonRun is a mode that was played.
type daemonRun struct {
	Wrapper string `json:"wrapper"`
	Child   string `json:"child"`
	Mode    string `json:"mode"`
	book
}

// TestDaemon runs the Java wrapper of the KPL over kplkit daemon, and beside it over its own native binary: all modes,
// kills, and what both cost.
func TestDaemon(t *testing.T) {
	e := &daemonEvidence{V: 1, Part: "daemon", Date: time.Now().UTC().Format(time.DateOnly), Seed: *seed, Versions: kcl2.versions(t)}
	program := buildKplkit(t)
	lostByNative := 0
	for _, version := range wrappers {
		s := newDaemonSession(t, newDaemonWorld(t, 0), version, program)
		s.native = newNative(t, version)
		for _, c := range []child{s.daemon, s.native} {
			for _, r := range s.corpus(t, c) {
				if c == s.native {
					lostByNative += r.KCL.Lost
				} else if r.KCL != (view{}) || r.Decoder != (view{}) {
					t.Errorf("%s %s %s: %v", version, c.name, r.Mode, r.book)
				}
				if r.Mode == "reshard" && r.Stream.Twice == 0 {
					t.Errorf("%s %s: no aggregate was under way when the shards were split", version, c.name)
				}
				e.Corpus = append(e.Corpus, r)
			}
		}
		e.Trust = append(e.Trust, s.trusts(t)...)
		e.Kills = append(e.Kills, s.kill(t, s.daemon, 20), s.kill(t, s.native, 5), s.kill(t, s.daemon, 5))
		if version == wrappers[0] {
			e.Costs = s.costs(t)
		}
	}
	if lostByNative == 0 {
		t.Error("the KCL loses nothing of what the native binary puts while shards are split: it did whenever it was measured")
	}
	writeEvidence(t, e.Part, e)
}

// TestDaemonQuick is a small part of TestDaemon, on kplkit daemon alone.
func TestDaemonQuick(t *testing.T) {
	s := newDaemonSession(t, newDaemonWorld(t, 0), "1.0.7", buildKplkit(t))
	k := s.feed.start(s.daemon, nil)
	for _, m := range modes {
		if m.name == "default" || m.name == "reshard" {
			m.repeats = 1
			if b := s.run(t, m, k); b.KCL.Lost > 0 {
				t.Errorf("%s: %v", m.name, b)
			}
		}
	}
	k.end()
	s.trusts(t)
	s.kill(t, s.daemon, 2)
}

// daemonSession is a wrapper of one version, with both children.
type daemonSession struct {
	world          *daemonWorld
	version        string
	feed           *feed
	daemon, native child // the latter in TestDaemon only
	random         *rand.Rand
}

func newDaemonSession(t *testing.T, w *daemonWorld, version, program string) *daemonSession {
	return &daemonSession{
		world: w, version: version, feed: startFeed(t, version, w.port), random: rand.New(rand.NewPCG(*seed, 14)),
		daemon: newDaemon(t, program),
	}
}

// corpus plays all modes.
func (s *daemonSession) corpus(t *testing.T, c child) (runs []daemonRun) {
	for _, m := range modes {
		k := s.feed.start(c, m.settings)
		runs = append(runs, daemonRun{s.version, c.name, m.name, s.run(t, m, k)})
		k.end()
	}
	return runs
}

// run plays a mode, holds what has to hold, and returns what became of it.
func (s *daemonSession) run(t *testing.T, m mode, k *kpl) (sum book) {
	for i := range max(1, m.repeats) {
		m.stream = fmt.Sprint(m.name, "-", k.child.streamName(), "-", i)
		puts := m.play(t, s.world, k, s.random)
		all := s.world.read(t, m.stream)
		b := audit(t, all, puts)
		t.Logf("%s %s %-8s %v", s.version, k.child.name, m.name, b)
		sum.add(b)
		m.checkPacking(t, all)
		for _, p := range puts {
			if !p.stored() {
				t.Errorf("%s: a user record of %d bytes is not stored: %s", m.stream, len(p.data), p.err)
			}
		}
	}
	if sum.Elsewhere+sum.Foreign > 0 || sum.Stream.Lost+sum.Decoder.Lost > 0 {
		t.Errorf("%s %s %s: %v", s.version, k.child.name, m.name, sum)
	}
	return sum
}

// checkPacking holds that the setting of the mode has its effect.
func (m mode) checkPacking(t *testing.T, all []lying) {
	aggregates := 0
	for _, r := range all {
		users, _ := takeApart(r)
		if !strings.HasPrefix(string(r.Data), "\xf3\x89\x9a\xc2") {
			continue
		}
		aggregates++
		if m.maxUsers > 0 && len(users) > m.maxUsers || m.maxBytes > 0 && len(users) > 1 && len(r.Data) > m.maxBytes {
			t.Errorf("%s: an aggregate of %d bytes with %d user records", m.stream, len(r.Data), len(users))
		}
	}
	if (aggregates > 0) != m.aggregates {
		t.Errorf("%s: %d aggregates", m.stream, aggregates)
	}
}
