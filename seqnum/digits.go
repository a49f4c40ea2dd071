package seqnum

import (
	"fmt"
	"math"
	"strconv"
)

// A position as digits alone is a sequence number and, after it, nine digits of sub-sequence number; nine nines are all
// of the stored record. Only version-2 numbers have that form: they lie from 2^185 up to 3·2^184, so all of them have 56
// digits. A text of 65 digits that begins with one is therefore read in one way alone: as a sequence number of its own it
// would be far beyond the 188 bits that have a version, and Kinesis has never given one out.
const (
	numberDigits = 56
	subDigits    = 9
	wholeSub     = 999_999_999

	firstOfVersion2 = "49039857307708443467467104868809893875799651909875269632"
	firstOfVersion3 = "73559785961562665201200657303214840813699477864812904448"
)

// isVersion2 reports whether text, of decimal digits alone, is a version-2 number.
func isVersion2(text string) bool {
	return len(text) == numberDigits && text >= firstOfVersion2 && text < firstOfVersion3
}

// isDigits reports whether text, of decimal digits alone, is a position as digits.
func isDigits(text string) bool {
	return len(text) == numberDigits+subDigits && isVersion2(text[:numberDigits])
}

// Digits returns e as digits alone: its sequence number, and nine digits of sub-sequence number, 999999999 for all of
// the stored record. That is 65 digits, which a store of numbers takes, numeric(65,0) included, and which compare as
// integers as the positions do. It reports false for what has no such form: a sentinel, a sequence number of a version
// other than 2, a sub-sequence number above 999999998, which no aggregate of up to 10 MiB has.
func (e Extended) Digits() (string, bool) {
	sub := e.sub
	if e.Whole() {
		sub = wholeSub
	}
	if !isVersion2(e.n.digits) || sub >= wholeSub && !e.Whole() {
		return "", false
	}
	var text [numberDigits + subDigits]byte
	b := append(text[:0], e.n.digits...)
	return string(append(b, strconv.FormatInt(wholeSub+1+sub, 10)[1:]...)), true
}

// ParseDigits reads what Digits returns, and nothing else: exactly 65 decimal digits, of which the first 56 are a
// version-2 sequence number. ParseExtended reads this form, too. The result shares memory with s.
func ParseDigits(s string) (Extended, error) {
	e, ok := parseDigits(s)
	switch {
	case ok:
		return e, nil
	case len(s) != numberDigits+subDigits:
		return Extended{}, syntaxError(s, fmt.Sprintf("is not a position as digits: it has %d characters, and not 65", len(s)))
	case !allDigits(s):
		return Extended{}, syntaxError(s, "has a character that is not a decimal digit")
	}
	return Extended{}, syntaxError(s, "is not a position as digits: its first 56 are not a sequence number of version 2")
}

// parseDigits is ParseDigits without the cost of an error.
func parseDigits(s string) (Extended, bool) {
	if len(s) != numberDigits+subDigits || !allDigits(s) || !isDigits(s) {
		return Extended{}, false
	}
	sub, _ := strconv.ParseInt(s[numberDigits:], 10, 64)
	if sub == wholeSub {
		sub = math.MaxInt64
	}
	return At(Number{s[:numberDigits]}, sub), true
}

// allDigits reports whether s has no other characters than decimal digits.
func allDigits(s string) bool {
	for ; len(s) >= 8; s = s[8:] { // each is 0x3_, also with 6 more: sequence numbers are read for each record
		const upper = 0xf0f0f0f0f0f0f0f0
		w := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
		if w&upper|(w+0x0606060606060606)&upper>>4 != 0x3333333333333333 {
			return false
		}
	}
	for i := 0; i < len(s); i++ {
		if s[i]-'0' > 9 {
			return false
		}
	}
	return true
}
