package cli

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/hashkey"
)

// Whatever keys come, each count says the truth: at least n, at most n + missed, and no other key more than missed. The
// frequent ones are there.
func TestKeyCounts(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 0))
		skewed := rand.NewZipf(random, 1.1+float64(seed%5)/5, 1, 1<<20)
		k, truth := keyCounts{max: 100}, map[string]int64{}
		var all int64
		for i := range 50_000 {
			key := fmt.Sprint(skewed.Uint64())
			switch {
			case i > 25_000 && i%10 == 0:
				key = "late" // 1 of 10, once it is there
			case seed%2 == 1 && i%2 == 0:
				key = fmt.Sprint("new-", i)
			}
			k.add(key)
			truth[key]++
			all++
		}
		if len(k.counts) > 100 {
			t.Fatalf("seed %d: it holds %d keys", seed, len(k.counts))
		}
		for key, n := range truth {
			switch c := k.counts[key]; {
			case c == nil && n > k.missed:
				t.Errorf("seed %d: %s is not counted, and was there %d times: it says at most %d", seed, key, n, k.missed)
			case c != nil && (n < c.n || n > c.n+c.missed):
				t.Errorf("seed %d: %s was there %d times: it says %d to %d", seed, key, n, c.n, c.n+c.missed)
			}
		}
		if k.missed > all/25 {
			t.Errorf("seed %d: up to %d of %d are missed", seed, k.missed, all)
		}
		if !slices.ContainsFunc(k.top(), func(c keyCount) bool { return c.key == "late" }) {
			t.Errorf("seed %d: late is not there: %v", seed, k.top())
		}
	}
}

// Statistics of a million keys, each of its own and as long as can be, take little memory, and the hot ones stand out.
func TestStatsMemory(t *testing.T) {
	tally := new(tally)
	pad := strings.Repeat("x", 200)
	whole := hashkey.Whole()
	halves := whole.Split(2)
	for i := range 300_000 {
		u := deagg.UserRecord{PartitionKey: fmt.Sprint(i, pad), Aggregated: true}
		if i%5 == 0 {
			u.PartitionKey = "hot"
		}
		tally.user(&u, "shardId-000000000000", halves[0])
	}
	tally.shards.saw("shardId-000000000001", halves[1])
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.HeapAlloc > 64<<20 {
		t.Errorf("%d MiB are held", m.HeapAlloc>>20)
	}
	var b strings.Builder
	line := tally.line(deagg.Stats{User: 300_000}, nil)
	if err := line.writeText(&b); err != nil || !strings.Contains(b.String(), " 60000  20.0 %  \"hot\"\n") ||
		!strings.Contains(b.String(), "more than 20000 partition keys: no other one has more than ") {
		t.Errorf("%v\n%s", err, &b)
	}
	if line.Stats.Exact || len(line.PartitionKeys) != 1 || line.PartitionKeys[0].N != 60_000 || line.PartitionKeys[0].Missed != 0 {
		t.Errorf("%+v, %d keys", line.Stats, len(line.PartitionKeys))
	}
}

// A user record belongs to its own shard if that holds its hash key, else to the newest one that does, also if that comes
// later.
func TestShardCounts(t *testing.T) {
	quarters := hashkey.Whole().Split(4)
	halves := hashkey.Whole().Split(2)
	in := func(r hashkey.Range) *deagg.UserRecord {
		return &deagg.UserRecord{PartitionKey: "k", ExplicitHashKey: r.Start().String()}
	}
	var s shardCounts
	s.add(in(quarters[0]), "shardId-000000000000", halves[0])
	s.add(in(quarters[2]), "shardId-000000000000", halves[0]) // a stray
	s.add(in(quarters[1]), "", hashkey.Range{})               // of no shard
	s.add(&deagg.UserRecord{PartitionKey: "k", ExplicitHashKey: "undefined"}, "shardId-000000000000", halves[0])
	s.saw("shardId-000000000003", quarters[1])
	s.saw("shardId-000000000002", quarters[0])
	s.settle()
	s.add(in(quarters[3]), "shardId-000000000000", halves[0])
	s.settle()
	got := ""
	for _, at := range s.shards() {
		got += fmt.Sprint(at.id[len(at.id)-1:], ":", s.counts[at], " ")
	}
	if want := "0:1 2:0 3:1 "; got != want || s.unknown != 3 {
		t.Errorf("%s, %d unknown, want %s", got, s.unknown, want)
	}
	for i := range 2 * mostShards {
		s.saw(fmt.Sprint(i), halves[0])
	}
	if len(s.counts) != mostShards {
		t.Errorf("%d shards are held", len(s.counts))
	}
}

// The line has the three fields of the command's contract, in their order.
func TestStatsLine(t *testing.T) {
	var b strings.Builder
	if err := new(tally).line(deagg.Stats{}, nil).writeJSON(&b); err != nil {
		t.Fatal(err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(b.String()), &fields); err != nil || len(fields) != 3 || !strings.HasPrefix(b.String(), `{"v":1,"stats":{`) {
		t.Errorf("%v: %s", err, &b)
	}
}
