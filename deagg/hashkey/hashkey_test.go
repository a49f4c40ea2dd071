package hashkey_test

import (
	"crypto/md5"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kplkit/kplkit/deagg/hashkey"
)

const max = "340282366920938463463374607431768211455"

// SplitShard wants the key at which the second half of a shard begins.
func ExampleRange_Split_shard() {
	shard, err := hashkey.ParseRange("0", "170141183460469231731687303715884105727") // from ListShards
	if err != nil {
		fmt.Println(err)
		return
	}
	halves := shard.Split(2)
	fmt.Println("NewStartingHashKey:", halves[1].Start())
	// Output:
	// NewStartingHashKey: 85070591730234615865843651857942052864
}

func ExampleOf() {
	shard, _ := hashkey.ParseRange("0", "170141183460469231731687303715884105727")
	key := hashkey.Of("user-8")
	fmt.Println(key)
	fmt.Println(shard.Contains(key))
	// Output:
	// 257191223664332558637373849577270202154
	// false
}

// A new stream of three shards has these ranges.
func ExampleRange_Split() {
	for _, r := range hashkey.Whole().Split(3) {
		fmt.Println(r)
	}
	// Output:
	// 0-113427455640312821154458202477256070484
	// 113427455640312821154458202477256070485-226854911280625642308916404954512140969
	// 226854911280625642308916404954512140970-340282366920938463463374607431768211455
}

// bigKey draws a hash key of any size as math/big sees it.
func bigKey(t *rapid.T, label string) *big.Int {
	b := rapid.SliceOfN(rapid.Byte(), 0, 16).Draw(t, label)
	return new(big.Int).SetBytes(b)
}

func TestAgainstBig(t *testing.T) {
	limit := new(big.Int).Lsh(big.NewInt(1), 128)
	rapid.Check(t, func(t *rapid.T) {
		x, y := bigKey(t, "x"), bigKey(t, "y")
		kx, ky := hashkey.MustParse(x.String()), hashkey.MustParse("000"+y.String())
		if kx.String() != x.String() {
			t.Fatalf("%v is written %v", x, kx)
		}
		if kx.Compare(ky) != x.Cmp(y) {
			t.Fatalf("%v and %v compare as %d", x, y, kx.Compare(ky))
		}
		next := new(big.Int).Mod(new(big.Int).Add(x, big.NewInt(1)), limit)
		if kx.Next().String() != next.String() || kx.Next().Prev() != kx {
			t.Fatalf("%v is followed by %v", x, kx.Next())
		}
		key := rapid.String().Draw(t, "partition key")
		sum := md5.Sum([]byte(key))
		if want := new(big.Int).SetBytes(sum[:]); hashkey.Of(key).String() != want.String() {
			t.Fatalf("Of(%q) is %v, want %v", key, hashkey.Of(key), want)
		}
	})
}

func TestParseErrors(t *testing.T) {
	for _, s := range []string{
		"", " ", "-1", "+1", " 1", "1 ", "1.0", "1e3", "0x10", "undefined", "١", "340282366920938463463374607431768211456",
		strings.Repeat("9", 40), strings.Repeat("9", 10_000),
	} {
		if k, err := hashkey.Parse(s); !errors.Is(err, hashkey.ErrSyntax) {
			t.Errorf("Parse(%.50q) = %v, %v", s, k, err)
		} else if len(err.Error()) > 300 {
			t.Errorf("an error text of %d bytes", len(err.Error()))
		}
	}
	if got := hashkey.MustParse(max); got != hashkey.Max() {
		t.Errorf("%s is read as %v", max, got)
	}
}

func TestRange(t *testing.T) {
	whole, err := hashkey.ParseRange("0", max)
	if err != nil {
		t.Fatal(err)
	}
	one, err := hashkey.ParseRange("0", "0")
	if err != nil {
		t.Fatal(err)
	}
	var none hashkey.Range
	zero, top := hashkey.Key{}, hashkey.Max()
	for _, c := range []struct {
		r     hashkey.Range
		k     hashkey.Key
		valid bool
		in    bool
	}{
		{whole, zero, true, true}, {whole, top, true, true},
		{one, zero, true, true}, {one, zero.Next(), true, false},
		{none, zero, false, false}, {none, top, false, false},
	} {
		if c.r.IsValid() != c.valid || c.r.Contains(c.k) != c.in {
			t.Errorf("%v: valid %v, contains %v: %v", c.r, c.r.IsValid(), c.k, c.r.Contains(c.k))
		}
	}
	if one == none {
		t.Error("the range of key 0 equals the zero Range")
	}
	for _, bad := range [][2]string{{"1", "0"}, {"x", "1"}, {"0", "x"}, {"", ""}} {
		if r, err := hashkey.ParseRange(bad[0], bad[1]); err == nil {
			t.Errorf("ParseRange(%q, %q) = %v", bad[0], bad[1], r)
		}
	}
}

