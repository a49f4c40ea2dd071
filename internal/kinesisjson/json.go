package kinesisjson

import (
	"bytes"
	"slices"
	"unsafe"
)

// jsonLexer reads JSON by the grammar of RFC 8259, no more and no less. That texts are UTF-8 is not asked, as the SDK
// does not ask.
type jsonLexer struct{ cursor }

// next skips white space and returns the byte that follows, 0 at the end.
func (l *jsonLexer) next() byte {
	for l.i < len(l.b) {
		switch c := l.b[l.i]; c {
		case ' ', '\t', '\n', '\r':
			l.i++
		default:
			return c
		}
	}
	return 0
}

func (l *jsonLexer) take(c byte, what string) bool {
	if l.next() != c {
		l.fail(what + " is missing")
		return false
	}
	l.i++
	return true
}

func (l *jsonLexer) open(list bool) level {
	if list {
		l.take('[', "a list")
	} else {
		l.take('{', "an object")
	}
	return level{list: list}
}

func (l *jsonLexer) more(v level) (level, bool) {
	end := byte('}')
	if v.list {
		end = ']'
	}
	switch c := l.next(); {
	case c == end:
		l.i++
		return v, false
	case v.n > 0 && !l.take(',', "a comma"), l.err != nil:
		return v, false
	}
	l.next() // what follows begins there
	v.n++
	return v, true
}

func (l *jsonLexer) name() []byte {
	s, escaped := l.token()
	if escaped {
		l.fail("an escape in the name of a field")
	}
	l.take(':', "a colon")
	l.next() // the value begins there
	return s
}

func (l *jsonLexer) null() bool {
	if l.next() != 'n' {
		return false
	}
	l.literal("null")
	return true
}

func (l *jsonLexer) literal(word string) {
	if !bytes.HasPrefix(l.b[l.i:], []byte(word)) {
		l.fail("no value")
		return
	}
	l.i += len(word)
}

func (l *jsonLexer) text() string {
	s, escaped := l.token()
	if escaped {
		s = unescape(s)
	}
	return stringOf(s)
}

// blob returns base64. Whether it is good shows when it is decoded.
func (l *jsonLexer) blob() ([]byte, bool) {
	if l.next() == '"' {
		from := l.i + 1
		if n := untilQuote(l.b[from:]); n >= 0 {
			l.i = from + n + 1
			return l.b[from : from+n], true
		}
	}
	s, escaped := l.token()
	if escaped { // some writers escape each slash; line ends are no part of the data
		s = slices.DeleteFunc(unescape(s), func(c byte) bool { return c == '\r' || c == '\n' })
	}
	return s, true
}

// untilQuote returns where the first quote is, -1 if there is a backslash before it or no quote. It goes over b in pieces
// that the processor's nearest cache holds, since each is looked at twice.
func untilQuote(b []byte) int {
	const piece = 16 << 10
	for from := 0; from < len(b); from += piece {
		p := b[from:min(from+piece, len(b))]
		n := bytes.IndexByte(p, '"')
		if n >= 0 {
			p = p[:n]
		}
		switch {
		case bytes.IndexByte(p, '\\') >= 0:
			return -1
		case n >= 0:
			return from + n
		}
	}
	return -1
}

func (l *jsonLexer) skip() []byte {
	l.next()
	from := l.i
	l.value(0)
	return l.b[from:l.i:l.i]
}

func (l *jsonLexer) value(depth int) {
	switch c := l.next(); c {
	case '{', '[':
		if depth == maxDepth {
			l.fail("nested too deep")
		}
		for v, ok := l.more(l.open(c == '[')); ok; v, ok = l.more(v) {
			if c == '{' {
				l.token()
				l.take(':', "a colon")
			}
			l.value(depth + 1)
		}
	case '"':
		l.token()
	case 't':
		l.literal("true")
	case 'f':
		l.literal("false")
	case 'n':
		l.literal("null")
	default:
		l.number()
	}
}

func (l *jsonLexer) end() error {
	if l.err == nil && (l.next() != 0 || l.i < len(l.b)) {
		l.fail("something after the end")
	}
	return l.err
}

// stringOf returns b as a string, without copying it.
func stringOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
