package deagg_test

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"
	"unsafe"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/hashkey"
	"github.com/kplkit/kplkit/seqnum"
)

var halves, whole = hashkey.Whole().Split(2), []hashkey.Range{hashkey.Whole()}

// Two explicit hash keys, one in each half.
const inside, outside = "5", "340282366920938463463374607431768211450"

func mixed(t testing.TB, hashKeys ...string) []byte {
	m := message([]string{"k"}, hashKeys)
	for i := range hashKeys {
		m.Records = append(m.Records, userWithHash(0, uint64(i), fmt.Sprint("u", i)))
	}
	return aggregateOf(t, m)
}

// subs returns the sub-sequence numbers that were delivered; the last is negated and one less if it is marked Last.
func subs(us []deagg.UserRecord) (list []int64) {
	for _, u := range us {
		n := u.SubSequenceNumber
		if u.Last {
			n = -n - 1
		}
		list = append(list, n)
	}
	return list
}

// TestStrays holds design.md's evidence: each part of it is needed, and what follows depends on the mark.
func TestStrays(t *testing.T) {
	cases := []struct {
		name      string
		mark      string
		ancestors []hashkey.Range
		hashKeys  []string
		lossless  []int64
		stats     deagg.Stats
	}{
		{"kpl", "a", whole, []string{inside, outside, inside, outside}, []int64{0, -3},
			deagg.Stats{Stored: 1, Aggregated: 1, User: 2, Strays: 2, Dropped: 2}},
		{"kplkit", "kplkit", whole, []string{inside, outside}, nil,
			deagg.Stats{Stored: 1, Aggregated: 1, Strays: 1, Dropped: 2}},
		{"kplkit, no strays", "kplkit", whole, []string{inside, inside}, []int64{0, -2},
			deagg.Stats{Stored: 1, Aggregated: 1, User: 2}},
		{"another writer", "b", whole, []string{inside, outside}, []int64{0, -2},
			deagg.Stats{Stored: 1, Aggregated: 1, User: 2, Strays: 1}},
		{"no ancestors", "a", nil, []string{inside, outside}, []int64{0, -2},
			deagg.Stats{Stored: 1, Aggregated: 1, User: 2, Strays: 1}},
		{"no ancestor has all", "a", halves, []string{inside, outside}, []int64{0, -2},
			deagg.Stats{Stored: 1, Aggregated: 1, User: 2, Strays: 1}},
		{"the first is a stray", "a", whole, []string{outside, inside}, []int64{0, -2},
			deagg.Stats{Stored: 1, Aggregated: 1, User: 2, Strays: 1}},
		{"a hash key is no number", "a", whole, []string{inside, "undefined", outside}, []int64{0, 1, -3},
			deagg.Stats{Stored: 1, Aggregated: 1, User: 3, Strays: 2}},
		{"a hash key is negative", "kplkit", whole, []string{inside, "-130"}, []int64{0, -2},
			deagg.Stats{Stored: 1, Aggregated: 1, User: 2, Strays: 1}},
		{"all are strays", "a", whole, []string{outside, outside}, []int64{0, -2},
			deagg.Stats{Stored: 1, Aggregated: 1, User: 2, Strays: 2}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := deagg.Decoder{HashRange: halves[0], Ancestors: c.ancestors}
			us := collect(&d, deagg.StoredRecord{SequenceNumber: "7", PartitionKey: c.mark, Data: mixed(t, c.hashKeys...)})
			if got := subs(us); !slices.Equal(got, c.lossless) || d.Stats() != c.stats {
				t.Errorf("delivered %v, %+v; want %v, %+v", got, d.Stats(), c.lossless, c.stats)
			}
			d = deagg.Decoder{}
			if us := collect(&d, deagg.StoredRecord{PartitionKey: c.mark, Data: mixed(t, c.hashKeys...)}); len(us) != len(c.hashKeys) {
				t.Errorf("without a range %d of %d delivered", len(us), len(c.hashKeys))
			}
		})
	}
}

// TestLostKeyIsNoEvidence: an index out of its table leaves a hash key unknown, so nothing may be dropped.
func TestLostKeyIsNoEvidence(t *testing.T) {
	m := message([]string{"k"}, []string{inside, outside}, userWithHash(0, 0, "a"), userWithHash(0, 1, "b"), user(9, "c"))
	d := deagg.Decoder{HashRange: halves[0], Ancestors: whole}
	us := collect(&d, deagg.StoredRecord{PartitionKey: "a", Data: aggregateOf(t, m)})
	if got := subs(us); !slices.Equal(got, []int64{0, 1, -3}) || !errors.Is(us[2].Malformed, deagg.ErrIndex) || us[2].PartitionKey != "" {
		t.Errorf("delivered %v: %+v", got, us)
	}
	if want := (deagg.Stats{Stored: 1, Aggregated: 1, User: 3, Strays: 1, Malformed: 1}); d.Stats() != want {
		t.Errorf("%+v, want %+v", d.Stats(), want)
	}
}

