package deagg

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// javaString returns s as Java reads it: what is no UTF-8 becomes replacement characters, one for each longest start
// of a character that breaks off, and one for an encoded surrogate (JDK 17).
func javaString(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 {
			n = javaMalformed(s)
		}
		b.WriteRune(r)
		s = s[n:]
	}
	return b.String()
}

// javaMalformed returns how many of the bytes at the start of s, which are no UTF-8, Java replaces by one character.
func javaMalformed(s string) int {
	continues := func(i int) bool { return i < len(s) && s[i]&0xc0 == 0x80 }
	switch c := s[0]; {
	case c < 0xe0 || c > 0xf4,
		!continues(1),
		c == 0xe0 && s[1] < 0xa0, // these would be too long
		c == 0xf0 && s[1] < 0x90,
		c == 0xf4 && s[1] > 0x8f: // and these too large
		return 1
	case !continues(2):
		return 2
	}
	return 3
}

// javaDigits returns the decimal digits of a text that Java's BigInteger accepts: an optional sign and at least one
// digit of any script, as long as it is one UTF-16 unit.
func javaDigits(text string) (digits string, negative, ok bool) {
	digits = strings.TrimPrefix(text, "-")
	if negative = digits != text; !negative {
		digits = strings.TrimPrefix(text, "+")
	}
	if digits == "" {
		return "", false, false
	}
	if strings.Trim(digits, "0123456789") == "" {
		return digits, negative, true
	}
	ascii := make([]byte, 0, len(digits))
	for _, r := range digits {
		v := digitValue(r)
		if v < 0 {
			return "", false, false
		}
		ascii = append(ascii, byte('0'+v))
	}
	return string(ascii), negative, true
}

// digitValue returns the value of a decimal digit, -1 for any other character. Unicode's decimal digits stand in rows
// of ten.
func digitValue(r rune) int {
	for _, row := range unicode.Nd.R16 {
		if rune(row.Lo) <= r && r <= rune(row.Hi) && row.Stride == 1 {
			return int(r-rune(row.Lo)) % 10
		}
	}
	return -1
}
