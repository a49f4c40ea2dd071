// Package seqnum holds the positions in a Kinesis shard: sequence numbers, and the extended sequence numbers that
// point at one user record inside an aggregated record.
//
// A sequence number is a decimal number of up to 129 digits and compares as an integer ("9" < "10"), never as text.
// An extended sequence number adds a sub-sequence number, the index of a user record in its aggregated record, and
// means "done up to and including this". Both are comparable values: == agrees with Compare, and they serve as map
// keys. Their zero values are invalid and say so.
//
// The order is that of the Java KCL's ExtendedSequenceNumber:
//
//	AT_TIMESTAMP < TRIM_HORIZON < LATEST < numbers by value, then by sub-sequence number < SHARD_END
//
// # Text forms
//
//	SEQ:SUB       done up to and including user record SUB of stored record SEQ
//	SEQ           done with all of stored record SEQ
//	65 digits     the same two as digits alone: SEQ and nine digits of SUB, 999999999 for all of SEQ
//	TRIM_HORIZON  and the other sentinels, by name
//
// Digits alone are for stores of numbers (Extended.Digits, ParseDigits). Only sequence numbers of version 2, which is what
// Kinesis gives out, have that form. They have 56 digits, so that nothing else is 65 digits that begin with one.
//
// JSON has them as strings. An extended sequence number also has a binary form, whose bytes compare as positions do.
//
// # Compatibility
//
// The text forms, the binary form and the order stay as they are for as long as this module exists.
package seqnum

import (
	"errors"
	"fmt"
	"math/bits"
	"strings"
	"time"
)

// ErrSyntax is wrapped by every error about a text or a binary form.
var ErrSyntax = errors.New("not a sequence number")

// MaxDigits is the length of the longest sequence number that the Kinesis API's pattern allows.
const MaxDigits = 129

// Number is the sequence number of a stored record. The zero value is invalid.
type Number struct {
	digits string // decimal without leading zeros; "" is invalid
}

// Parse reads a sequence number: 1 to 129 decimal digits and nothing else, leading zeros not counted. A position as digits
// (Extended.Digits) is an error: ParseExtended and ParseDigits read it. The result shares memory with s.
func Parse(s string) (Number, error) {
	if !allDigits(s) {
		return Number{}, syntaxError(s, "has a character that is not a decimal digit")
	}
	digits := s
	for len(digits) > 1 && digits[0] == '0' {
		digits = digits[1:]
	}
	switch {
	case s == "":
		return Number{}, syntaxError(s, "is empty")
	case len(digits) > MaxDigits:
		return Number{}, syntaxError(s, "has more than 129 digits")
	case isDigits(digits):
		return Number{}, syntaxError(s, "is a position as digits, a sequence number with nine digits of sub-sequence number: ParseExtended reads it")
	}
	return Number{digits}, nil
}

// MustParse is Parse for texts that are known to be right; it panics on any other.
func MustParse(s string) Number {
	n, err := Parse(s)
	if err != nil {
		panic(err)
	}
	return n
}

func syntaxError(s, what string) error {
	if len(s) > 160 {
		s = s[:160] + "…"
	}
	return fmt.Errorf("seqnum: %w: %q %s", ErrSyntax, s, what)
}

// IsValid reports whether n is a number, and not the zero Number.
func (n Number) IsValid() bool { return n.digits != "" }

// Compare returns -1, 0 or 1 as n is less than, equal to or greater than m as an integer.
// The zero Number comes first.
func (n Number) Compare(m Number) int {
	switch a, b := len(n.digits), len(m.digits); { // plain enough to be inlined
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return strings.Compare(n.digits, m.digits)
}

// Less reports whether n comes before m.
func (n Number) Less(m Number) bool { return n.Compare(m) < 0 }

// String returns n in decimal, or "invalid" for the zero Number.
func (n Number) String() string {
	if !n.IsValid() {
		return "invalid"
	}
	return n.digits
}

// bits returns n modulo 2^192, least word first, and whether n is less than 2^188, as today's numbers are.
func (n Number) bits() (w [3]uint64, fits bool) {
	fits = n.IsValid()
	for i := range len(n.digits) {
		carry := uint64(n.digits[i] - '0')
		for j := range w {
			hi, lo := bits.Mul64(w[j], 10)
			var c uint64
			w[j], c = bits.Add64(lo, carry, 0)
			carry = hi + c
		}
		fits = fits && carry == 0
	}
	return w, fits && w[2]>>60 == 0
}

// Version returns the layout that Kinesis gave the number: its bits 184 to 187. Today's numbers have version 2;
// 0 is returned for one too small or too large to have a version.
func (n Number) Version() int {
	w, ok := n.bits()
	if !ok {
		return 0
	}
	return int(w[2] >> (184 - 128))
}

// ShardIndex returns the number of the shard that gave out n (7 for shardId-000000000007), which a version-2 number
// keeps in its bits 4 to 35. Of any other version it reports false.
func (n Number) ShardIndex() (int, bool) {
	w, ok := n.bits()
	if !ok || w[2]>>(184-128) != 2 {
		return 0, false
	}
	return int(uint32(w[0] >> 4)), true
}

// ShardCreated returns when the shard that gave out n was created, to the second, which a version-2 number keeps in its
// bits 148 to 183. A shard's id and this second are the shard: one of a stream that was deleted and made anew has an id
// that was used before, and a later second. Of any other version it reports false. The result is UTC, so that == works.
func (n Number) ShardCreated() (time.Time, bool) {
	w, ok := n.bits()
	if !ok || w[2]>>(184-128) != 2 {
		return time.Time{}, false
	}
	return time.Unix(int64(w[2]>>(148-128)&(1<<36-1)), 0).UTC(), true
}

// AppendText appends the decimal digits of n, nothing for the zero Number.
func (n Number) AppendText(b []byte) ([]byte, error) { return append(b, n.digits...), nil }

// MarshalText returns the decimal digits of n, nothing for the zero Number. JSON holds them as a string.
func (n Number) MarshalText() ([]byte, error) { return n.AppendText(nil) }

// UnmarshalText reads what MarshalText wrote: nothing is the zero Number, all else is read as by Parse.
func (n *Number) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		*n = Number{}
		return nil
	}
	*n, err = Parse(string(text))
	return err
}
