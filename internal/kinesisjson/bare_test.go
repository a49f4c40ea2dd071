package kinesisjson

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// TestBare: each byte at each place of texts of all lengths, against a look at each of them.
func TestBare(t *testing.T) {
	for length := range 40 {
		for at := range length {
			for c := range 256 {
				s := strings.Repeat("a", at) + string([]byte{byte(c)}) + strings.Repeat("~", length-at-1)
				want := c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\'
				if bare(s) != want {
					t.Errorf("%q: %v", s, !want)
				}
			}
		}
	}
	if !bare("") {
		t.Error("nothing has to be escaped")
	}
}
