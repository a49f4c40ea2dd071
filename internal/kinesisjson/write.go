package kinesisjson

import (
	"encoding/binary"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/kplkit/kplkit/internal/base64x"
)

// What follows writes values in either format. Objects and lists of CBOR have ends of their own, as Kinesis and the SDK
// for Java write them: how many items there are is known only at the end.

func (f Format) appendOpen(dst []byte, list bool) []byte {
	switch {
	case f == CBOR && list:
		return append(dst, cborList<<5|cborIndefinite)
	case f == CBOR:
		return append(dst, cborMap<<5|cborIndefinite)
	case list:
		return append(dst, '[')
	}
	return append(dst, '{')
}

func (f Format) appendClose(dst []byte, list bool) []byte {
	switch {
	case f == CBOR:
		return append(dst, cborBreak)
	case list:
		return append(dst, ']')
	}
	return append(dst, '}')
}

// appendComma appends what stands between two items or fields.
func (f Format) appendComma(dst []byte, first bool) []byte {
	if f == CBOR || first {
		return dst
	}
	return append(dst, ',')
}

// appendName appends the name of a field, which was read or is a constant: JSON has nothing to escape in it.
func (f Format) appendName(dst []byte, name string) []byte {
	if f == CBOR {
		return append(appendHead(dst, cborText, uint64(len(name))), name...)
	}
	dst = append(dst, '"')
	dst = append(dst, name...)
	return append(dst, `":`...)
}

// appendText appends s. A byte in it that is not UTF-8 becomes U+FFFD: neither format has room for it.
func (f Format) appendText(dst []byte, s string) []byte {
	if f == JSON && bare(s) {
		return append(append(append(dst, '"'), s...), '"')
	}
	s = validText(s)
	if f == JSON {
		return appendJSONText(dst, s)
	}
	return append(appendHead(dst, cborText, uint64(len(s))), s...)
}

func validText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}

func (f Format) appendBlob(dst, data []byte) []byte {
	if f == CBOR {
		return append(appendHead(dst, cborBytes, uint64(len(data))), data...)
	}
	dst = append(dst, '"')
	dst = base64x.AppendEncode(dst, data)
	return append(dst, '"')
}

func (f Format) appendInt(dst []byte, n int64) []byte {
	switch {
	case f == JSON:
		return strconv.AppendInt(dst, n, 10)
	case n < 0:
		return appendHead(dst, cborNegative, uint64(-1-n))
	}
	return appendHead(dst, cborUnsigned, uint64(n))
}

// appendMilliseconds appends a time.
func (f Format) appendMilliseconds(dst []byte, ms int64) []byte {
	if f == JSON {
		return appendSeconds(dst, ms)
	}
	return f.appendInt(appendHead(dst, cborTag, 1), ms)
}

// appendHead appends the first bytes of a value, the argument in as few as hold it.
func appendHead(dst []byte, major byte, n uint64) []byte {
	major <<= 5
	switch {
	case n < cborOneByte:
		return append(dst, major|byte(n))
	case n <= math.MaxUint8:
		return append(dst, major|cborOneByte, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, major|cborTwoBytes), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, major|(cborTwoBytes+1)), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, major|cborEightBytes), n)
}
