package deagg_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/hashkey"
	"github.com/kplkit/kplkit/seqnum"
)

// TestReset: a Decoder that was reset does what a new one does, whatever it has met.
func TestReset(t *testing.T) {
	apart := []deagg.StoredRecord{{SequenceNumber: "7:0", Data: []byte("a")}, {SequenceNumber: "7:1", Data: []byte("b")}}
	bare := deagg.StoredRecord{SequenceNumber: "7", Data: []byte("c")}
	var d deagg.Decoder
	for _, after := range []seqnum.Extended{{}, seqnum.At(seqnum.MustParse("7"), 0), seqnum.At(seqnum.MustParse("8"), 0)} {
		d.Policy, d.HashRange, d.Ancestors = deagg.KCL, hashkey.Whole(), []hashkey.Range{hashkey.Whole()}
		d.After = seqnum.At(seqnum.MustParse("7"), 0)
		for range d.UserRecords(apart...) {
		}
		d.Reset()
		if d.Policy != deagg.Lossless || d.HashRange.IsValid() || d.Ancestors != nil || d.After.IsValid() {
			t.Errorf("fields are left: %v", d)
		}
		fresh := deagg.Decoder{After: after}
		d.After = after
		got, want := slices.Collect(d.UserRecords(bare)), slices.Collect(fresh.UserRecords(bare))
		if diff := cmp.Diff(want, got); diff != "" || d.Stats() != fresh.Stats() {
			t.Errorf("after %v: %s, %v, want %v", after, diff, d.Stats(), fresh.Stats())
		}
	}
}
