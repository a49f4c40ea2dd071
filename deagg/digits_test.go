package deagg_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/seqnum"
)

// TestDigits: a Decoder takes digits for what SEQUENCE:SUB and a bare number are, and hands on the bare number.
func TestDigits(t *testing.T) {
	n := version2 + "20"
	damaged := []byte("\xf3\x89\x9a\xc2, damaged")
	for _, c := range []struct {
		number string
		data   []byte
		want   deagg.UserRecord
	}{
		{n + "000000003", []byte("d"), deagg.UserRecord{SubSequenceNumber: 3, Aggregated: true}},
		{n + "999999999", []byte("d"), deagg.UserRecord{Last: true}},
		{n + "999999999", damaged, deagg.UserRecord{Last: true}},
		{n + "999999998", damaged, deagg.UserRecord{SubSequenceNumber: 999_999_998, Aggregated: true}}, // not looked into again
	} {
		var d deagg.Decoder
		us := collect(&d, deagg.StoredRecord{SequenceNumber: c.number, Data: c.data})
		if len(us) != 1 {
			t.Fatalf("%s: %d user records", c.number, len(us))
		}
		u := us[0]
		if u.SequenceNumber != n || u.SubSequenceNumber != c.want.SubSequenceNumber || u.Aggregated != c.want.Aggregated || u.Last != c.want.Last ||
			string(u.Data) != string(c.data) || (u.Malformed != nil) != (u.Last && deagg.HasMagic(c.data)) {
			t.Errorf("%s: %+v", c.number, u)
		}
		want, err := seqnum.ParseDigits(c.number)
		if at, positionErr := u.Position(); err != nil || positionErr != nil || at != want {
			t.Errorf("%s is at %v, %v, %v", c.number, at, err, positionErr)
		}
		// A user record that somebody made of the text itself is where the text says.
		if at, err := (deagg.UserRecord{SequenceNumber: c.number}).Position(); err != nil || at != want {
			t.Errorf("%s itself is at %v, %v", c.number, at, err)
		}
	}
}

// TestDigitsAllocateNothing: neither what has digits nor what has none.
func TestDigitsAllocateNothing(t *testing.T) {
	n := version2 + "20"
	d := deagg.Decoder{After: seqnum.At(seqnum.MustParse(n), 0)}
	rs := []deagg.StoredRecord{{SequenceNumber: n + "000000001"}, {SequenceNumber: n + "999999999"}, {SequenceNumber: n}}
	if allocs := testing.AllocsPerRun(20, func() {
		for i := range rs {
			for range d.UserRecords(rs[i]) {
			}
		}
	}); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// TestParseDigits: Parse takes a stored record whose number is, as digits, all of it for what the Decoder does.
func TestParseDigits(t *testing.T) {
	n := version2 + "20"
	r := deagg.StoredRecord{SequenceNumber: n + "999999999", Data: mixed(t, "0", "1")}
	a, err := deagg.Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	got, want := slices.Collect(a.UserRecords()), collect(new(deagg.Decoder), r)
	if !cmp.Equal(got, want) || len(got) != 2 || got[0].SequenceNumber != n {
		t.Errorf("%+v, and the Decoder's are %+v", got, want)
	}
	r.Data[len(r.Data)-1] ^= 1
	if _, err := deagg.Parse(r); !errors.Is(err, deagg.ErrChecksum) {
		t.Errorf("damaged: %v", err)
	}
}
