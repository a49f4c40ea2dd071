package kinesisjson

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/kplkit/kplkit/internal/base64x"
)

// Record is a record of an answer.
type Record struct {
	SequenceNumber, PartitionKey string
	EncryptionType               string // "" if it has none
	ArrivalTime                  []byte // as it came; nil if it has none

	data    []byte // as it came
	base64  bool   // or not
	dataLen uint32 // of its value in raw
	raw     []byte // all of the record
}

// read reads a record. What it has to have may not be null; what it may have, may be.
func (r *Record) read(l lexer) {
	var seen byte
	for v, ok := l.more(l.open(false)); ok; v, ok = l.more(v) {
		var field byte
		switch string(l.name()) {
		case "SequenceNumber":
			field, r.SequenceNumber = 1, l.text()
		case "PartitionKey":
			field, r.PartitionKey = 2, l.text()
		case "Data":
			field = 4
			from := l.at()
			r.data, r.base64 = l.blob()
			r.dataLen = uint32(l.at() - from)
		case "EncryptionType":
			if field = 8; !l.null() {
				r.EncryptionType = l.text()
			}
		case "ApproximateArrivalTimestamp":
			if field = 16; !l.null() {
				r.ArrivalTime = l.moment()
			}
		default:
			l.skip()
		}
		if seen&field != 0 {
			l.fail("a field of a record that is there twice")
		}
		seen |= field
	}
	if seen&7 != 7 {
		l.fail("a record without sequence number, partition key or data")
	}
}

// appendRest appends the fields of r that do not change when user records take its place, each with a comma before it.
func (r *Record) appendRest(dst []byte, f Format, lexers *lexers) []byte {
	l := lexers.of(f, r.raw)
	for v, ok := l.more(l.open(false)); ok; v, ok = l.more(v) {
		switch name := stringOf(l.name()); name {
		case "SequenceNumber", "PartitionKey":
			l.text()
		case "Data":
			l.pass(int(r.dataLen))
		default:
			dst = append(f.appendName(f.appendComma(dst, false), name), l.skip()...)
		}
	}
	return dst
}

// DataLen returns how many bytes AppendData appends, or somewhat more where there are escapes in it.
func (r *Record) DataLen() int {
	if !r.base64 {
		return len(r.data)
	}
	return decodedLen(r.data)
}

func decodedLen(text []byte) int {
	padding := 0
	for padding < 2 && padding < len(text) && text[len(text)-1-padding] == '=' {
		padding++
	}
	return max(len(text)/4*3-padding, 0)
}

// Len returns how many bytes the record takes as it came.
func (r *Record) Len() int { return len(r.raw) }

// MayBegin says whether the record's data begins with a prefix of up to 12 bytes, without decoding all of it. It also says
// yes where it is damaged in those bytes or in its length, which AppendData then refuses.
func (r *Record) MayBegin(prefix []byte) bool {
	if !r.base64 {
		return bytes.HasPrefix(r.data, prefix)
	}
	var begin [24]byte // eight letters at a time are the fast way, and want eight bytes
	letters := (len(prefix) + 2) / 3 * 4
	n, err := base64.StdEncoding.Decode(begin[:], r.data[:min(len(r.data), letters)])
	if err != nil || n < min(r.DataLen(), letters/4*3) || len(r.data)%4 != 0 { // there are escapes, or it is damaged
		data, err := r.AppendData(nil)
		return err != nil || bytes.HasPrefix(data, prefix)
	}
	return bytes.HasPrefix(begin[:n], prefix)
}

// AppendData appends the record's data to dst. The error, [ErrUnusual], says that it is not base64; then the whole
// answer is to be left to others.
func (r *Record) AppendData(dst []byte) ([]byte, error) {
	if !r.base64 {
		return append(dst, r.data...), nil
	}
	all, ok := appendDecoded(dst, r.data)
	if !ok && FormatOf(r.raw) == JSON {
		if text := withoutEscapes(r.data); text != nil {
			all, ok = appendDecoded(dst, text)
		}
	}
	if !ok {
		return dst, fmt.Errorf("kinesisjson: %w: the data of %s is not base64", ErrUnusual, r.SequenceNumber)
	}
	return all, nil
}

func appendDecoded(dst, text []byte) ([]byte, bool) {
	n := decodedLen(text)
	all := slices.Grow(dst, n)[:len(dst)+n]
	if len(text)%4 != 0 {
		return dst, false
	}
	// Decode passes over line ends, and then makes fewer bytes: where they are not escaped, a text of JSON may not have them.
	decoded, err := base64x.Decode(all[len(dst):], text)
	return all, decoded == n && err == nil
}

// ArrivalMilliseconds returns when the record came, in milliseconds since 1970, as the SDK reads it from JSON. It says no
// where there is no such time, or none that the SDK can tell, and in CBOR where it is not an integer.
func (r *Record) ArrivalMilliseconds() (int64, bool) {
	if FormatOf(r.raw) == CBOR {
		l := cborLexer{cursor{b: bytes.TrimPrefix(r.ArrivalTime, []byte{cborTag<<5 | 1})}}
		ms := l.integer()
		return ms, l.end() == nil
	}
	seconds, err := strconv.ParseFloat(stringOf(r.ArrivalTime), 64)
	ms := seconds * 1000
	const last = math.MaxInt64 / int64(time.Millisecond) // the SDK counts nanoseconds
	return int64(ms), err == nil && math.Abs(ms) < float64(last)
}
