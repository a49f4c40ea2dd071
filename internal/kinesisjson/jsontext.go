package kinesisjson

import (
	"encoding/binary"
	"math/bits"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// token reads a text and returns what stands between its quotes, and whether there are escapes in it.
func (l *jsonLexer) token() (s []byte, escaped bool) {
	if !l.take('"', "a text") {
		return nil, false
	}
	from := l.i
	for {
		l.i += plain(l.b[l.i:])
		switch {
		case l.i == len(l.b) || l.b[l.i] < ' ':
			l.fail("a text has no end, or a control character in it")
			return nil, false
		case l.b[l.i] == '"':
			l.i++
			return l.b[from : l.i-1], escaped
		}
		escaped = true
		if l.escape(); l.err != nil {
			return nil, false
		}
	}
}

// plain returns how many bytes there are before the next quote, backslash or control character. Eight at a time: a byte
// of x that is zero borrows when one is taken from it, and so sets its highest bit; what lies above it does not count.
func plain(b []byte) int {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	i := 0
	for ; len(b)-i >= 8; i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		quote, backslash := x^ones*'"', x^ones*'\\'
		found := (quote-ones)&^quote | (backslash-ones)&^backslash | (x-ones*' ')&^x
		if found &= high; found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for i < len(b) && b[i] != '"' && b[i] != '\\' && b[i] >= ' ' {
		i++
	}
	return i
}

// bare reports whether s stands in JSON as it is: it is ASCII, and has nothing to escape. Eight bytes at a time, as plain.
func bare(s string) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	b := unsafe.Slice(unsafe.StringData(s), len(s))
	for ; len(b) >= 8; b = b[8:] {
		x := binary.LittleEndian.Uint64(b)
		quote, backslash := x^ones*'"', x^ones*'\\'
		if ((quote-ones)&^quote|(backslash-ones)&^backslash|(x-ones*' ')|x)&high != 0 {
			return false
		}
	}
	for _, c := range b {
		if c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// escape reads an escape.
func (l *jsonLexer) escape() {
	rest := l.b[l.i:]
	switch {
	case len(rest) >= 6 && rest[1] == 'u' && hex4(rest[2:6]) >= 0:
		l.i += 6
	case len(rest) >= 2 && unescaped(rest[1]) != 0:
		l.i += 2
	default:
		l.fail("an escape that JSON does not know")
	}
}

// hex4 returns what four hexadecimal digits say, -1 for what is none.
func hex4(b []byte) rune {
	if len(b) < 4 {
		return -1
	}
	var r rune
	for _, c := range b[:4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// unescaped returns what a backslash and c stand for, 0 for nothing.
func unescaped(c byte) byte {
	switch c {
	case '"', '\\', '/':
		return c
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return 0
}

// unescape returns what a token with escapes says, as the SDK does: half a pair of surrogates, and a byte that is not
// UTF-8, is U+FFFD. (In a token without escapes the SDK leaves such a byte as it is, and so do we.)
func unescape(s []byte) []byte {
	out := make([]byte, 0, len(s))
	for len(s) > 0 {
		switch {
		case s[0] != '\\':
			r, n := utf8.DecodeRune(s)
			out, s = utf8.AppendRune(out, r), s[n:]
		case s[1] != 'u':
			out, s = append(out, unescaped(s[1])), s[2:]
		default:
			r := hex4(s[2:])
			s = s[6:]
			if utf16.IsSurrogate(r) {
				if r = utf16.DecodeRune(r, secondHalf(s)); r != utf8.RuneError {
					s = s[6:]
				}
			}
			out = utf8.AppendRune(out, r)
		}
	}
	return out
}

func secondHalf(s []byte) rune {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return -1
	}
	return hex4(s[2:])
}

// appendJSONText appends s, which is UTF-8, as a text.
func appendJSONText(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for {
		n := plain(unsafe.Slice(unsafe.StringData(s), len(s)))
		dst = append(dst, s[:n]...)
		if n == len(s) {
			return append(dst, '"')
		}
		if c := s[n]; c < ' ' {
			dst = append(dst, `\u00`...)
			dst = append(dst, "01"[c>>4], "0123456789abcdef"[c&15])
		} else {
			dst = append(dst, '\\', c)
		}
		s = s[n+1:]
	}
}

// appendSeconds appends a number of milliseconds as one of seconds.
func appendSeconds(dst []byte, ms int64) []byte {
	if ms < 0 {
		return strconv.AppendFloat(dst, float64(ms)/1000, 'f', -1, 64)
	}
	dst = strconv.AppendInt(dst, ms/1000, 10)
	thousandths := ms % 1000
	return append(dst, '.', byte('0'+thousandths/100), byte('0'+thousandths/10%10), byte('0'+thousandths%10))
}
