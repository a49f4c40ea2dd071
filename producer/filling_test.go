package producer

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/kplkit/kplkit/producer/aggregator"
)

// TestFilling: an aggregate takes the records that an Encoder with the same limits takes, whatever their keys, though it
// encodes them late.
func TestFilling(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		maxBytes, maxCount := 100+r.IntN(60_000), uint32(1+r.IntN(3000))
		keys, longest, f := 1+r.IntN(2000), 1+r.IntN(300), filling{}
		exact := aggregator.Encoder{MaxBytes: maxBytes, MaxCount: maxCount}
		for i := range 5000 {
			e := &pending{Record: Record{PartitionKey: strings.Repeat("k", r.IntN(20)) + strconv.Itoa(r.IntN(keys)), Data: make([]byte, r.IntN(longest))}}
			if seed%2 == 0 && r.IntN(2) == 0 {
				e.ExplicitHashKey = fmt.Sprint(r.IntN(keys))
			}
			want, err := exact.Add(e.Record)
			if err != nil {
				t.Fatal(err)
			}
			if got := f.add(e, maxBytes, maxCount); got != want {
				t.Fatalf("seed %d: record %d, after %d of %d bytes: %v, want %v", seed, i, exact.Size(), maxBytes, got, want)
			}
			if want {
				continue
			}
			if f.encode(); string(f.encoder.AppendTo(nil)) != string(exact.AppendTo(nil)) {
				t.Fatalf("seed %d: another aggregate than the Encoder's", seed)
			}
			f.empty()
			exact.Reset()
		}
	}
}

// TestFillingWaits: keys that are all new are encoded once, when the aggregate is full; what is being filled has no encoder.
func TestFillingWaits(t *testing.T) {
	f, i := filling{}, 0
	for ; f.add(&pending{Record: Record{PartitionKey: strconv.Itoa(i), Data: make([]byte, 100)}}, 50_000, 1e6); i++ {
		if f.encoder != nil {
			t.Fatalf("%d records are encoded", f.encoded)
		}
	}
	if f.encoded != i || f.size > 50_000 || f.size < 49_800 {
		t.Errorf("%d of %d records are encoded, in %d bytes", f.encoded, i, f.size)
	}
}

// TestFillingOfFew: that an aggregate had very many records costs the next one, of few, no memory to speak of: there may be ten
// thousand lanes.
func TestFillingOfFew(t *testing.T) {
	f, e := filling{}, &pending{Record: Record{PartitionKey: "k"}}
	for range 2 {
		for range 6000 {
			f.add(e, 51_200, 1e6)
		}
		f.empty()
		f.add(e, 51_200, 1e6)
		if n := cap(f.records); n > 512 {
			t.Errorf("there is room for %d records", n)
		}
	}
}
