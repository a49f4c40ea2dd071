package recordio

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
)

// pastedAggregate has two partition keys, one explicit hash key and three user records.
const pastedAggregate = "84mawgoBawoBbBIBNxoGCAAaAngxGgYIARAAGgAaBggAGgJ4M1CUH5gysu/JhYDLb7nvI8g="

func TestPasted(t *testing.T) {
	data, err := base64.StdEncoding.DecodeString(pastedAggregate)
	if err != nil {
		t.Fatal(err)
	}
	dump := hex.EncodeToString(data)
	for name, text := range map[string]string{
		"base64":     pastedAggregate,
		"quoted":     " \"" + pastedAggregate + "\"\n",
		"wrapped":    pastedAggregate[:19] + "\r\n" + pastedAggregate[19:],
		"unpadded":   strings.TrimRight(pastedAggregate, "="),
		"URL-safe":   strings.NewReplacer("+", "-", "/", "_").Replace(pastedAggregate),
		"hex":        dump,
		"upper case": strings.ToUpper(dump),
		"0x":         "0x" + dump,
		"blanks":     dump[:8] + " " + dump[8:40] + "\n" + dump[40:],
		"colons":     dump[:2] + ":" + dump[2:4] + ":" + dump[4:],
		"bytes":      string(data),
	} {
		got, _, err := ParsePasted([]byte(text))
		if err != nil || string(got) != string(data) {
			t.Errorf("%s: %x, %v", name, got, err)
		}
	}
	for _, text := range []string{"", " \n", "a", "ab.cd", "YQ==YQ==", "\ufffd\ufffd\n\x01", `"\ufffd\ufffd\n"`, "caf\xe9"} {
		if got, form, err := ParsePasted([]byte(text)); err == nil {
			t.Errorf("%q: %q as %s, want an error", text, got, form)
		}
	}
}

// FuzzPasted: no text makes it panic.
func FuzzPasted(f *testing.F) {
	f.Add([]byte(pastedAggregate))
	f.Add([]byte("0x84 89"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if data, form, err := ParsePasted(text); err == nil && (len(data) == 0 || form == "") {
			t.Errorf("%q as %q", data, form)
		}
	})
}
