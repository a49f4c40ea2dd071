package deagg_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/internal/aggpb"
	"github.com/kplkit/kplkit/seqnum"
)

// apart returns the user records "7:0", "7:1", … and the bare "7" of an aggregate of n, as another kplkit layer
// delivers them.
func apart(n int) (rs []deagg.StoredRecord) {
	for i := range n - 1 {
		rs = append(rs, deagg.StoredRecord{SequenceNumber: fmt.Sprint("7:", i)})
	}
	return append(rs, deagg.StoredRecord{SequenceNumber: "7"})
}

// TestAfterTakenApart names the cases in which a bare sequence number is After's own: it is that of a plain stored
// record, or of the last user record of an aggregate that another layer took apart.
func TestAfterTakenApart(t *testing.T) {
	whole, plain := seqnum.After(seqnum.MustParse("7")), apart(1)
	at := func(k int64) seqnum.Extended { return seqnum.At(seqnum.MustParse("7"), k) }
	next := []deagg.StoredRecord{{SequenceNumber: "8"}}
	for _, c := range []struct {
		name    string
		after   seqnum.Extended
		batches [][]deagg.StoredRecord
		want    []string
	}{
		{"the first of three", at(0), [][]deagg.StoredRecord{apart(3)}, []string{"7:1", "7"}},
		{"the second of three", at(1), [][]deagg.StoredRecord{apart(3)}, []string{"7"}},
		{"the first of two", at(0), [][]deagg.StoredRecord{apart(2)}, []string{"7"}},
		{"batches of one", at(0), [][]deagg.StoredRecord{apart(3)[:1], nil, apart(3)[1:2], apart(3)[2:]}, []string{"7:1", "7"}},
		{"batches of one, the second", at(1), [][]deagg.StoredRecord{apart(3)[:1], apart(3)[1:2], apart(3)[2:]}, []string{"7"}},
		{"all", whole, [][]deagg.StoredRecord{apart(3), next}, []string{"8"}},
		{"all, and a batch that begins with the last", whole, [][]deagg.StoredRecord{apart(3)[2:], next}, []string{"8"}},
		{"a batch that begins with the last of three", at(1), [][]deagg.StoredRecord{apart(3)[2:]}, []string{"7"}},
		{"a plain one, as Java writes it", at(0), [][]deagg.StoredRecord{plain, next}, []string{"8"}},
		{"a batch that begins with the last of two: undecidable", at(0), [][]deagg.StoredRecord{apart(2)[1:], next}, []string{"8"}},
		{"a plain one that has no such user record", at(1), [][]deagg.StoredRecord{plain, next}, []string{"7", "8"}},
		{"another shard's between", at(0), [][]deagg.StoredRecord{apart(2)[:1], {{SequenceNumber: "9:0"}}, apart(2)[1:]}, []string{"9:0", "7"}},
	} {
		d := deagg.Decoder{After: c.after}
		var got []string
		for _, batch := range c.batches {
			got = append(got, numbers(collect(&d, batch...))...)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// numbers returns SEQ:SUB of what came out of an aggregate, a bare SEQ of all else.
func numbers(us []deagg.UserRecord) (list []string) {
	for _, u := range us {
		number := u.SequenceNumber
		if u.Aggregated {
			number = fmt.Sprint(number, ":", u.SubSequenceNumber)
		}
		list = append(list, number)
	}
	return list
}

// TestAfterIsChanged: a consumer that ends an iteration after any user record, and goes on with the same Decoder at its
// Position, gets exactly the rest: of the same batch, or of what follows.
func TestAfterIsChanged(t *testing.T) {
	records := slices.Concat([]deagg.StoredRecord{{SequenceNumber: "6:0"}, {SequenceNumber: "6"}}, apart(2),
		[]deagg.StoredRecord{{SequenceNumber: "8:0"}, {SequenceNumber: "8"}})
	all := numbers(collect(new(deagg.Decoder), records...))
	for first := range all {
		for second := first + 1; second < len(all); second++ {
			for _, again := range []bool{true, false} {
				var d deagg.Decoder
				from := 0
				for _, stop := range []int{first, second} {
					d.After = stopAfter(t, &d, records[from:], all[stop])
					if !again {
						from = stop + 1 // here each stored record is one user record
					}
				}
				if got := numbers(collect(&d, records[from:]...)); !slices.Equal(got, all[second+1:]) {
					t.Errorf("after %s and %s, same batch %v: %q, want %q", all[first], all[second], again, got, all[second+1:])
				}
			}
		}
	}
}

// stopAfter ends an iteration after a user record, and returns its position.
func stopAfter(t *testing.T, d *deagg.Decoder, rs []deagg.StoredRecord, number string) seqnum.Extended {
	for u := range d.UserRecords(rs...) {
		if numbers([]deagg.UserRecord{u})[0] == number {
			position, err := u.Position()
			if err != nil {
				t.Fatal(err)
			}
			return position
		}
	}
	t.Fatalf("%s does not come", number)
	return seqnum.Extended{}
}

// item is a user record that a Decoder is to deliver or to skip.
type item struct {
	text     string
	position seqnum.Extended // its own, whatever its number looks like
	bare     bool            // it comes as a bare number that is no aggregate
	first    bool            // nothing of its stored record comes before it
}

// version2 with two digits after it is a number that has a form of digits.
const version2 = "496805233045362975137482438881855005361146449172019281"

// drawInput draws stored records as AWS has them or as other layers hand them on, perhaps from the middle of an
// aggregate on, and what is in them.
func drawInput(outer *testing.T, t *rapid.T) (rs []deagg.StoredRecord, items []item) {
	for i := range rapid.IntRange(1, 6).Draw(t, "stored") {
		n, size := seqnum.MustParse(fmt.Sprint(version2, 20+i)), rapid.IntRange(1, 4).Draw(t, "size")
		var of []item
		for k := range size {
			of = append(of, item{text: fmt.Sprintf("%d.%d", i, k), position: seqnum.At(n, int64(k)), first: k == 0})
		}
		switch rapid.IntRange(0, 3).Draw(t, "form") {
		case 0: // as it is stored
			var us []*aggpb.Record
			for _, it := range of {
				us = append(us, user(0, it.text))
			}
			rs = append(rs, deagg.StoredRecord{SequenceNumber: n.String(), Data: aggregateOf(outer, message([]string{"k"}, nil, us...))})
		case 1: // damaged: it passes whole
			of = []item{{text: "\xf3\x89\x9a\xc2" + of[0].text, position: seqnum.At(n, 0), bare: true, first: true}}
			rs = append(rs, deagg.StoredRecord{SequenceNumber: n.String(), Data: []byte(of[0].text)})
		default: // taken apart, or plain
			of[size-1].bare = true
			asDigits := rapid.Bool().Draw(t, "digits")
			if i == 0 {
				of = of[rapid.IntRange(0, size-1).Draw(t, "from"):]
				of[0].first = true
			}
			for _, it := range of {
				position := it.position
				if it.bare {
					position = seqnum.After(n)
				}
				number := position.String()
				if asDigits {
					number, _ = position.Digits()
				}
				rs = append(rs, deagg.StoredRecord{SequenceNumber: number, Data: []byte(it.text)})
			}
		}
		items = append(items, of...)
	}
	return rs, items
}

// wanted says in the user's words what comes after a position.
func (it item) wanted(after seqnum.Extended) bool {
	n, _ := it.position.Number()
	own, _ := after.Number()
	switch {
	case it.position.Compare(after) > 0:
		undecidable := it.bare && it.first && n == own && after.SubSequenceNumber() == 0
		return !undecidable
	case it.bare && n == own && !after.Whole() && after.SubSequenceNumber() > 0:
		return true // rather twice than not at all: it may be a later one
	}
	return false
}

// TestAfterAgainstOracle: whatever the forms, the batches and the position, what is not done comes, and what is done
// does not, but for the two cases that a bare number leaves open.
func TestAfterAgainstOracle(t *testing.T) {
	outer := t
	rapid.Check(t, func(t *rapid.T) {
		rs, items := drawInput(outer, t)
		at := rapid.SampledFrom(items).Draw(t, "at").position
		n, _ := at.Number()
		after := rapid.SampledFrom([]seqnum.Extended{at, at, at, seqnum.After(n), seqnum.At(n, at.SubSequenceNumber()+2)}).Draw(t, "after")
		var want []string
		for _, it := range items {
			if it.wanted(after) {
				want = append(want, it.text)
			}
		}
		d := deagg.Decoder{After: after}
		var got []string
		for rest := rs; len(rest) > 0; {
			size := rapid.IntRange(0, len(rest)).Draw(t, "batch")
			for u := range d.UserRecords(rest[:size]...) {
				got = append(got, string(u.Data))
			}
			rest = rest[size:]
		}
		if !slices.Equal(got, want) {
			t.Errorf("after %v: %q, want %q", after, got, want)
		}
		if s := d.Stats(); s.User != int64(len(want)) || s.User+s.Skipped != int64(len(items)) {
			t.Errorf("%+v for %d of %d", s, len(want), len(items))
		}
	})
}

// TestFinishedAllocateNothing: what a Decoder remembers of finished user records costs no memory but the first time's,
// and is its own: the caller may reuse his.
func TestFinishedAllocateNothing(t *testing.T) {
	n := strings.Repeat("9", 56)
	d := deagg.Decoder{After: seqnum.At(seqnum.MustParse(n), 0)}
	rs := []deagg.StoredRecord{{SequenceNumber: n + ":0"}, {SequenceNumber: n + ":1"}}
	if allocs := testing.AllocsPerRun(20, func() {
		for range d.UserRecords(rs[0]) {
		}
		for range d.UserRecords(rs[1]) {
		}
	}); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}
