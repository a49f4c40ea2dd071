package deagg

import (
	"testing"

	"github.com/kplkit/kplkit/deagg/hashkey"
)

// What java.lang.String makes of bytes that are no UTF-8; printed by JDK 17.
func TestJavaString(t *testing.T) {
	for in, want := range map[string]string{
		"key é €":          "key é €",
		"\x80":             "�",
		"a\xffb":           "a�b",
		"\xc3":             "�",
		"\xc3A":            "�A",
		"\xc0\xaf":         "��",
		"\xe2\x82":         "�",
		"\xe2\x82A":        "�A",
		"\xe2A\x82":        "�A�",
		"\xe0\x80\x80":     "���",
		"\xed\xa0\x80":     "�",
		"\xed\xa0":         "�",
		"\xed\xa0A":        "�A",
		"\xf0\x9f\x98":     "�",
		"\xf0\x9f\x98A":    "�A",
		"\xf0\x9fA":        "�A",
		"\xf0\x80\x80\x80": "����",
		"\xf4\x90\x80\x80": "����",
		"\xf5\x80\x80\x80": "����",
		"\xf8\x88\x80\x80": "����",
	} {
		if got := javaString(in); got != want {
			t.Errorf("%x: %q, want %q", in, got, want)
		}
	}
}

// What java.math.BigInteger makes of a text.
func TestJavaExplicitHash(t *testing.T) {
	type answer struct {
		key   hashkey.Key
		state hashState
	}
	key := func(s string) answer { return answer{hashkey.MustParse(s), inside} }
	const max = "340282366920938463463374607431768211455"
	for in, want := range map[string]answer{
		"0": key("0"), "-0": key("0"), "+7": key("7"), "007": key("7"), max: key(max), "٣٤": key("34"), "１２": key("12"),
		"-1": {state: outside}, "340282366920938463463374607431768211456": {state: outside},
		"": {state: noNumber}, "-": {state: noNumber}, "+": {state: noNumber}, "+-1": {state: noNumber}, "1-": {state: noNumber},
		" 1": {state: noNumber}, "1_0": {state: noNumber}, "abc": {state: noNumber}, "𝟏": {state: noNumber}, "1.0": {state: noNumber},
	} {
		var got answer
		if got.key, got.state = javaExplicitHash(in); got != want {
			t.Errorf("%q: %+v, want %+v", in, got, want)
		}
	}
}
