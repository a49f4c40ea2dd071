package seqnum_test

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kplkit/kplkit/seqnum"
)

func ExampleExtended_Digits() {
	n := seqnum.MustParse("49680523304536297513748243888185500536114644917201928194")
	inside, _ := seqnum.At(n, 4).Digits() // for a column numeric(65,0)
	whole, _ := seqnum.After(n).Digits()
	fmt.Println(inside)
	fmt.Println(whole)
	position, _ := seqnum.ParseExtended(inside)
	fmt.Println(position)
	// Output:
	// 49680523304536297513748243888185500536114644917201928194000000004
	// 49680523304536297513748243888185500536114644917201928194999999999
	// 49680523304536297513748243888185500536114644917201928194:4
}

// Version 2 is from 2^185 up to 3·2^184.
var (
	firstV2 = new(big.Int).Lsh(big.NewInt(1), 185)
	firstV3 = new(big.Int).Lsh(big.NewInt(3), 184)
)

func drawVersion2(t *rapid.T, label string) seqnum.Number {
	text := rapid.OneOf(
		rapid.StringMatching(`496805[0-9]{50}`),
		rapid.StringMatching(`[56][0-9]{55}`),
		rapid.SampledFrom([]string{firstV2.String(), new(big.Int).Sub(firstV3, big.NewInt(1)).String()}),
	)
	return seqnum.MustParse(text.Draw(t, label))
}

func drawPosition(t *rapid.T, label string) seqnum.Extended {
	n := drawVersion2(t, label+" number")
	if rapid.Bool().Draw(t, label+" whole") {
		return seqnum.After(n)
	}
	sub := rapid.OneOf(rapid.Int64Range(0, 3), rapid.Int64Range(0, 999_999_998), rapid.Just(int64(999_999_998)))
	return seqnum.At(n, sub.Draw(t, label+" sub"))
}

// TestDigitsOrder: the order of the digits as integers, and as texts, is that of the positions; they come back as they
// were, and have the length and the pattern of the API's sequence numbers and of numeric(65,0).
func TestDigitsOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawPosition(t, "a"), drawPosition(t, "b")
		if rapid.Bool().Draw(t, "same number") {
			n, _ := a.Number()
			b = seqnum.At(n, b.SubSequenceNumber())
		}
		var numbers [2]*big.Int
		var texts [2]string
		for i, e := range []seqnum.Extended{a, b} {
			text, ok := e.Digits()
			if !ok || len(text) != 65 || strings.Trim(text, "0123456789") != "" || text[0] == '0' {
				t.Fatalf("%v: %q, %v", e, text, ok)
			}
			for name, parse := range map[string]func(string) (seqnum.Extended, error){
				"ParseDigits": seqnum.ParseDigits, "ParseExtended": seqnum.ParseExtended,
				"FromCheckpoint": func(s string) (seqnum.Extended, error) { return seqnum.FromCheckpoint(s, 0) },
			} {
				if back, err := parse(text); err != nil || back != e {
					t.Fatalf("%s: %v comes back as %v, %v", name, e, back, err)
				}
			}
			if n, err := seqnum.Parse(text); !errors.Is(err, seqnum.ErrSyntax) {
				t.Fatalf("%s is taken for the number %v", text, n)
			}
			numbers[i], _ = new(big.Int).SetString(text, 10)
			texts[i] = text
		}
		if want := a.Compare(b); numbers[0].Cmp(numbers[1]) != want || strings.Compare(texts[0], texts[1]) != want {
			t.Fatalf("%v and %v compare as %d, their digits do not", a, b, want)
		}
	})
}

// TestNoDigits: what has no digit form says so, and is never one of another position.
func TestNoDigits(t *testing.T) {
	n := seqnum.MustParse(today)
	minusOne := func(x *big.Int) string { return new(big.Int).Sub(x, big.NewInt(1)).String() }
	for _, e := range []seqnum.Extended{
		{}, seqnum.TrimHorizon(), seqnum.Latest(), seqnum.AtTimestamp(), seqnum.ShardEnd(),
		seqnum.At(n, 999_999_999), seqnum.At(n, 1_000_000_000), seqnum.At(n, math.MaxInt64-1),
		seqnum.After(seqnum.MustParse("7")), seqnum.At(seqnum.MustParse("12345"), 1),
		seqnum.After(seqnum.MustParse(minusOne(firstV2))), // version 1
		seqnum.After(seqnum.MustParse(firstV3.String())), seqnum.After(seqnum.MustParse(strings.Repeat("9", 129))),
	} {
		if text, ok := e.Digits(); ok || text != "" {
			t.Errorf("%v: %q, %v", e, text, ok)
		}
	}
	if n := seqnum.MustParse(minusOne(firstV2)); n.Version() != 1 {
		t.Errorf("version %d", n.Version())
	}
	for _, s := range []string{
		"", today, today + "00000000", today + "0000000000", today + ":00000003", today + "00000000x", "0" + today + "00000000",
		strings.Repeat("0", 9) + today, minusOne(firstV2) + "000000000", firstV3.String() + "000000000", strings.Repeat("9", 65),
		strings.Repeat("1", 65), today + "٣" + "0000000", " " + today + "00000000", "SHARD_END",
	} {
		if e, err := seqnum.ParseDigits(s); !errors.Is(err, seqnum.ErrSyntax) || e.IsValid() {
			t.Errorf("ParseDigits(%q) = %v, %v", s, e, err)
		}
	}
}

// TestDigitsAndAnotherSubSequenceNumber: digits that something took for a bare number are refused, and not a place far away.
func TestDigitsAndAnotherSubSequenceNumber(t *testing.T) {
	digits := today + "000000007"
	for _, s := range []string{digits + ":3", "00" + digits, today + "999999999:0"} {
		if e, err := seqnum.ParseExtended(s); !errors.Is(err, seqnum.ErrSyntax) {
			t.Errorf("ParseExtended(%q) = %v, %v", s, e, err)
		}
	}
	if e, err := seqnum.FromCheckpoint(digits, 3); !errors.Is(err, seqnum.ErrSyntax) {
		t.Errorf("FromCheckpoint(%s, 3) = %v, %v", digits, e, err)
	}
	// An ordinary number of 65 digits that does not begin with version 2 is what it always was.
	if e, err := seqnum.ParseExtended(strings.Repeat("1", 65)); err != nil || !e.Whole() {
		t.Errorf("%v, %v", e, err)
	}
}

// TestAllDigits: each byte at each place, and neighbours that would carry into one another.
func TestAllDigits(t *testing.T) {
	text := []byte("49590338271490256608559692538361571095921575989136000199")
	for i, was := range text {
		for b := range 256 {
			text[i] = byte(b)
			if _, err := seqnum.Parse(string(text)); (err == nil) != (b >= '0' && b <= '9') {
				t.Errorf("byte %#x at %d: %v", b, i, err)
			}
			for _, first := range []byte{0x00, 0x2f, 0x3a, 0xfa, 0xff} {
				if j := i ^ 1; j < len(text) {
					other := text[j]
					text[j] = first
					if _, err := seqnum.Parse(string(text)); err == nil {
						t.Errorf("bytes %#x at %d and %#x at %d", first, j, b, i)
					}
					text[j] = other
				}
			}
		}
		text[i] = was
	}
}