// checkSplit holds Split against math/big: the parts cover r in order, and all but the last have r's size divided by n.
func checkSplit(t rapid.TB, r hashkey.Range, n int) {
	big1 := big.NewInt(1)
	bigOf := func(k hashkey.Key) *big.Int {
		b, _ := new(big.Int).SetString(k.String(), 10)
		return b
	}
	size := func(r hashkey.Range) *big.Int {
		d := new(big.Int).Sub(bigOf(r.End()), bigOf(r.Start()))
		return d.Add(d, big1)
	}
	parts := r.Split(n)
	if size(r).Cmp(big.NewInt(int64(n))) < 0 {
		if parts != nil {
			t.Fatalf("%v has %d parts", r, len(parts))
		}
		return
	}
	if len(parts) != n || parts[0].Start() != r.Start() || parts[n-1].End() != r.End() {
		t.Fatalf("%v in %d: %v", r, n, parts)
	}
	want := new(big.Int).Div(size(r), big.NewInt(int64(n)))
	for i, part := range parts {
		if i > 0 && part.Start() != parts[i-1].End().Next() {
			t.Fatalf("part %d of %d of %v starts at %v, after %v", i, n, r, part.Start(), parts[i-1].End())
		}
		if c := size(part).Cmp(want); !part.IsValid() || c < 0 || c > 0 && i < n-1 {
			t.Fatalf("part %d of %d of %v is %v", i, n, r, part)
		}
	}
}

func TestSplit(t *testing.T) {
	for n := 1; n < 300; n++ {
		checkSplit(t, hashkey.Whole(), n)
	}
	rapid.Check(t, func(t *rapid.T) {
		start := hashkey.MustParse(bigKey(t, "start").String())
		end := hashkey.Max()
		for k, i := start, rapid.IntRange(0, 40).Draw(t, "keys"); i > 0 && k != hashkey.Max(); i-- { // or few keys
			k = k.Next()
			end = k
		}
		if other := hashkey.MustParse(bigKey(t, "end").String()); rapid.Bool().Draw(t, "large") && other.Compare(start) >= 0 {
			end = other
		}
		r, err := hashkey.NewRange(start, end)
		if err != nil {
			t.Fatal(err)
		}
		checkSplit(t, r, rapid.IntRange(1, 50).Draw(t, "n"))
	})
	for _, r := range []hashkey.Range{{}, hashkey.Whole()} {
		for _, n := range []int{0, -1} {
			if got := r.Split(n); got != nil {
				t.Errorf("%v in %d: %v", r, n, got)
			}
		}
	}
	if got := (hashkey.Range{}).Split(1); got != nil {
		t.Errorf("parts of no range: %v", got)
	}
}

// TestTextForms: keys and ranges read what they write, also as JSON, and nothing else.
func TestTextForms(t *testing.T) {
	type document struct {
		Key   hashkey.Key
		Range hashkey.Range
		Map   map[hashkey.Key]hashkey.Range
	}
	one, _ := hashkey.NewRange(hashkey.Key{}, hashkey.Key{})
	for r, text := range map[hashkey.Range]string{{}: "", one: "0-0", hashkey.Whole(): "0-" + max} {
		in := document{r.End(), r, map[hashkey.Key]hashkey.Range{r.End(): r}}
		want := fmt.Sprintf(`{"Key":"%[1]s","Range":"%[2]s","Map":{"%[1]s":"%[2]s"}}`, r.End(), text)
		b, err := json.Marshal(in)
		if err != nil || string(b) != want {
			t.Errorf("%v is written %s, %v; want %s", r, b, err, want)
		}
		out := document{Key: hashkey.Max(), Range: hashkey.Whole()}
		if err := json.Unmarshal(b, &out); err != nil || !reflect.DeepEqual(in, out) {
			t.Errorf("%s is read as %+v, %v", b, out, err)
		}
	}
	for _, text := range []string{"no range", "0", "-", "0-", "-0", "0-1-2", "0--1", "0 - 1", "+0-1", "0-" + max + "0", strings.Repeat("x", 10_000)} {
		var r hashkey.Range
		if err := r.UnmarshalText([]byte(text)); !errors.Is(err, hashkey.ErrSyntax) || r.IsValid() {
			t.Errorf("%.50q is read as %v, %v", text, r, err)
		} else if len(err.Error()) > 300 {
			t.Errorf("an error text of %d bytes", len(err.Error()))
		}
		var k hashkey.Key
		if err := k.UnmarshalText([]byte(text)); text != "0" && !errors.Is(err, hashkey.ErrSyntax) {
			t.Errorf("%.50q is read as %v, %v", text, k, err)
		}
	}
	var r hashkey.Range
	if err := r.UnmarshalText([]byte("1-0")); err == nil {
		t.Errorf("1-0 is read as %v", r)
	}
}

func TestMustParsePanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("MustParse takes what is not a hash key")
		}
	}()
	hashkey.MustParse("-1")
}

func TestOfAllocatesNothing(t *testing.T) {
	key := "user-8"
	if n := testing.AllocsPerRun(100, func() { hashkey.Of(key) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkOf(b *testing.B) {
	for b.Loop() {
		hashkey.Of("user-8")
	}
}
