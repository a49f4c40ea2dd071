package seqnum_test

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kplkit/kplkit/seqnum"
)

const today = "49680523304536297513748243888185500536114644917201928194" // of a real stream's shardId-000000000000

func ExampleParseExtended() {
	inside, _ := seqnum.ParseExtended(today + ":4")
	whole, _ := seqnum.ParseExtended(today)
	fmt.Println(inside.SubSequenceNumber(), inside.Whole())
	fmt.Println(whole.Whole(), inside.Less(whole), whole.Less(seqnum.ShardEnd()))
	// Output:
	// 4 false
	// true true true
}

func ExampleFromCheckpoint() {
	// Java's checkpoint("123") stores sub-sequence number 0: up to the first user record of an aggregate.
	e, _ := seqnum.FromCheckpoint("123", 0)
	fmt.Println(e)
	// Output: 123:0
}

// In a store that sorts its keys by their bytes, as bbolt, Badger and FoundationDB do, positions come in the order of the
// shard: 9 before 10, and user records 2 and 10 of an aggregate before the end of it.
func ExampleExtended_AppendBinary() {
	var keys [][]byte
	for _, text := range []string{"10:0", "9", "9:10", "SHARD_END", "9:2"} {
		position, err := seqnum.ParseExtended(text)
		if err != nil {
			fmt.Println(err)
			return
		}
		key, _ := position.AppendBinary([]byte("shardId-000000000000/")) // it never fails
		keys = append(keys, key)
	}
	slices.SortFunc(keys, bytes.Compare)
	for _, key := range keys {
		shard, form, _ := bytes.Cut(key, []byte("/"))
		var position seqnum.Extended
		if err := position.UnmarshalBinary(form); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s %-9v %x\n", shard, position, form)
	}
	// Output:
	// shardId-000000000000 9:2       0401390000000000000002
	// shardId-000000000000 9:10      040139000000000000000a
	// shardId-000000000000 9         0401397fffffffffffffff
	// shardId-000000000000 10:0      040231300000000000000000
	// shardId-000000000000 SHARD_END 05
}

func ExampleNumber_ShardIndex() {
	n, _ := seqnum.Parse("49590338271490256608559692538361571095921575989136588898")
	shard, ok := n.ShardIndex()
	fmt.Println(n.Version(), shard, ok)
	// Output: 2 6 true
}

func ExampleNumber_ShardCreated() {
	n, _ := seqnum.Parse("49590338271490256608559692538361571095921575989136588898")
	created, ok := n.ShardCreated()
	fmt.Println(created.Format(time.DateTime), ok)
	// Output: 2018-11-21 04:57:38 true
}

// slowParse is the oracle: the API's rule in words of math/big.
func slowParse(s string) (*big.Int, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return nil, false
	}
	n, ok := new(big.Int).SetString(s, 10)
	return n, ok && len(n.String()) <= 129 && !slowIsDigits(n.String())
}

// slowIsDigits: 65 digits, of which the first 56 are a number of version 2.
func slowIsDigits(s string) bool {
	if len(s) != 65 {
		return false
	}
	n, ok := new(big.Int).SetString(s[:56], 10)
	return ok && s[0] != '0' && new(big.Int).Rsh(n, 184).Cmp(big.NewInt(2)) == 0
}

func checkNumbers(t rapid.TB, a, b string) {
	x, okX := slowParse(a)
	y, okY := slowParse(b)
	m, errM := seqnum.Parse(a)
	n, errN := seqnum.Parse(b)
	if (errM == nil) != okX || (errN == nil) != okY {
		t.Fatalf("Parse(%q): %v, Parse(%q): %v", a, errM, b, errN)
	}
	if !okX || !okY {
		return
	}
	if m.String() != x.String() {
		t.Fatalf("%q reads as %v", a, m)
	}
	if m.Compare(n) != x.Cmp(y) || (m == n) != (x.Cmp(y) == 0) || m.Less(n) != (x.Cmp(y) < 0) {
		t.Fatalf("%v and %v compare as %d", m, n, m.Compare(n))
	}
	mb, _ := seqnum.After(m).MarshalBinary()
	nb, _ := seqnum.After(n).MarshalBinary()
	if bytes.Compare(mb, nb) != x.Cmp(y) {
		t.Fatalf("the binary forms of %v and %v compare as %d", m, n, bytes.Compare(mb, nb))
	}
	version, shard, created, isV2 := slowVersion(x)
	gotShard, ok := m.ShardIndex()
	if m.Version() != version || ok != isV2 || ok && gotShard != shard {
		t.Fatalf("%v: version %d, shard %d %v; want %d, %d %v", m, m.Version(), gotShard, ok, version, shard, isV2)
	}
	if got, ok := m.ShardCreated(); ok != isV2 || ok && got.Unix() != created {
		t.Fatalf("%v: its shard was created at %d %v, want %d %v", m, got.Unix(), ok, created, isV2)
	}
}