func TestAfter(t *testing.T) {
	aggregate := mixed(t, inside, inside, inside)
	stored := []deagg.StoredRecord{
		{SequenceNumber: "6", Data: []byte("plain")},
		{SequenceNumber: "7", Data: aggregate},
		{SequenceNumber: "8", Data: aggregate[:30]}, // damaged
		{SequenceNumber: "9:1", Data: []byte("finished")},
		{SequenceNumber: "?", Data: []byte("no number")},
	}
	number := seqnum.MustParse
	for _, c := range []struct {
		after seqnum.Extended
		want  int // delivered of 7
	}{
		{seqnum.Extended{}, 7}, {seqnum.TrimHorizon(), 7}, {seqnum.Latest(), 7}, {seqnum.AtTimestamp(), 7},
		{seqnum.At(number("5"), 3), 7}, {seqnum.After(number("5")), 7},
		{seqnum.At(number("6"), 0), 6}, {seqnum.At(number("6"), 5), 7}, {seqnum.After(number("6")), 6},
		{seqnum.At(number("7"), 0), 5}, {seqnum.At(number("7"), 1), 4}, {seqnum.At(number("7"), 2), 3}, {seqnum.At(number("7"), 99), 3},
		{seqnum.At(number("8"), 0), 2}, {seqnum.After(number("8")), 2},
		{seqnum.At(number("9"), 0), 2}, {seqnum.At(number("9"), 1), 1}, {seqnum.At(number("10"), 0), 1},
		{seqnum.ShardEnd(), 0},
	} {
		d := deagg.Decoder{After: c.after}
		us := collect(&d, stored...)
		s := d.Stats()
		if len(us) != c.want || s.User != int64(c.want) || s.Skipped != int64(7-c.want) {
			t.Errorf("after %v: %d delivered, want %d; %+v", c.after, len(us), c.want, s)
		}
	}
}

// TestResumeEverywhere stops after each user record in turn and goes on at its Position: exactly the rest comes.
func TestResumeEverywhere(t *testing.T) {
	stored := []deagg.StoredRecord{
		{SequenceNumber: "1", Data: mixed(t, inside, inside)},
		{SequenceNumber: "2", Data: []byte("plain")},
		{SequenceNumber: "3", Data: mixed(t, inside)},
		{SequenceNumber: "4", Data: mixed(t, inside, outside, inside)[:25]},
		{SequenceNumber: "10", Data: mixed(t, inside, inside, inside)},
	}
	all := collect(new(deagg.Decoder), stored...)
	for i, u := range all {
		position, err := u.Position()
		if err != nil {
			t.Fatal(err)
		}
		rest := collect(&deagg.Decoder{After: position}, stored...)
		if !slices.Equal(texts(rest), texts(all[i+1:])) {
			t.Errorf("after %v: %v, want %v", position, texts(rest), texts(all[i+1:]))
		}
	}
}

func texts(us []deagg.UserRecord) (list []string) {
	for _, u := range us {
		list = append(list, fmt.Sprintf("%s:%d %q", u.SequenceNumber, u.SubSequenceNumber, u.Data))
	}
	return list
}

func TestFinishedUserRecordPasses(t *testing.T) {
	aggregate := mixed(t, inside)
	d := deagg.Decoder{}
	us := collect(&d, deagg.StoredRecord{SequenceNumber: "7:3", PartitionKey: "k", Data: aggregate})
	want := deagg.UserRecord{SequenceNumber: "7", SubSequenceNumber: 3, PartitionKey: "k", Data: aggregate, Aggregated: true}
	if len(us) != 1 || !reflect.DeepEqual(us[0], want) {
		t.Errorf("%+v", us)
	}
	if _, err := deagg.Parse(deagg.StoredRecord{SequenceNumber: "7:3", Data: aggregate}); err != deagg.ErrNotAggregated {
		t.Errorf("Parse: %v", err)
	}
	if position, err := us[0].Position(); err != nil || position != seqnum.At(seqnum.MustParse("7"), 3) {
		t.Errorf("%v, %v", position, err)
	}
}

func TestEmptyAggregates(t *testing.T) {
	d := deagg.Decoder{}
	us := collect(&d, deagg.StoredRecord{Data: aggregateOf(t, message([]string{"a key that nobody uses"}, nil))})
	if want := (deagg.Stats{Stored: 1, Aggregated: 1}); len(us) != 0 || d.Stats() != want {
		t.Errorf("%v, %+v", us, d.Stats())
	}
}

