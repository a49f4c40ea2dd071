// Package base64x decodes and encodes base64 as encoding/base64 does, many bytes at a time where the processor has AVX-512 VBMI or
// AVX2. Elsewhere, and with the build tag purego, it is encoding/base64.
//
// To decode, a kernel takes whole blocks that have nothing but letters of the alphabet in them, whose meaning is beyond doubt. From the
// first other block on, padding and all, encoding/base64 decides: so what is refused is the same, and with the same error.
package base64x

import (
	"encoding/base64"
	"slices"
)

// kernel decodes blocks of size letters, up to the first with anything else in it or to the end of either slice, and
// encodes up to there, and returns how many.
type kernel struct {
	size           int
	decode, encode func(dst, src []byte) int
}

// fastest is set for good at the start, nil if there is none.
var fastest = append(kernels(), nil)[0]

// Decode does what base64.StdEncoding.Decode does. What it writes to dst beyond the bytes that it returns, it may differ in.
func Decode(dst, src []byte) (int, error) { return decode(fastest, dst, src) }

func decode(k *kernel, dst, src []byte) (int, error) {
	if k == nil || len(src) < k.size {
		return base64.StdEncoding.Decode(dst, src)
	}
	letters := k.size * k.decode(dst, src)
	done := letters / 4 * 3
	n, err := base64.StdEncoding.Decode(dst[done:], src[letters:])
	if at, ok := err.(base64.CorruptInputError); ok {
		err = at + base64.CorruptInputError(letters)
	}
	return done + n, err
}

// AppendEncode does what base64.StdEncoding.AppendEncode does.
func AppendEncode(dst, src []byte) []byte { return appendEncode(fastest, dst, src) }

func appendEncode(k *kernel, dst, src []byte) []byte {
	n := base64.StdEncoding.EncodedLen(len(src))
	dst = slices.Grow(dst, n)
	text, letters := dst[len(dst):][:n], 0
	if k != nil {
		letters = k.size * k.encode(text, src)
	}
	base64.StdEncoding.Encode(text[letters:], src[letters/4*3:])
	return dst[:len(dst)+n]
}
