package interop

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/hashkey"
	"github.com/kplkit/kplkit/producer/aggregator"
)

const (
	decoderAggregates = 600
	mostUserRecords   = 500
)

// reading is how a peer is known to see user records: what it does not tell is taken from ours before comparing.
type reading struct {
	peer
	sees func([]userRecord) []userRecord
}

var readings = []reading{
	{kcl1, func(us []userRecord) []userRecord { return us }},
	{kcl2, func(us []userRecord) []userRecord { return us }},
	{python, firstHashKeyForNone},
	{node, func(us []userRecord) []userRecord { return without(firstHashKeyForNone(us), aggregatedFlag) }},
	{awslabs, func(us []userRecord) []userRecord {
		return without(us, aggregatedFlag, subSequenceNumber, explicitHashKey)
	}},
}

// firstHashKeyForNone is a mistake of the peers that take an absent index for 0: a user record without an explicit
// hash key gets the first one of its aggregate. Of a plain record they tell no sub-sequence number.
func firstHashKeyForNone(us []userRecord) []userRecord {
	seen := slices.Clone(us)
	first := slices.IndexFunc(us, func(u userRecord) bool { return u.ExplicitHashKey != nil })
	for i := range seen {
		if !*seen[i].Aggregated {
			subSequenceNumber(&seen[i])
		} else if seen[i].ExplicitHashKey == nil && first >= 0 {
			seen[i].ExplicitHashKey = us[first].ExplicitHashKey
		}
	}
	return seen
}

func without(us []userRecord, fields ...func(*userRecord)) []userRecord {
	seen := slices.Clone(us)
	for i := range seen {
		for _, remove := range fields {
			remove(&seen[i])
		}
	}
	return seen
}

func aggregatedFlag(u *userRecord)    { u.Aggregated = nil }
func subSequenceNumber(u *userRecord) { u.SubSequenceNumber = nil }
func explicitHashKey(u *userRecord)   { u.ExplicitHashKey = nil }

// TestDecoders: what our encoder writes is read alike by everyone.
func TestDecoders(t *testing.T) {
	e := newEvidence("decoders", *seed)
	stored, put := encoded(t, rand.New(rand.NewPCG(*seed, 0)))
	e.Input["stored records"] = len(stored)
	for i, r := range stored {
		users, _ := ours(t, r, deagg.Lossless)
		e.Input["user records"] += len(users)
		checkPut(t, put[i], users)
	}
	for _, p := range readings {
		c := e.comparison(p.name, p.versions(t))
		theirs := p.deaggregate(t, stored)
		for _, r := range stored {
			users, _ := ours(t, r, deagg.Lossless)
			c.compare(t, r.SequenceNumber, p.sees(users), theirs[r.SequenceNumber])
		}
	}
	e.report(t)
}

// checkPut: our own decoder gives back what was put.
func checkPut(t *testing.T, put []aggregator.Record, users []userRecord) {
	if len(put) != len(users) {
		t.Fatalf("%d user records of %d", len(users), len(put))
	}
	for i, r := range put {
		got := users[i]
		hashKey := ""
		if got.ExplicitHashKey != nil {
			hashKey = *got.ExplicitHashKey
		}
		if got.PartitionKey != r.PartitionKey || hashKey != r.ExplicitHashKey || string(got.Data) != string(r.Data) {
			t.Fatalf("user record %d is %+v, put was %+v", i, got, r)
		}
	}
}

// encoded returns stored records of our encoder, and what was put into each.
func encoded(t *testing.T, random *rand.Rand) (stored []storedRecord, put [][]aggregator.Record) {
	enc := aggregator.Encoder{MaxBytes: 1 << 20}
	for i := range decoderAggregates {
		records := drawRecords(random, 1+i*mostUserRecords/decoderAggregates)
		for _, r := range records {
			if ok, err := enc.Add(r); err != nil || !ok {
				t.Fatalf("user record %+v: added %v, %v", r, ok, err)
			}
		}
		key, _ := enc.Keys()
		stored = append(stored, storedRecord{SequenceNumber: strconv.Itoa(i), PartitionKey: key, Data: enc.AppendTo(nil)})
		put = append(put, records)
		enc.Reset()
	}
	return stored, put
}

// drawRecords returns n user records of few or many keys, with none, some or only explicit hash keys.
func drawRecords(random *rand.Rand, n int) []aggregator.Record {
	keys := 1 + random.IntN(n)
	explicit := random.IntN(3)
	records := make([]aggregator.Record, n)
	for i := range records {
		records[i] = aggregator.Record{PartitionKey: drawKey(random, random.IntN(keys)), Data: drawData(random)}
		if random.IntN(2) < explicit {
			records[i].ExplicitHashKey = drawHashKey(random)
		}
	}
	return records
}

// drawKey returns key number i of an alphabet, short or as long as Kinesis takes.
func drawKey(random *rand.Rand, i int) string {
	alphabets := []string{"key", "Schlüssel", "ключ", "鍵", "🔑", "a\tb\"c\\", strings.Repeat("k", 250)}
	return fmt.Sprint(alphabets[random.IntN(len(alphabets))], i)
}

func drawHashKey(random *rand.Rand) string {
	edges := []string{"0", "1", "18446744073709551616", "340282366920938463463374607431768211455"}
	if i := random.IntN(3 * len(edges)); i < len(edges) {
		return edges[i]
	}
	return hashkey.Of(fmt.Sprint(random.IntN(1000))).String()
}

// drawData returns up to 150 bytes, often none.
func drawData(random *rand.Rand) []byte {
	data := make([]byte, max(0, random.IntN(200)-50))
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	return data
}
