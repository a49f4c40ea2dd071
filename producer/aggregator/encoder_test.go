package aggregator

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kplkit/kplkit/deagg/hashkey"
)

const maxHashKey = "340282366920938463463374607431768211455" // 2^128-1

// sameBytes compares data, for which absent and empty are the same, at once instead of byte by byte.
var sameBytes = cmp.Comparer(bytes.Equal)

// filled returns an Encoder without limits that holds the records.
func filled(t testing.TB, records ...Record) *Encoder {
	t.Helper()
	e := &Encoder{MaxBytes: 1 << 30}
	for _, r := range records {
		want := e.SizeWith(r)
		if ok, err := e.Add(r); !ok || err != nil {
			t.Fatalf("Add(%+v) = %v, %v", r, ok, err)
		}
		if e.Size() != want {
			t.Fatalf("Size() = %d after SizeWith = %d", e.Size(), want)
		}
	}
	return e
}

// TestEncoding looks at the places where lengths and indexes grow by a byte.
func TestEncoding(t *testing.T) {
	many := func(n int, explicit bool) (rs []Record) {
		for i := range n {
			r := Record{PartitionKey: strconv.Itoa(i), Data: []byte{byte(i)}}
			if explicit {
				r.ExplicitHashKey = strconv.Itoa(i * i)
			}
			rs = append(rs, r, r)
		}
		return rs
	}
	sized := func(n int) []Record {
		return []Record{{PartitionKey: "k", Data: make([]byte, n)}, {PartitionKey: "k", Data: make([]byte, n)}}
	}
	for name, records := range map[string][]Record{
		"no data":                      {{PartitionKey: "k"}, {PartitionKey: "k", Data: []byte{}}},
		"last without data":            {{PartitionKey: "k", Data: []byte("x")}, {PartitionKey: "l"}},
		"longest keys":                 {{PartitionKey: strings.Repeat("\U0010ffff", 256), ExplicitHashKey: maxHashKey}, {PartitionKey: "0", ExplicitHashKey: "0"}},
		"explicit hash key on some":    {{PartitionKey: "k"}, {PartitionKey: "k", ExplicitHashKey: "7"}, {PartitionKey: "l"}},
		"same text in both tables":     {{PartitionKey: "7", ExplicitHashKey: "7"}, {PartitionKey: "8", ExplicitHashKey: "7"}},
		"data like an aggregate":       {{PartitionKey: "k", Data: []byte("\xf3\x89\x9a\xc2")}, {PartitionKey: "k"}},
		"128 keys":                     many(128, true),
		"129 keys":                     many(129, true),
		"16,385 partition keys":        many(16385, false),
		"data of 120":                  sized(120), // up to here the length of the message is one byte
		"data of 127":                  sized(127),
		"data of 128":                  sized(128),
		"data of 16,383":               sized(16383),
		"data of 16,384":               sized(16384),
		"more than the default limits": sized(100_000),
	} {
		t.Run(name, func(t *testing.T) {
			e := filled(t, records...)
			got := e.AppendTo([]byte("before"))
			want := append([]byte("before"), oracle(t, records)...)
			if !bytes.Equal(got, want) {
				t.Fatalf("AppendTo differs from the generated code's bytes\n got %.200x\nwant %.200x", got, want)
			}
			if e.Size() != len(got)-len("before") || e.Len() != len(records) {
				t.Errorf("Size, Len = %d, %d, want %d, %d", e.Size(), e.Len(), len(got)-len("before"), len(records))
			}
			if diff := cmp.Diff(records, expand(t, got[len("before"):]), sameBytes); diff != "" {
				t.Errorf("comes back changed (-put +read):\n%s", diff)
			}
		})
	}
}

func TestFewerThanTwo(t *testing.T) {
	var e Encoder
	if pk, ehk := e.Keys(); pk != "" || ehk != "" || e.Size() != 0 || e.Len() != 0 || len(e.AppendTo(nil)) != 0 {
		t.Errorf("empty: keys %q %q, size %d, len %d, data %q", pk, ehk, e.Size(), e.Len(), e.AppendTo(nil))
	}
	for _, r := range []Record{
		{PartitionKey: "a", Data: []byte("its own key, mark or not")},
		{PartitionKey: "k", ExplicitHashKey: "0"},
		{PartitionKey: "k", Data: make([]byte, 2*DefaultMaxBytes)}, // larger than any aggregate
	} {
		e.Reset()
		if ok, err := e.Add(r); !ok || err != nil {
			t.Fatalf("Add = %v, %v", ok, err)
		}
		pk, ehk := e.Keys()
		got := Record{PartitionKey: pk, ExplicitHashKey: ehk, Data: e.AppendTo(nil)}
		if diff := cmp.Diff(r, got, sameBytes); diff != "" || e.Size() != len(r.Data) || e.Len() != 1 {
			t.Errorf("a single user record is not plain (size %d, len %d):\n%s", e.Size(), e.Len(), diff)
		}
	}
}

func TestKeys(t *testing.T) {
	ofA, ofMark := hashkey.Of("a").String(), hashkey.Of("kplkit").String()
	for _, tt := range []struct {
		first                         Record
		partitionKey, explicitHashKey string
	}{
		{Record{PartitionKey: "k"}, "k", hashkey.Of("k").String()},
		{Record{PartitionKey: "k", ExplicitHashKey: maxHashKey}, "k", maxHashKey},
		{Record{PartitionKey: "a"}, ofA, ofA},
		{Record{PartitionKey: "kplkit"}, ofMark, ofMark},
		{Record{PartitionKey: "a", ExplicitHashKey: "5"}, "5", "5"},
		{Record{PartitionKey: "A"}, "A", hashkey.Of("A").String()},
	} {
		e := filled(t, tt.first, Record{PartitionKey: "other", ExplicitHashKey: "9"})
		if pk, ehk := e.Keys(); pk != tt.partitionKey || ehk != tt.explicitHashKey {
			t.Errorf("%+v first: keys %q, %q, want %q, %q", tt.first, pk, ehk, tt.partitionKey, tt.explicitHashKey)
		}
	}
}