func TestPositionErrors(t *testing.T) {
	for _, number := range []string{"", "x", "7:"} {
		if p, err := (deagg.UserRecord{SequenceNumber: number}).Position(); !errors.Is(err, seqnum.ErrSyntax) {
			t.Errorf("%q: %v, %v", number, p, err)
		}
	}
	after, err := deagg.UserRecord{SequenceNumber: "7"}.Position()
	if err != nil || after.SubSequenceNumber() != math.MaxInt64 {
		t.Errorf("a plain record's position is %v, %v", after, err)
	}
}

func TestAliasAndClone(t *testing.T) {
	data := aggregateOf(t, message([]string{"key"}, []string{"12"}, userWithHash(0, 0, "data")))
	original := slices.Clone(data)
	a, err := deagg.Parse(deagg.StoredRecord{Data: data})
	if err != nil {
		t.Fatal(err)
	}
	within := func(p unsafe.Pointer) bool {
		start := uintptr(unsafe.Pointer(unsafe.SliceData(data)))
		return uintptr(p) >= start && uintptr(p) < start+uintptr(len(data))
	}
	for u := range a.UserRecords() {
		c := u.Clone()
		for what, p := range map[string][2]unsafe.Pointer{
			"data":              {unsafe.Pointer(unsafe.SliceData(u.Data)), unsafe.Pointer(unsafe.SliceData(c.Data))},
			"partition key":     {unsafe.Pointer(unsafe.StringData(u.PartitionKey)), unsafe.Pointer(unsafe.StringData(c.PartitionKey))},
			"explicit hash key": {unsafe.Pointer(unsafe.StringData(u.ExplicitHashKey)), unsafe.Pointer(unsafe.StringData(c.ExplicitHashKey))},
		} {
			if !within(p[0]) || within(p[1]) {
				t.Errorf("%s: shared %v, after Clone %v", what, within(p[0]), within(p[1]))
			}
		}
		_ = append(u.Data, "overwritten"...)
		if !reflect.DeepEqual(c, u) || cap(c.Data) != len(c.Data) {
			t.Errorf("%+v differs from its clone %+v", u, c)
		}
	}
	if !slices.Equal(data, original) {
		t.Error("an append wrote into the neighbour")
	}
}

