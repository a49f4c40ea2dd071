package kinesisjson

import (
	"encoding/binary"
	"math"
)

// Major types of CBOR (RFC 8949), and what the low five bits of a first byte may say.
const (
	cborUnsigned, cborNegative, cborBytes, cborText, cborList, cborMap, cborTag, cborSimple = 0, 1, 2, 3, 4, 5, 6, 7

	cborOneByte, cborTwoBytes, cborEightBytes = 24, 25, 27 // the argument follows, in so many bytes
	cborIndefinite                            = 31         // there is none: the value has an end of its own

	cborFalse                          = 20 // then true, null and undefined; those below it mean nothing yet
	cborNull, cborUndefined, cborBreak = cborSimple<<5 | 22, cborSimple<<5 | 23, cborSimple<<5 | cborIndefinite
)

// cborLexer reads CBOR.
type cborLexer struct{ cursor }

// head reads the first bytes of a value: what is low is below cborOneByte the argument itself.
func (l *cborLexer) head() (major, low byte, argument uint64) {
	if l.i == len(l.b) {
		l.fail("a value is missing")
		return cborSimple, 0, 0
	}
	major, low = l.b[l.i]>>5, l.b[l.i]&31
	l.i++
	if low < cborOneByte || low == cborIndefinite && major >= cborBytes && major <= cborMap {
		return major, low, uint64(low)
	}
	n := 1 << (low - cborOneByte)
	if low > cborEightBytes || n > len(l.b)-l.i {
		l.fail("a value that CBOR does not know, or that is cut")
		return cborSimple, 0, 0
	}
	var wide [8]byte
	copy(wide[8-n:], l.b[l.i:l.i+n])
	l.i += n
	return major, low, binary.BigEndian.Uint64(wide[:])
}

// take reads the n bytes of a text or of data.
func (l *cborLexer) take(n uint64) []byte {
	if n > uint64(len(l.b)-l.i) {
		l.fail("a length beyond the end")
		return nil
	}
	from := l.i
	l.i += int(n)
	return l.b[from:l.i:l.i]
}

// chunks reads the rest of a text or of data. Pieces are put together.
func (l *cborLexer) chunks(major, low byte, n uint64) []byte {
	if low != cborIndefinite {
		return l.take(n)
	}
	all := []byte{}
	for l.err == nil && !l.broken() {
		m, low, n := l.head()
		if m != major || low == cborIndefinite {
			l.fail("a piece of another kind")
		}
		all = append(all, l.take(n)...)
	}
	return all
}

// broken reads the end of a value that has one of its own, if it follows.
func (l *cborLexer) broken() bool {
	if l.i == len(l.b) || l.b[l.i] != cborBreak {
		return false
	}
	l.i++
	return true
}

func (l *cborLexer) open(list bool) level {
	want, least := byte(cborMap), 2
	if list {
		want, least = cborList, 1
	}
	major, low, n := l.head()
	switch {
	case major != want:
		l.fail("a list or an object is missing")
	case low == cborIndefinite:
		return level{list, -1}
	case n > uint64((len(l.b)-l.i)/least):
		l.fail("more fields or items than bytes")
	}
	return level{list, int(n)}
}

func (l *cborLexer) more(v level) (level, bool) {
	switch {
	case l.err != nil, v.n == 0, v.n < 0 && l.broken():
		return v, false
	case v.n > 0:
		v.n--
	}
	return v, true
}

func (l *cborLexer) name() []byte {
	major, low, n := l.head()
	if major != cborText || low == cborIndefinite {
		l.fail("not the name of a field")
		return nil
	}
	return l.take(n)
}

func (l *cborLexer) null() bool {
	if l.i == len(l.b) || l.b[l.i] != cborNull && l.b[l.i] != cborUndefined {
		return false
	}
	l.i++
	return true
}

func (l *cborLexer) text() string {
	major, low, n := l.head()
	if major != cborText {
		l.fail("not a text")
		return ""
	}
	return stringOf(l.chunks(major, low, n))
}

// blob returns data, or base64 where a writer takes it for a text: the SDK for Java reads both.
func (l *cborLexer) blob() ([]byte, bool) {
	major, low, n := l.head()
	if major != cborBytes && major != cborText {
		l.fail("not data")
		return nil, false
	}
	return l.chunks(major, low, n), major == cborText
}

func (l *cborLexer) integer() int64 {
	major, _, n := l.head()
	switch {
	case major > cborNegative || n > math.MaxInt64:
		l.fail("not an integer of 64 bits")
		return 0
	case major == cborNegative:
		return -1 - int64(n)
	}
	return int64(n)
}

func (l *cborLexer) moment() []byte {
	from := l.i
	major, low, n := l.head()
	if major == cborTag && n == 1 {
		major, low, _ = l.head()
	}
	if float := major == cborSimple && low >= cborTwoBytes && low <= cborEightBytes; major > cborNegative && !float {
		l.fail("not a time")
	}
	return l.b[from:l.i:l.i]
}

func (l *cborLexer) skip() []byte {
	from := l.i
	l.value(0)
	return l.b[from:l.i:l.i]
}

func (l *cborLexer) value(depth int) {
	from := l.i
	major, low, n := l.head()
	if depth == maxDepth {
		l.fail("nested too deep")
	}
	switch major {
	case cborBytes, cborText:
		l.chunks(major, low, n)
	case cborList, cborMap:
		if l.err == nil {
			l.i = from
		}
		for v, ok := l.more(l.open(major == cborList)); ok; v, ok = l.more(v) {
			if major == cborMap {
				l.name()
			}
			l.value(depth + 1)
		}
	case cborTag:
		l.value(depth + 1)
	case cborSimple:
		if low < cborFalse || low == cborOneByte {
			l.fail("a value that has no meaning yet")
		}
	}
}

func (l *cborLexer) end() error {
	if l.err == nil && l.i < len(l.b) {
		l.fail("something after the end")
	}
	return l.err
}
