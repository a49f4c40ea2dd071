package interop

import (
	"math/big"
	"strings"
	"unicode"

	"github.com/kplkit/kplkit/deagg/hashkey"
)

var (
	hashKeys   = new(big.Int).Lsh(big.NewInt(1), 128) // how many there are
	maxHashKey = new(big.Int).Sub(hashKeys, big.NewInt(1))
)

// number draws a hash key.
func (g *generator) number() *big.Int {
	n := new(big.Int).SetUint64(g.Uint64())
	return n.Lsh(n, 64).Add(n, new(big.Int).SetUint64(g.Uint64()))
}

// hashKey draws an explicit hash key, oddly one that only Java reads, or nobody.
func (g *generator) hashKey() string {
	usual := g.number().String()
	if !g.odd() {
		return usual
	}
	switch g.IntN(4) {
	case 0:
		return pick(g, "", "-", "+", "--5", "+-5", "5-", "5+5", " 5", "5 ", "\t5", "0x10", "1e3", "1_000", "1,000", "1.0",
			"undefined", "NaN", "five", "\u22125", "5\u200f", "\xff5", "5\xc3", "²", "①", "Ⅷ", "5\x00")
	case 1:
		return pick(g, "+", "-", "0000", "-0", "+00", "-000") + pick(g, "0", usual, "5")
	case 2:
		return pick(g, "0", maxHashKey.String(), hashKeys.String(), "1"+usual, strings.Repeat(usual, 30), strings.Repeat("0", 500))
	default:
		return g.foreignDigits(usual)
	}
}

// foreignDigits writes some of a number's digits in another script, of those that Unicode has.
func (g *generator) foreignDigits(number string) string {
	zeros := []rune{}
	for _, row := range unicode.Nd.R16 {
		for zero := rune(row.Lo); zero <= rune(row.Hi); zero += 10 {
			zeros = append(zeros, zero)
		}
	}
	for _, row := range unicode.Nd.R32 {
		zeros = append(zeros, rune(row.Lo))
	}
	every, zero := 1+g.IntN(40), pick(g, zeros...)
	digits := []rune(number)
	for i := 0; i < len(digits); i += every {
		digits[i] += zero - '0'
	}
	return string(digits)
}

// hashRange draws the range of the shard: unknown, all, a part, or one that begins or ends at or beside one of the
// hash keys in the aggregate.
func (g *generator) hashRange(keys, explicit []string) (start, end string) {
	edge := g.edge(keys, explicit)
	switch g.IntN(8) {
	case 0, 1:
		return "", ""
	case 2:
		return "0", maxHashKey.String()
	case 3:
		n := g.IntN(4)
		half := hashkey.Whole().Split(4)[n]
		return half.Start().String(), half.End().String()
	case 4:
		return edge.String(), edge.String()
	case 5:
		return "0", edge.String()
	case 6:
		return edge.String(), maxHashKey.String()
	default:
		a, b := g.number(), g.number()
		if a.Cmp(b) > 0 {
			a, b = b, a
		}
		return a.String(), b.String()
	}
}

// edge draws a hash key of the aggregate, or one beside it.
func (g *generator) edge(keys, explicit []string) *big.Int {
	n := g.number()
	if len(keys) > 0 {
		n.SetString(hashkey.Of(pick(g, keys...)).String(), 10)
	}
	if len(explicit) > 0 && g.IntN(2) == 0 {
		if number, ok := new(big.Int).SetString(pick(g, explicit...), 10); ok {
			n = number
		}
	}
	n.Add(n, big.NewInt(int64(g.IntN(3)-1)))
	return n.Mod(n.Abs(n), hashKeys)
}
