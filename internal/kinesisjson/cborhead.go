package kinesisjson

import "encoding/binary"

// Major types of CBOR (RFC 8949), and what the low five bits of a first byte may say.
const (
	cborUnsigned, cborNegative, cborBytes, cborText, cborList, cborMap, cborTag, cborSimple = 0, 1, 2, 3, 4, 5, 6, 7

	cborOneByte, cborTwoBytes, cborEightBytes = 24, 25, 27 // the argument follows, in so many bytes
	cborIndefinite                            = 31         // there is none: the value has an end of its own

	cborFalse                          = 20 // then true, null and undefined; those below it mean nothing yet
	cborNull, cborUndefined, cborBreak = cborSimple<<5 | 22, cborSimple<<5 | 23, cborSimple<<5 | cborIndefinite
)

// head reads the first bytes of a value: its kind, the low five bits, and the argument, which they are or which follows.
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
