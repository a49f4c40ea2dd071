package kinesisjson

import "math"

func (l *jsonLexer) integer() int64 {
	s := l.number()
	negative := len(s) > 0 && s[0] == '-'
	if negative {
		s = s[1:]
	}
	var n uint64
	for _, c := range s {
		if c < '0' || c > '9' || n > math.MaxInt64/10 {
			l.fail("not an integer of 64 bits")
			return 0
		}
		n = 10*n + uint64(c-'0')
	}
	switch {
	case negative && n <= math.MaxInt64+1:
		return -int64(n)
	case n > math.MaxInt64:
		l.fail("not an integer of 64 bits")
		return 0
	}
	return int64(n)
}

// moment reads a number. Whether it is a time shows when it is asked for.
func (l *jsonLexer) moment() []byte { return l.number() }

func (l *jsonLexer) number() []byte {
	c := l.next()
	from := l.i
	if c == '-' {
		l.i++
	}
	first := l.i
	if n := l.digits(); n == 0 || n > 1 && l.b[first] == '0' {
		l.fail("not a number")
		return nil
	}
	if l.i < len(l.b) && l.b[l.i] == '.' {
		l.i++
		if l.digits() == 0 {
			l.fail("not a number")
		}
	}
	if l.i < len(l.b) && l.b[l.i]|0x20 == 'e' {
		l.i++
		if l.i < len(l.b) && (l.b[l.i] == '+' || l.b[l.i] == '-') {
			l.i++
		}
		if l.digits() == 0 {
			l.fail("not a number")
		}
	}
	return l.b[from:l.i:l.i]
}

func (l *jsonLexer) digits() int {
	from := l.i
	for l.i < len(l.b) && l.b[l.i]-'0' <= 9 {
		l.i++
	}
	return l.i - from
}
