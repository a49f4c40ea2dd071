package kinesisjson

import "math"

// cborLexer reads CBOR.
type cborLexer struct{ cursor }

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