func slowVersion(x *big.Int) (version, shard int, created int64, isV2 bool) {
	if x.BitLen() > 188 {
		return 0, 0, 0, false
	}
	version = int(new(big.Int).Rsh(x, 184).Int64())
	shard = int(new(big.Int).And(new(big.Int).Rsh(x, 4), big.NewInt(math.MaxUint32)).Int64())
	created = new(big.Int).And(new(big.Int).Rsh(x, 148), big.NewInt(1<<36-1)).Int64()
	return version, shard, created, version == 2
}

func drawNumber(t *rapid.T, label string) string {
	text := rapid.OneOf(
		rapid.StringMatching(`[0-9]{1,3}`),
		rapid.StringMatching(`4968[0-9]{52}`),
		rapid.StringMatching(`[47][0-9]{64}`),
		rapid.StringMatching(`0{0,3}[0-9]{1,132}`),
		rapid.String(),
	)
	return text.Draw(t, label)
}

func TestNumberAgainstBig(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { checkNumbers(t, drawNumber(t, "a"), drawNumber(t, "b")) })
}

func FuzzNumber(f *testing.F) {
	f.Add("9", "10")
	f.Add(today, "0")
	f.Add(strings.Repeat("9", 129), strings.Repeat("9", 130))
	f.Add(new(big.Int).Lsh(big.NewInt(1), 187).String(), new(big.Int).Lsh(big.NewInt(1), 188).String())
	f.Fuzz(func(t *testing.T, a, b string) { checkNumbers(t, a, b) })
}

func TestSyntaxErrors(t *testing.T) {
	for _, s := range []string{
		"", " ", "-1", "+1", " 1", "1 ", "1\n", "1.5", "1_0", "٣", "0x1", strings.Repeat("1", 130), strings.Repeat("x", 1<<20),
	} {
		if n, err := seqnum.Parse(s); !errors.Is(err, seqnum.ErrSyntax) {
			t.Errorf("Parse(%.20q) = %v, %v", s, n, err)
		} else if len(err.Error()) > 1000 {
			t.Errorf("an error text of %d bytes", len(err.Error()))
		}
		if e, err := seqnum.ParseExtended(s); !errors.Is(err, seqnum.ErrSyntax) {
			t.Errorf("ParseExtended(%.20q) = %v, %v", s, e, err)
		}
		if e, err := seqnum.FromCheckpoint(s, 0); !errors.Is(err, seqnum.ErrSyntax) {
			t.Errorf("FromCheckpoint(%.20q) = %v, %v", s, e, err)
		}
	}
	for _, s := range []string{
		"1:", ":1", ":", "1:-1", "1:+1", "1: 1", "1 :1", "1:1:1", "1:9223372036854775808", "SHARD_END:0", "trim_horizon", "invalid",
	} {
		if e, err := seqnum.ParseExtended(s); !errors.Is(err, seqnum.ErrSyntax) {
			t.Errorf("ParseExtended(%q) = %v, %v", s, e, err)
		}
	}
	if e, err := seqnum.FromCheckpoint("1", -1); !errors.Is(err, seqnum.ErrSyntax) {
		t.Errorf("FromCheckpoint(1, -1) = %v, %v", e, err)
	}
}

