package deagg_test

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/kplkit/kplkit/deagg"
)

// answer is a line of what the real AggregatorUtil made of a stored record.
type answer struct {
	SequenceNumber    string `json:"sequence_number"`
	SubSequenceNumber int64  `json:"sub_sequence_number"`
	Aggregated        bool   `json:"aggregated"`
	Data              []byte `json:"data"`
}

// TestKCLDamaged compares the KCL policy with the answers of the real AggregatorUtil 2.7.2 to 3,000 good, odd and
// damaged aggregates, each with the range of its line.
func TestKCLDamaged(t *testing.T) {
	folder := filepath.Join("testdata", "kcl-damaged")
	want := map[string][]answer{}
	for _, a := range readLines[answer](t, filepath.Join(folder, "kcl-2.7.2.jsonl.gz")) {
		want[a.SequenceNumber] = append(want[a.SequenceNumber], a)
	}
	captures := readLines[capture](t, filepath.Join(folder, "stored.jsonl.gz"))
	if len(captures) != 3000 {
		t.Fatalf("%d stored records", len(captures))
	}
	for _, c := range captures {
		d := deagg.Decoder{Policy: deagg.KCL, HashRange: c.hashRange(t)}
		var got []answer
		for u := range d.UserRecords(c.stored()) {
			got = append(got, answer{u.SequenceNumber, u.SubSequenceNumber, u.Aggregated, u.Data})
		}
		if !equalAnswers(got, want[c.SequenceNumber]) {
			t.Errorf("%s: got %d user records, AggregatorUtil %d", c.SequenceNumber, len(got), len(want[c.SequenceNumber]))
		}
	}
}

func equalAnswers(a, b []answer) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].SubSequenceNumber != b[i].SubSequenceNumber || a[i].Aggregated != b[i].Aggregated || !bytes.Equal(a[i].Data, b[i].Data) {
			return false
		}
	}
	return true
}
