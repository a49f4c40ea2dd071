package interop

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/kplkit/kplkit/deagg/hashkey"
)

// mode is how user records are put: settings of the KPL, and which user records.
type mode struct {
	name       string
	settings   map[string]string
	shards     int32
	records    int
	big        bool   // these instead: as large as aggregates and records may be
	oneByOne   bool   // each waits for the result of the one before it
	split      bool   // all shards are split after a third
	aggregates bool   // there have to be some, and none otherwise
	maxUsers   int    // in an aggregate; 0: any
	maxBytes   int    // of an aggregate; 0: any
	repeats    int    // streams; 0 is one
	stream     string // given when it is run
}

// modes are those of the captures of the KPL that kplkit is tested with.
var modes = []mode{
	{name: "default", shards: 2, records: 300, aggregates: true},
	{name: "count7", settings: map[string]string{"AggregationMaxCount": "7"}, shards: 2, records: 300, aggregates: true, maxUsers: 7},
	{name: "small", settings: map[string]string{"AggregationMaxSize": "1024"}, shards: 2, records: 300, aggregates: true, maxBytes: 1024},
	{name: "single", settings: map[string]string{"RecordMaxBufferedTime": "1"}, shards: 2, records: 40, oneByOne: true},
	{name: "noagg", settings: map[string]string{"AggregationEnabled": "false"}, shards: 2, records: 300},
	{name: "big", shards: 1, big: true, aggregates: true},
	{name: "reshard", shards: 2, records: 500, split: true, aggregates: true, repeats: 3},
}

// play puts a mode's user records into a stream of its own, and returns all that was put.
func (m mode) play(t *testing.T, w *daemonWorld, k *kpl, random *rand.Rand) (puts []*put) {
	w.create(t, m.stream, m.shards)
	if m.aggregates {
		puts = wake(t, k, m.stream)
	}
	records := m.draw(random)
	for i, p := range records {
		puts = append(puts, k.put(p))
		if m.oneByOne {
			k.wait(puts)
		}
		if m.split && i == len(records)/3 {
			k.flush()
			w.split(t, m.stream)
		}
	}
	k.flush()
	k.wait(puts)
	return puts
}

// wake puts pairs until one shares a stored record: before a producer has listed a stream's shards it puts plain.
func wake(t *testing.T, by parent, stream string) (puts []*put) {
	for range 999 {
		a := by.put(&put{stream: stream, key: "awake", data: fmt.Append(nil, "a", len(puts))})
		b := by.put(&put{stream: stream, key: "awake", data: fmt.Append(nil, "b", len(puts))})
		puts = append(puts, a, b)
		by.flush()
		by.wait(puts)
		if a.stored() && b.stored() && a.number == b.number {
			return puts
		}
	}
	t.Fatalf("it does not aggregate: %+v\n%s", puts[len(puts)-1], by.said())
	return nil
}

func (m mode) draw(random *rand.Rand) (puts []*put) {
	if m.big {
		for i, size := range []int{1<<20 - len("big0"), 51000, 51199, 51200, 51201, 10, 60000, 1<<20 - len("big7"), 20} {
			puts = append(puts, &put{stream: m.stream, key: fmt.Sprint("big", i), data: bytesOf(random, size)})
		}
		return puts
	}
	for range m.records {
		p := &put{stream: m.stream, data: bytesOf(random, sizeOf(random))}
		p.key, p.hashKey = keyOf(random)
		puts = append(puts, p)
	}
	return puts
}

// keyOf draws keys that come again and that do not, of any characters, as long as they may be, and explicit hash keys.
func keyOf(random *rand.Rand) (key, hashKey string) {
	odd := []string{"ключ", "鍵", "🔑", "naïve", " ", "\n"}
	switch kind := random.IntN(10); {
	case kind < 3:
		return fmt.Sprint("user-", random.IntN(20)), ""
	case kind < 7:
		return fmt.Sprintf("%x", bytesOf(random, 16)), ""
	case kind == 7:
		return fmt.Sprint(odd[random.IntN(len(odd))], random.IntN(5)), ""
	case kind == 8:
		return strings.Repeat(string(rune('a'+random.IntN(26))), 250) + fmt.Sprintf("%06d", random.IntN(1e6)), ""
	}
	hash := hashkey.Of(fmt.Sprint(random.Uint64()))
	switch random.IntN(8) {
	case 0:
		hash = hashkey.Key{}
	case 1:
		hash = hashkey.Max()
	}
	return fmt.Sprint("ehk-", random.IntN(4)), hash.String()
}

// sizeOf draws: some are empty, most small, a few larger than an aggregate may be.
func sizeOf(random *rand.Rand) int {
	switch n := random.IntN(100); {
	case n < 5:
		return 0
	case n < 60:
		return random.IntN(200)
	case n < 90:
		return random.IntN(2000)
	case n < 98:
		return random.IntN(12000)
	}
	return 20000 + random.IntN(40000)
}

func bytesOf(random *rand.Rand, n int) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	return data
}