// TestHotPathAllocatesNothing: after the first aggregate the Decoder and Reset allocate nothing, with and without a
// range, also through the range-over-func form with one stored record.
func TestHotPathAllocatesNothing(t *testing.T) {
	m := message(nil, nil)
	for i := range 10 {
		m.PartitionKeyTable = append(m.PartitionKeyTable, fmt.Sprint("key-", i))
	}
	m.ExplicitHashKeyTable = []string{inside, outside}
	for i := range 100 {
		m.Records = append(m.Records, user(uint64(i%10), "some data"))
	}
	r := deagg.StoredRecord{SequenceNumber: "49680523304536297513748243888185500536114644917201928194", PartitionKey: "a", Data: aggregateOf(t, m)}
	plain := deagg.StoredRecord{SequenceNumber: r.SequenceNumber, Data: []byte("plain")}
	both := []deagg.StoredRecord{r, plain}
	after := seqnum.At(seqnum.MustParse(r.SequenceNumber), 3)
	for name, d := range map[string]*deagg.Decoder{
		"lossless":  {},
		"range":     {HashRange: halves[0]},
		"ancestors": {HashRange: halves[0], Ancestors: whole},
		"after":     {After: after},
		"kcl":       {Policy: deagg.KCL, HashRange: whole[0]},
	} {
		count, a := 0, new(deagg.AggregatedRecord)
		run := func() {
			for u := range d.UserRecords(r) {
				count += len(u.Data)
			}
			for u := range d.UserRecords(plain) {
				count += len(u.Data)
			}
			for i, u := range d.All(both) {
				count += i + len(u.Data)
			}
			if a.Reset(r) != nil {
				t.Error("Reset failed")
			}
			for u := range a.UserRecords() {
				count += len(u.Data)
			}
		}
		run()
		if n := testing.AllocsPerRun(20, run); n != 0 || count == 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestNestingIsLimited(t *testing.T) {
	nested := func(n int) []byte {
		return slices.Concat(slices.Repeat([]byte{0x23}, n), slices.Repeat([]byte{0x24}, n))
	}
	for n, ok := range map[int]bool{1: true, 100: true, 101: false, 500_000: false} {
		_, err := deagg.Parse(deagg.StoredRecord{Data: seal(nested(n))})
		if (err == nil) != ok || !ok && !errors.Is(err, deagg.ErrWire) {
			t.Errorf("%d groups: %v", n, err)
		}
	}
}

// TestManyAtOnce: the answer does not depend on how many stored records are handed over at a time.
func TestManyAtOnce(t *testing.T) {
	var stored []deagg.StoredRecord
	for i := range 40 {
		data := mixed(t, inside, outside, inside)
		m := message([]string{"k"}, nil)
		for range 200 {
			m.Records = append(m.Records, user(0, fmt.Sprint("some data of aggregate ", i)))
		}
		large := aggregateOf(t, m)
		if i%7 == 3 {
			large[100] ^= 1
		}
		stored = append(stored,
			deagg.StoredRecord{SequenceNumber: fmt.Sprint(3 * i), Data: data},
			deagg.StoredRecord{SequenceNumber: fmt.Sprint(3*i + 1), Data: large},
			deagg.StoredRecord{SequenceNumber: fmt.Sprint(3*i + 2), Data: []byte("plain")})
	}
	var one, many deagg.Decoder
	var want []deagg.UserRecord
	for _, r := range stored {
		want = append(want, collect(&one, r)...)
	}
	for range 2 { // the second time with the first's memory
		if got := collect(&many, stored...); !slices.Equal(texts(got), texts(want)) {
			t.Fatalf("%d user records at once, %d one by one", len(got), len(want))
		}
	}
	if one.Stats().Malformed != 6 || many.Stats().Malformed != 12 {
		t.Errorf("%+v, %+v", one.Stats(), many.Stats())
	}
}

// TestAll: each user record comes with the index of its own stored record, also where sequence numbers repeat, are
// empty, or stored records before it deliver nothing.
func TestAll(t *testing.T) {
	two := aggregateOf(t, message([]string{"k"}, nil, user(0, "b"), user(0, "b")))
	damaged := seal([]byte{0x1a})
	stored := []deagg.StoredRecord{
		{SequenceNumber: "1", Data: []byte("done")},
		{SequenceNumber: "3", PartitionKey: "kplkit", Data: mixed(t, inside, outside)}, // all of it is dropped
		{SequenceNumber: "3", PartitionKey: "a", Data: mixed(t, inside, outside, inside)},
		{SequenceNumber: "3", Data: aggregateOf(t, message([]string{"k"}, nil))}, // empty
		{SequenceNumber: "3", Data: two},
		{SequenceNumber: "3", Data: two},
		{SequenceNumber: "3:0", Data: []byte("finished")},
		{SequenceNumber: "3", Data: []byte("plain")},
		{SequenceNumber: "", Data: []byte("without a number")},
		{SequenceNumber: "", Data: damaged},
		{SequenceNumber: "", Data: two},
	}
	want := []int{2, 2, 4, 4, 5, 5, 6, 7, 8, 9, 10, 10}
	newDecoder := func() *deagg.Decoder {
		return &deagg.Decoder{HashRange: halves[0], Ancestors: whole, After: seqnum.After(seqnum.MustParse("2"))}
	}
	d := newDecoder()
	var got []int
	var us []deagg.UserRecord
	for i, u := range d.All(stored) {
		got, us = append(got, i), append(us, u)
	}
	plain := newDecoder()
	if !slices.Equal(got, want) || !reflect.DeepEqual(us, collect(plain, stored...)) || d.Stats() != plain.Stats() {
		t.Errorf("from %v, want %v; %+v", got, want, us)
	}
	for stop := range want { // an iteration that ends early counts what it has delivered, and no more
		d, n := newDecoder(), 0
		for i := range d.All(stored) {
			if i != want[n] {
				t.Errorf("user record %d comes from %d, want %d", n, i, want[n])
			}
			if n++; n > stop {
				break
			}
		}
		if s := d.Stats(); s.User != int64(stop+1) || s.Stored != int64(want[stop]+1) {
			t.Errorf("ended at user record %d: %+v", stop, s)
		}
	}
}

// TestCount: a Decoder never delivers more than was counted, and of whole aggregates all of it.
func TestCount(t *testing.T) {
	for _, c := range readLines[capture](t, "testdata/kcl-damaged/stored.jsonl.gz") {
		for policy := range deagg.KCL + 1 {
			n := len(collect(&deagg.Decoder{Policy: policy}, c.stored()))
			a, err := deagg.Parse(c.stored())
			if most := deagg.Count(c.stored().Data); n > most || err == nil && most != max(1, a.Len()) {
				t.Errorf("%s: %d user records under policy %d, counted %d", c.SequenceNumber, n, policy, most)
			}
		}
	}
}
