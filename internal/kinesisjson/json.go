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
	if b := l.b[l.i:]; v.n > 0 && len(b) > 1 && b[0] == ',' && b[1] > ' ' { // nearly always
		l.i++
		v.n++
		return v, true
	}
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
	if b := l.b[l.i:]; len(b) > 0 && b[0] == '"' {
		if n := 1 + plain(b[1:]); n+2 < len(b) && b[n] == '"' && b[n+1] == ':' && b[n+2] > ' ' { // nearly always
			l.i += n + len(`":`)
			return b[1:n]
		}
	}
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

// blob returns base64. Whether it is good, and what escapes in it stand for, shows when it is decoded.
func (l *jsonLexer) blob() ([]byte, bool) {
	if l.next() == '"' {
		from := l.i + 1
		if n := bytes.IndexByte(l.b[from:], '"'); n == 0 || n > 0 && l.b[from+n-1] != '\\' {
			l.i = from + n + 1
			return l.b[from : from+n], true
		}
	}
	s, _ := l.token()
	return s, true
}

// withoutEscapes returns what stands between the quotes of a text as it is meant, nil if it has no escapes or is damaged. Some
// writers escape each slash of base64; line ends are no part of it.
func withoutEscapes(s []byte) []byte {
	l := jsonLexer{cursor{b: slices.Concat([]byte{'"'}, s, []byte{'"'})}}
	s, escaped := l.token()
	if l.end() != nil || !escaped {
		return nil
	}
	return slices.DeleteFunc(unescape(s), func(c byte) bool { return c == '\r' || c == '\n' })
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
