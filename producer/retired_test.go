package producer

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/kplkit/kplkit/deagg/hashkey"
)

// idleLoop returns a loop that nobody runs, of a stream of so many shards.
func idleLoop(t *testing.T, shards int) *loop {
	t.Helper()
	cfg, err := newConfig("s", nil)
	if err != nil {
		t.Fatal(err)
	}
	p := &Producer{cfg: cfg, gate: &gate{most: int64(cfg.maxBuffered), mostLoad: cfg.mostLoad()}, box: newMailbox()}
	l := newLoop(p)
	l.arrange(usualStream, evenMap(0, shards))
	return l
}

// evenMap is that of a stream, whose shards have ids of one generation.
func evenMap(generation, shards int) *shardMap {
	m, _ := splitEvenly(shards)
	for i := range m.open {
		m.open[i].id = fmt.Sprint(generation, "-", i)
	}
	return m
}

// fly puts a stored record of each lane under way.
func (l *loop) fly() (under []*stored) {
	for _, n := range l.lanes {
		n.flying++
		under = append(under, &stored{lane: n})
	}
	return under
}

// TestBlocked: a lane waits for the retired ones with which it has a hash key in common, and for no others.
func TestBlocked(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 4))
		l := idleLoop(t, 1+r.IntN(20))
		under := l.fly()
		for generation := range 20 {
			if r.IntN(2) == 0 {
				l.arrange(usualStream, evenMap(1+generation, 1+r.IntN(20)))
				under = append(under, l.fly()...)
			}
			for range r.IntN(30) {
				if i := r.IntN(len(under) + 1); i < len(under) {
					l.freeLane(under[i])
					under[i] = under[len(under)-1]
					under = under[:len(under)-1]
				}
			}
			for _, n := range l.lanes {
				want := 0
				waitsFor := map[*lane]bool{}
				for _, s := range under {
					a, b := s.lane.keys, n.keys
					if s.lane.retired && !waitsFor[s.lane] && (a.Contains(b.Start()) || b.Contains(a.Start())) {
						waitsFor[s.lane] = true
						want++
					}
				}
				if n.before != want || n.blocked() != (want > 0 || n.flying > 0) {
					t.Fatalf("seed %d: %v waits for %d lanes, blocked: %v, want %d", seed, n.keys, n.before, n.blocked(), want)
				}
			}
		}
	}
}

// TestReshardOfThousands: what lanes cost after a reshard grows as the shards do, not as their square: of eight times as many, it is
// less than 48 times as much.
func TestReshardOfThousands(t *testing.T) {
	took := func(shards int) time.Duration {
		best := time.Hour
		for range 5 {
			l := idleLoop(t, shards)
			under := l.fly()
			l.arrange(usualStream, evenMap(1, 2*shards))
			for _, n := range l.lanes {
				n.add(&pending{Record: Record{PartitionKey: "k"}})
			}
			began := time.Now()
			l.update(began)
			for _, s := range under {
				l.freeLane(s)
				l.update(began)
			}
			best = min(best, time.Since(began))
			if len(l.retired) > 0 || l.lanes[0].blocked() {
				t.Fatal("lanes wait for what is over")
			}
		}
		return best
	}
	few, many := took(1000), took(8000)
	t.Logf("1,000 shards: %v, 8,000: %v", few, many)
	if many > 48*few {
		t.Errorf("%v, %.0f times as long as 1,000 shards", many, float64(many)/float64(few))
	}
}

// TestWholeStreamRetired: a lane of all keys is before every other one, once.
func TestWholeStreamRetired(t *testing.T) {
	l := idleLoop(t, 3)
	under := l.fly()
	l.arrange(usualStream, nil)
	if n := l.lanes[0]; n.before != 3 || n.keys != hashkey.Whole() {
		t.Errorf("%v waits for %d lanes", n.keys, n.before)
	}
	for _, s := range under {
		l.freeLane(s)
	}
	if l.lanes[0].blocked() {
		t.Error("it is blocked for ever")
	}
}

// TestManagedRates: a service-managed stream has the rates of all its shards, and other ones when there are more or fewer.
func TestManagedRates(t *testing.T) {
	l, managed := idleLoop(t, 3), description{maxRecord: usualRecord, serviceManaged: true}
	for generation, shards := range []int{0, 4, 4, 100, 2} {
		before := l.lanes[0]
		m := evenMap(generation, max(shards, 1))
		if shards == 0 {
			m = nil // not listed
		}
		l.arrange(managed, m)
		if got, want := 1/l.lanes[0].share.perRecord, 1000*float64(max(shards, 1)); math.Abs(got-want) > 1e-6 {
			t.Errorf("%d shards: %v records a second, want %v", shards, got, want)
		}
		if generation == 2 && l.lanes[0] != before {
			t.Error("as many shards as before make a new lane")
		}
	}
}
