package hashkey_test

import (
	"crypto/md5"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kplkit/kplkit/deagg/hashkey"
)

const max = "340282366920938463463374607431768211455"

func ExampleOf() {
	shard, _ := hashkey.ParseRange("0", "170141183460469231731687303715884105727")
	key := hashkey.Of("user-8")
	fmt.Println(key)
	fmt.Println(shard.Contains(key))
	// Output:
	// 257191223664332558637373849577270202154
	// false
}

func ExampleEqual() {
	for _, r := range hashkey.Equal(3) {
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

func mustParse(t rapid.TB, s string) hashkey.Key {
	k, err := hashkey.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestAgainstBig(t *testing.T) {
	limit := new(big.Int).Lsh(big.NewInt(1), 128)
	rapid.Check(t, func(t *rapid.T) {
		x, y := bigKey(t, "x"), bigKey(t, "y")
		kx, ky := mustParse(t, x.String()), mustParse(t, "000"+y.String())
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
	if got := mustParse(t, max); got != hashkey.Max() {
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

func TestEqualCoversAll(t *testing.T) {
	for n := 1; n < 300; n++ {
		ranges := hashkey.Equal(n)
		if len(ranges) != n || ranges[0].Start() != (hashkey.Key{}) || ranges[n-1].End() != hashkey.Max() {
			t.Fatalf("%d ranges: %v", n, ranges)
		}
		for i := 1; i < n; i++ {
			if ranges[i].Start() != ranges[i-1].End().Next() {
				t.Fatalf("range %d of %d starts at %v, behind %v", i, n, ranges[i].Start(), ranges[i-1].End())
			}
		}
	}
	if got := hashkey.Equal(0); got != nil {
		t.Errorf("no ranges: %v", got)
	}
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