// ordered is a list of positions in Java's order.
func ordered(t rapid.TB) []seqnum.Extended {
	n := func(s string) seqnum.Number {
		n, err := seqnum.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return []seqnum.Extended{
		{}, seqnum.AtTimestamp(), seqnum.TrimHorizon(), seqnum.Latest(),
		seqnum.At(n("0"), 0), seqnum.At(n("9"), 0), seqnum.At(n("9"), 1), seqnum.At(n("9"), 10), seqnum.After(n("9")),
		seqnum.At(n("10"), 0), seqnum.At(n(today), 3), seqnum.After(n(today)), seqnum.After(n(strings.Repeat("9", 129))),
		seqnum.ShardEnd(),
	}
}

func TestExtendedOrder(t *testing.T) {
	all := ordered(t)
	for i, e := range all {
		for j, f := range all {
			want := 0
			if i != j {
				want = map[bool]int{true: -1, false: 1}[i < j]
			}
			if e.Compare(f) != want || e.Less(f) != (want < 0) || (e == f) != (want == 0) {
				t.Errorf("%v and %v compare as %d, want %d", e, f, e.Compare(f), want)
			}
			eb, _ := e.MarshalBinary()
			fb, _ := f.MarshalBinary()
			if bytes.Compare(eb, fb) != want {
				t.Errorf("the binary forms of %v and %v compare as %d, want %d", e, f, bytes.Compare(eb, fb), want)
			}
		}
	}
	if !slices.IsSortedFunc(all, seqnum.Extended.Compare) {
		t.Error("Compare does not sort")
	}
}

func TestExtendedRoundTrips(t *testing.T) {
	for _, e := range ordered(t) {
		for name, codec := range map[string]struct {
			marshal   func() ([]byte, error)
			unmarshal func(*seqnum.Extended, []byte) error
		}{
			"text":   {e.MarshalText, (*seqnum.Extended).UnmarshalText},
			"binary": {e.MarshalBinary, (*seqnum.Extended).UnmarshalBinary},
			"JSON":   {func() ([]byte, error) { return json.Marshal(e) }, func(e *seqnum.Extended, b []byte) error { return json.Unmarshal(b, e) }},
		} {
			b, err := codec.marshal()
			if err != nil {
				t.Fatal(err)
			}
			back := seqnum.TrimHorizon()
			if err := codec.unmarshal(&back, b); err != nil || back != e {
				t.Errorf("%s: %v comes back as %v, %v", name, e, back, err)
			}
		}
		if !e.IsValid() {
			continue
		}
		checkpoint, sub := e.Checkpoint()
		if back, err := seqnum.FromCheckpoint(checkpoint, sub); err != nil || back != e {
			t.Errorf("%v comes back from a lease as %v, %v", e, back, err)
		}
	}
	if got, err := json.Marshal(map[string]seqnum.Extended{"at": seqnum.At(seqnum.MustParse("7"), 2)}); string(got) != `{"at":"7:2"}` {
		t.Errorf("JSON: %s, %v", got, err)
	}
	if got, err := json.Marshal(map[seqnum.Number]int{seqnum.MustParse("7"): 1}); string(got) != `{"7":1}` {
		t.Errorf("JSON: %s, %v", got, err)
	}
}

func TestConstructors(t *testing.T) {
	n := seqnum.MustParse("7")
	if seqnum.At(n, math.MaxInt64) != seqnum.After(n) || !seqnum.After(n).Whole() {
		t.Error("all of 7 is not (7, MaxInt64)")
	}
	for _, e := range []seqnum.Extended{seqnum.At(n, -1), seqnum.At(seqnum.Number{}, 0), seqnum.After(seqnum.Number{}), {}} {
		if e.IsValid() || e.String() != "invalid" || e != (seqnum.Extended{}) {
			t.Errorf("%v is valid", e)
		}
	}
	if (seqnum.Number{}).IsValid() || (seqnum.Number{}).String() != "invalid" {
		t.Error("the zero Number is valid")
	}
	// Java calls two SHARD_END equal whatever their sub-sequence numbers.
	a, _ := seqnum.FromCheckpoint("SHARD_END", 0)
	b, _ := seqnum.FromCheckpoint("SHARD_END", 9)
	if a != b || a != seqnum.ShardEnd() {
		t.Errorf("%v != %v", a, b)
	}
	if got, ok := seqnum.At(n, 3).Number(); got != n || !ok {
		t.Errorf("Number() = %v, %v", got, ok)
	}
	if _, ok := seqnum.Latest().Number(); ok {
		t.Error("LATEST has a number")
	}
}

// FuzzExtended reads any text and any bytes: what is accepted comes back the same.
func FuzzExtended(f *testing.F) {
	for _, s := range []string{"1:2", today, today + "000000007", today + "999999999", "SHARD_END", "", ":", "\x04\x017\x00\x00\x00\x00\x00\x00\x00\x02"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var e, g seqnum.Extended
		var n seqnum.Number
		for _, u := range []encoding.TextUnmarshaler{&e, &n} {
			if err := u.UnmarshalText([]byte(s)); err != nil && !errors.Is(err, seqnum.ErrSyntax) {
				t.Fatal(err)
			}
		}
		if e.IsValid() {
			if back, err := seqnum.ParseExtended(e.String()); err != nil || back != e {
				t.Fatalf("%q: %v comes back as %v, %v", s, e, back, err)
			}
		}
		if err := g.UnmarshalBinary([]byte(s)); err != nil && !errors.Is(err, seqnum.ErrSyntax) {
			t.Fatal(err)
		} else if err == nil {
			if b, _ := g.MarshalBinary(); string(b) != s {
				t.Fatalf("binary %q comes back as %q", s, b)
			}
		}
	})
}

func TestCompareAllocatesNothing(t *testing.T) {
	e, f := seqnum.At(seqnum.MustParse(today), 3), seqnum.At(seqnum.MustParse(today), 4)
	text := today
	if n := testing.AllocsPerRun(100, func() {
		if _, err := seqnum.Parse(text); err != nil || e.Compare(f) != -1 {
			t.Error("wrong order")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkCompare(b *testing.B) {
	e, f := seqnum.At(seqnum.MustParse(today), 3), seqnum.At(seqnum.MustParse(today[:55]+"5"), 4)
	b.ReportAllocs()
	for b.Loop() {
		e.Compare(f)
	}
}

func BenchmarkParse(b *testing.B) {
	for b.Loop() {
		if _, err := seqnum.Parse(today); err != nil {
			b.Fatal(err)
		}
	}
}
