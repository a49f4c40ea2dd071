package producer

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kplkit/kplkit/deagg/hashkey"
)

// newGate returns a gate of a buffer for so many shards.
func newGate(most int64, mostLoad time.Duration, shards int) *gate {
	g := &gate{most: most, mostLoad: mostLoad}
	g.arrange(splitEvenly(shards))
	return g
}

func splitEvenly(shards int) (*shardMap, []*share) {
	m, shares := &shardMap{}, make([]*share, shards)
	for i, r := range hashkey.Whole().Split(shards) {
		id := fmt.Sprint("shard-", i)
		m.open, m.ends = append(m.open, shard{id: id, keys: r}), append(m.ends, r.End())
		shares[i] = &share{shardID: id, perByte: 1.0 / mebibyte, perRecord: 1.0 / 1000, bytes: 50_000, partOfByte: 1.0 / 49_980, partOfRecord: 1e-6}
	}
	return m, shares
}

// TestLongestHold: while the lanes of very many records are looked up, others get the lock: they see records without a
// lane grow fewer. Who waits for a lock for a millisecond is the next to get it.
func TestLongestHold(t *testing.T) {
	const n = 1_000_000 // which take many milliseconds
	ask := map[string]func(g *gate, e *pending){
		"Put":    func(g *gate, e *pending) { _ = g.enter(t.Context(), e) },
		"TryPut": func(g *gate, e *pending) { _ = g.tryEnter(e) },
		"unput":  func(g *gate, e *pending) { g.leaveUnput(e) },
		"reshard": func(g *gate, _ *pending) {
			shards, shares := splitEvenly(4)
			g.arrange(shards, shares)
		},
	}
	for name, ask := range ask {
		t.Run(name, func(t *testing.T) {
			g := newGate(math.MaxInt64/4, math.MaxInt64, 4)
			e := &pending{Record: Record{PartitionKey: "k"}}
			g.unplaced = slices.Repeat([]*pending{e}, n)
			g.loose, g.held = amount{held: math.MaxInt64 / 8}, math.MaxInt64/8 // so that a lane has to be known
			var ended atomic.Bool
			go func() {
				ask(g, e)
				ended.Store(true)
			}()
			for seen := false; !seen; {
				over := ended.Load()
				g.mu.Lock()
				left := len(g.unplaced) - g.placed
				g.mu.Unlock()
				if seen = 0 < left && left < n-placedAtOnce; over && !seen {
					t.Fatal("the lock was held until all records had their lanes")
				}
			}
			for !ended.Load() {
				time.Sleep(time.Millisecond)
			}
		})
	}
}

// TestBlindBounds: a record that comes in before its lane is known comes in where it would if it were known.
func TestBlindBounds(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 3))
		lanes, hot := 1+r.IntN(60), r.IntN(3) == 0
		g := newGate(1<<20, time.Duration(1+r.IntN(3000))*time.Millisecond, lanes)
		var in []*pending
		blind := 0
		for i := range 3000 {
			e := &pending{Record: Record{PartitionKey: fmt.Sprint(i), Data: make([]byte, r.IntN(2000))}}
			if hot && r.IntN(2) == 0 {
				e.PartitionKey = "hot"
			}
			in = leaveSome(g, in, r)
			e.key = hashkey.Of(e.PartitionKey) // for laneOf: the gate finds it anew
			before := gate{most: g.most, mostLoad: g.mostLoad, held: g.held, shares: g.shares}
			lane := g.laneOf(in, e.key)
			entered, err := g.tryEnterAny(e)
			if err != nil {
				t.Fatal(err)
			}
			part := g.shares[0].of(e)
			if entered {
				blind++
				in = append(in, e)
				if g.held > g.most || lane.held > 0 && !before.isRoomFor(lane.plus(part)) {
					t.Fatalf("seed %d: %+v more in a lane of %+v, in all %d bytes", seed, part, lane, g.held)
				}
			} else if g.tryEnter(e) == nil {
				in = append(in, e)
			}
			if r.IntN(50) == 0 {
				g.placeAll(in)
			}
			if r.IntN(300) == 0 {
				lanes = 1 + r.IntN(60)
				g.resplit(lanes)
			}
		}
		if blind == 0 {
			t.Errorf("seed %d: no record came in before its lane was known", seed)
		}
	}
}

// leaveSome lets some of those leave that are in, as a lane's records do: they have their lanes.
func leaveSome(g *gate, in []*pending, r *rand.Rand) []*pending {
	if r.IntN(12) > 0 || len(in) == 0 {
		return in
	}
	n := 1 + r.IntN(min(len(in), 20))
	g.placeAll(in[:n])
	g.leave(partsOf(in[:n]))
	return in[n:]
}

// laneOf returns what the lane of a key has, if all records are counted in lanes: its own and what its former ones have.
func (g *gate) laneOf(in []*pending, key hashkey.Key) (lane amount) {
	s := g.shareOf(&pending{key: key})
	for _, e := range in {
		if e.share == s || e.share == nil && g.shareOf(e) == s || slices.Contains(s.former, e.share) {
			lane = lane.plus(s.of(e))
		}
	}
	return lane
}

// resplit does what the loop does of a reshard, but leaves the records where they are.
func (g *gate) resplit(lanes int) {
	shards, shares := splitEvenly(lanes)
	for i, s := range shares {
		for j, f := range g.shares {
			if a, b := shards.open[i].keys, g.shards.open[j].keys; a.Contains(b.Start()) || b.Contains(a.Start()) {
				s.former = append(s.former, f)
			}
		}
	}
	g.arrange(shards, shares)
}

// TestBlindFill: a buffer that many lanes fill alike takes nearly all that it has room for before their lanes are known.
func TestBlindFill(t *testing.T) {
	for _, shards := range []int{1, 4, 64, 1000} {
		g, n := newGate(64*mebibyte, 15*time.Second, shards), 0
		for ; ; n++ {
			e := &pending{Record: Record{PartitionKey: fmt.Sprint(n), Data: make([]byte, 100)}}
			if entered, _ := g.tryEnterAny(e); !entered {
				break
			}
			if n%1000 == 0 {
				g.lockPlaced()
				g.mu.Unlock()
			}
		}
		limit := g.most
		if shards == 1 {
			limit = 40 * mebibyte // what its shard takes in half the time to live
		}
		if g.held < limit*9/10 {
			t.Errorf("%d shards: %d of %d bytes", shards, g.held, limit)
		}
		all := slices.Clone(g.unplaced[g.placed:])
		g.placeAll(all)
		for _, s := range g.shares {
			g.leave([]part{{s, s.has, shards}})
		}
		if entered, _ := g.tryEnterAny(&pending{Record: Record{PartitionKey: "k", Data: make([]byte, 10_000)}}); !entered {
			t.Errorf("%d shards: an empty buffer is as good as a full one", shards)
		}
	}
}

// TestBlindFull: what lanes still have that went long ago counts in the buffer.
func TestBlindFull(t *testing.T) {
	g := newGate(2*mebibyte, time.Hour, 1)
	g.held = g.most
	if entered, _ := g.tryEnterAny(&pending{Record: Record{PartitionKey: "k"}}); entered {
		t.Error("a record comes into a full buffer")
	}
}
