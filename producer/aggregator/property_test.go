package aggregator

import (
	"bytes"
	"cmp"
	"testing"

	"pgregory.net/rapid"

	"github.com/kplkit/kplkit/internal/wire"
)

// The same property runs on random user records and under the fuzzer.
func TestEncoderIsTheOracle(t *testing.T) { rapid.Check(t, encoderIsTheOracle) }

func FuzzEncoder(f *testing.F) { f.Fuzz(rapid.MakeFuzz(encoderIsTheOracle)) }

// encoderIsTheOracle fills one Encoder several times, with limits that change in between, and compares it after each
// Add with the oracle: bytes, sizes, limits, what is refused.
func encoderIsTheOracle(t *rapid.T) {
	var e Encoder
	for range rapid.IntRange(1, 3).Draw(t, "aggregates") {
		e.Reset()
		e.MaxBytes = rapid.IntRange(0, 1000).Draw(t, "MaxBytes")
		e.MaxCount = uint32(rapid.IntRange(0, 12).Draw(t, "MaxCount"))
		var held []Record
		for _, r := range rapid.SliceOfN(rapid.Custom(drawRecord), 0, 20).Draw(t, "records") {
			with := append(held[:len(held):len(held)], r)
			_, invalid := r.HashKey()
			fits := invalid == nil && (len(held) == 0 || withinLimits(t, &e, with))
			if size := e.SizeWith(r); size != len(oracle(t, with)) {
				t.Fatalf("SizeWith = %d, want %d", size, len(oracle(t, with)))
			}
			if ok, err := e.Add(r); ok != fits || (err == nil) != (invalid == nil) {
				t.Fatalf("Add = %v, %v, want %v", ok, err, fits)
			}
			if fits {
				held = with
			}
			checkHeld(t, &e, held)
		}
	}
}

func withinLimits(t *rapid.T, e *Encoder, records []Record) bool {
	return uint64(len(records)) <= uint64(cmp.Or(e.MaxCount, DefaultMaxCount)) && len(oracle(t, records)) <= cmp.Or(e.MaxBytes, DefaultMaxBytes)
}

func checkHeld(t *rapid.T, e *Encoder, held []Record) {
	got, want := e.AppendTo(nil), oracle(t, held)
	if !bytes.Equal(got, want) {
		t.Fatalf("AppendTo = %x, want %x", got, want)
	}
	if e.Size() != len(got) || e.Len() != len(held) {
		t.Fatalf("Size, Len = %d, %d, want %d, %d", e.Size(), e.Len(), len(got), len(held))
	}
	pk, ehk := e.Keys()
	if len(held) > 1 && (pk == wire.MarkKPL || pk == wire.MarkKplkit || ehk == "") {
		t.Fatalf("keys of an aggregate are %q, %q", pk, ehk)
	}
}

// drawRecord draws from few keys, so that they repeat, the marks and a few invalid ones among them.
func drawRecord(t *rapid.T) Record {
	return Record{
		PartitionKey:    rapid.OneOf(rapid.SampledFrom([]string{"a", "kplkit", "k", "l", "", "\xff"}), rapid.StringN(1, 8, 20)).Draw(t, "partition key"),
		ExplicitHashKey: rapid.SampledFrom([]string{"", "", "0", "1", maxHashKey, "01", "x"}).Draw(t, "explicit hash key"),
		Data:            rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "data"),
	}
}