// TestLimits adds up to each limit exactly, and one more.
func TestLimits(t *testing.T) {
	r := Record{PartitionKey: "k", Data: []byte("0123456789")}
	exact := filled(t, r, r, r).Size()
	for name, e := range map[string]*Encoder{
		"bytes": {MaxBytes: exact},
		"count": {MaxCount: 3},
		"both":  {MaxBytes: exact, MaxCount: 3},
	} {
		for i := range 4 {
			if ok, err := e.Add(r); ok != (i < 3) || err != nil {
				t.Errorf("%s: Add of user record %d = %v, %v", name, i, ok, err)
			}
		}
		if e.Len() != 3 || e.Size() != exact || !bytes.Equal(e.AppendTo(nil), oracle(t, []Record{r, r, r})) {
			t.Errorf("%s: a refused user record left something behind: len %d, size %d", name, e.Len(), e.Size())
		}
	}
	below := &Encoder{MaxBytes: exact - 1}
	for range 3 {
		below.Add(r)
	}
	if below.Len() != 2 {
		t.Errorf("%d user records fit %d bytes, 3 need %d", below.Len(), exact-1, exact)
	}
}

func TestDefaultLimit(t *testing.T) {
	var e Encoder
	r := Record{PartitionKey: "k", Data: make([]byte, 99)}
	for ok := true; ok; {
		ok, _ = e.Add(r)
	}
	if size, more := e.Size(), e.SizeWith(r); size > 51_200 || more <= 51_200 {
		t.Errorf("full at %d bytes, %d with one more, want the KPL's limit of 51,200 between", size, more)
	}
}

func TestInvalidRecords(t *testing.T) {
	for _, tt := range []struct {
		name   string
		record Record
		kind   error
	}{
		{"empty partition key", Record{}, ErrPartitionKey},
		{"257 characters", Record{PartitionKey: strings.Repeat("é", 257)}, ErrPartitionKey},
		{"no UTF-8", Record{PartitionKey: "k\xff"}, ErrPartitionKey},
		{"no number", Record{PartitionKey: "k", ExplicitHashKey: "undefined"}, ErrExplicitHashKey},
		{"negative", Record{PartitionKey: "k", ExplicitHashKey: "-130"}, ErrExplicitHashKey},
		{"2^128", Record{PartitionKey: "k", ExplicitHashKey: "340282366920938463463374607431768211456"}, ErrExplicitHashKey},
		{"leading zero", Record{PartitionKey: "k", ExplicitHashKey: "07"}, ErrExplicitHashKey},
	} {
		e := filled(t, Record{PartitionKey: "k"}, Record{PartitionKey: "k"})
		before := e.AppendTo(nil)
		ok, err := e.Add(tt.record)
		var positional *RecordError
		if ok || !errors.Is(err, tt.kind) || !errors.As(err, &positional) || positional.Index != 2 {
			t.Errorf("%s: Add = %v, %v", tt.name, ok, err)
		}
		if !bytes.Equal(e.AppendTo(nil), before) || e.Len() != 2 {
			t.Errorf("%s: it left something behind", tt.name)
		}
		if _, err := tt.record.HashKey(); !errors.Is(err, tt.kind) {
			t.Errorf("%s: HashKey: %v", tt.name, err)
		}
	}
}

func TestHashKey(t *testing.T) {
	for _, tt := range []struct {
		record Record
		want   hashkey.Key
	}{
		{Record{PartitionKey: "k"}, hashkey.Of("k")},
		{Record{PartitionKey: "k", ExplicitHashKey: maxHashKey}, hashkey.Max()},
	} {
		if got, err := tt.record.HashKey(); err != nil || got != tt.want {
			t.Errorf("HashKey of %+v = %v, %v, want %v", tt.record, got, err, tt.want)
		}
	}
}

// TestNothingIsPinned changes the caller's memory after Add, and the result after AppendTo.
func TestNothingIsPinned(t *testing.T) {
	data := []byte("data")
	r := Record{PartitionKey: "k", Data: data}
	e := filled(t, r, r)
	want := oracle(t, []Record{r, r})
	clear(data)
	clear(e.AppendTo(nil))
	if got := e.AppendTo(nil); !bytes.Equal(got, want) {
		t.Errorf("the Encoder shares memory:\n got %x\nwant %x", got, want)
	}
}

func TestNoAllocation(t *testing.T) {
	var records []Record
	for i := range 300 {
		records = append(records, Record{PartitionKey: fmt.Sprint("key-", i%200), ExplicitHashKey: strconv.Itoa(i % 150), Data: make([]byte, 50)})
	}
	e := filled(t, records...)
	dst := e.AppendTo(nil)
	if n := testing.AllocsPerRun(20, func() {
		e.Reset()
		for _, r := range records {
			if ok, err := e.Add(r); !ok || err != nil {
				t.Fatal(ok, err)
			}
		}
		dst = e.AppendTo(dst[:0])
	}); n != 0 {
		t.Errorf("%v allocations for an aggregate that fits the memory of the one before, want 0", n)
	}
}
