package deagg_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/hashkey"
	"github.com/kplkit/kplkit/internal/memory"
)

// TestMemory: what docs/format.md says of memory is so, for the worst inputs.
//
//	go test -run TestMemory -v ./deagg/...
func TestMemory(t *testing.T) {
	stated, inputs := memory.Read(t, "../docs/format.md"), memory.Aggregates(memory.Size)
	stored := func(in memory.Input) deagg.StoredRecord {
		return deagg.StoredRecord{SequenceNumber: "49680523304536297513748243888185500536114644917201928194", PartitionKey: "a", Data: in.Data}
	}
	iterate := func(d *deagg.Decoder, in memory.Input) any {
		for range d.UserRecords(stored(in)) {
		}
		return d
	}
	parse := func(in memory.Input) *deagg.AggregatedRecord {
		a, err := deagg.Parse(stored(in))
		if err != nil {
			t.Error(in.Name, err)
		}
		return a
	}
	stated.Hold(t, "deagg.Parse", inputs, func(in memory.Input) any { return parse(in) })
	stated.Hold(t, "deagg.Decoder", inputs, func(in memory.Input) any {
		return iterate(&deagg.Decoder{HashRange: halves[0], Ancestors: []hashkey.Range{hashkey.Whole()}}, in)
	})
	stated.Hold(t, "deagg.Decoder, KCL", inputs, func(in memory.Input) any {
		return iterate(&deagg.Decoder{Policy: deagg.KCL, HashRange: halves[0]}, in)
	})
	stated.Hold(t, "all of a Decoder's user records in a slice", inputs, func(in memory.Input) any {
		us := make([]deagg.UserRecord, 0, deagg.Count(in.Data))
		for u := range new(deagg.Decoder).UserRecords(stored(in)) {
			us = append(us, u)
		}
		return us
	})
}

// TestReadAtOnce: several may go through an AggregatedRecord at a time, whose bad indexes are errors that user records share.
// The race detector sees it where they may not.
func TestReadAtOnce(t *testing.T) {
	a, err := deagg.Parse(deagg.StoredRecord{Data: aggregateOf(t, message([]string{"k"}, nil, user(9, "x"), userWithHash(0, 9, "y")))})
	if err != nil {
		t.Fatal(err)
	}
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for u := range a.UserRecords() {
				if !errors.Is(u.Malformed, deagg.ErrIndex) {
					t.Errorf("%v", u.Malformed)
				}
			}
		})
	}
	readers.Wait()
}
