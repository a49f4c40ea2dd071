// Package hashkey holds the 128-bit hash keys by which Kinesis places records on shards, and the inclusive ranges
// of them that shards own.
//
// The hash key of a record is its explicit hash key, a decimal number of 0…2^128−1, or else the MD5 of its
// partition key read as a big-endian number (source: the Kinesis API reference and the KPL's shard prediction).
//
// # Compatibility
//
// Keys and ranges are comparable values. Their meaning and their text forms stay as they are for as long as this module
// exists.
package hashkey

import (
	"crypto/md5"
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"unsafe"
)

// ErrSyntax is wrapped by every error about a text that is not a hash key, or that should be START-END and is not.
var ErrSyntax = errors.New("not a hash key")

// Key is a hash key. It is comparable; its zero value is the hash key 0.
type Key struct{ hi, lo uint64 }

// Max returns the largest hash key, 2^128−1.
func Max() Key { return Key{^uint64(0), ^uint64(0)} }

// Of returns the hash key of a partition key: the MD5 of its bytes, whatever they are. For many of them see Hasher.
func Of(partitionKey string) Key {
	sum := md5.Sum(unsafe.Slice(unsafe.StringData(partitionKey), len(partitionKey)))
	return fromSum(&sum)
}

// Parse reads a decimal number of 0…2^128−1, leading zeros not counted. A sign, a blank or any other character is an
// error.
func Parse(s string) (Key, error) {
	if s == "" {
		return Key{}, fmt.Errorf("hashkey: %w: empty", ErrSyntax)
	}
	var k Key
	for i := 0; i < len(s); i++ {
		digit := uint64(s[i] - '0')
		if digit > 9 {
			return Key{}, fmt.Errorf("hashkey: %w: %s has a character that is not a decimal digit", ErrSyntax, quote(s))
		}
		var over bool
		if k, over = k.mulAdd(10, digit); over {
			return Key{}, fmt.Errorf("hashkey: %w: %s is larger than 2^128-1", ErrSyntax, quote(s))
		}
	}
	return k, nil
}

// MustParse is Parse for texts that are known to be right; it panics on any other.
func MustParse(s string) Key {
	k, err := Parse(s)
	if err != nil {
		panic(err)
	}
	return k
}

// mulAdd returns k*m+a and whether it overflowed.
func (k Key) mulAdd(m, a uint64) (Key, bool) {
	carry, lo := bits.Mul64(k.lo, m)
	lo, c := bits.Add64(lo, a, 0)
	carry += c
	over, hi := bits.Mul64(k.hi, m)
	hi, c = bits.Add64(hi, carry, 0)
	return Key{hi, lo}, over|c != 0
}

// quote keeps error texts short: stored hash keys are untrusted and may be long.
func quote(s string) string {
	if len(s) > 64 {
		return strconv.Quote(s[:64]) + "…"
	}
	return strconv.Quote(s)
}

// Compare returns -1, 0 or 1 as k is less than, equal to or greater than l.
func (k Key) Compare(l Key) int {
	switch {
	case k == l:
		return 0
	case k.hi < l.hi, k.hi == l.hi && k.lo < l.lo:
		return -1
	}
	return 1
}

// Next returns k+1; the largest key is followed by 0.
func (k Key) Next() Key { return k.add(Key{lo: 1}) }

// Prev returns k−1; 0 is preceded by the largest key.
func (k Key) Prev() Key { return k.sub(Key{lo: 1}) }

// add returns k+l modulo 2^128.
func (k Key) add(l Key) Key {
	lo, carry := bits.Add64(k.lo, l.lo, 0)
	hi, _ := bits.Add64(k.hi, l.hi, carry)
	return Key{hi, lo}
}

// sub returns k−l modulo 2^128.
func (k Key) sub(l Key) Key {
	lo, borrow := bits.Sub64(k.lo, l.lo, 0)
	hi, _ := bits.Sub64(k.hi, l.hi, borrow)
	return Key{hi, lo}
}

// String returns k in decimal.
func (k Key) String() string {
	const chunk = 1e19 // the largest power of ten in 64 bits
	var buf [58]byte   // three chunks of 19 digits and one to spare
	i := len(buf)
	for k.hi != 0 {
		var rest uint64
		k, rest = k.divmod(chunk)
		for range 19 {
			i--
			buf[i] = byte('0' + rest%10)
			rest /= 10
		}
	}
	// What is left fits 64 bits; it is 0 only for the key 0, since a quotient of chunk is never 0 here.
	for {
		i--
		buf[i] = byte('0' + k.lo%10)
		if k.lo /= 10; k.lo == 0 {
			return string(buf[i:])
		}
	}
}

// MarshalText returns k in decimal. JSON holds it as a string.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads what Parse does.
func (k *Key) UnmarshalText(text []byte) (err error) {
	*k, err = Parse(string(text))
	return err
}

// divmod returns k/d and the rest.
func (k Key) divmod(d uint64) (Key, uint64) {
	hi, rest := k.hi/d, k.hi%d
	lo, rest := bits.Div64(rest, k.lo, d)
	return Key{hi, lo}, rest
}
