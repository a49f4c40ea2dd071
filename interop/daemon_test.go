package interop

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestDaemonQuick is a small part of TestDaemon, on kplkit daemon alone.
func TestDaemonQuick(t *testing.T) {
	s := newDaemonSession(t, "1.0.7")
	k := s.feed.start(s.daemon, nil)
	for _, m := range modes {
		if m.name == "default" || m.name == "reshard" {
			m.repeats = 1
			s.run(t, m, k)
		}
	}
	k.end()
}

// daemonSession is a wrapper of one version, with both children.
type daemonSession struct {
	world          *daemonWorld
	version        string
	feed           *feed
	daemon, native child
	random         *rand.Rand
}

func newDaemonSession(t *testing.T, version string) *daemonSession {
	w := newDaemonWorld(t)
	return &daemonSession{
		world: w, version: version, feed: startFeed(t, version, w.port), random: rand.New(rand.NewPCG(*seed, 14)),
		daemon: newDaemon(t, buildKplkit(t)), native: newNative(t, version),
	}
}

// run plays a mode, holds what has to hold, and returns what became of it.
func (s *daemonSession) run(t *testing.T, m mode, k *kpl) (sum book) {
	for i := range max(1, m.repeats) {
		m.stream = fmt.Sprint(m.name, "-", strings.ReplaceAll(k.child.name, " ", "-"), "-", i)
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
