package cli

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/kplkit/kplkit/deagg"
)

// smallAggregate has two partition keys, one explicit hash key and three user records.
const smallAggregate = "84mawgoBawoBbBIBNxoGCAAaAngxGgYIARAAGgAaBggAGgJ4M1CUH5gysu/JhYDLb7nvI8g="

func TestPasted(t *testing.T) {
	data, err := base64.StdEncoding.DecodeString(smallAggregate)
	if err != nil {
		t.Fatal(err)
	}
	dump := hex.EncodeToString(data)
	for name, text := range map[string]string{
		"base64":     smallAggregate,
		"quoted":     " \"" + smallAggregate + "\"\n",
		"wrapped":    smallAggregate[:19] + "\r\n" + smallAggregate[19:],
		"unpadded":   strings.TrimRight(smallAggregate, "="),
		"URL-safe":   strings.NewReplacer("+", "-", "/", "_").Replace(smallAggregate),
		"hex":        dump,
		"upper case": strings.ToUpper(dump),
		"0x":         "0x" + dump,
		"blanks":     dump[:8] + " " + dump[8:40] + "\n" + dump[40:],
		"colons":     dump[:2] + ":" + dump[2:4] + ":" + dump[4:],
		"bytes":      string(data),
	} {
		got, _, err := readPasted([]byte(text))
		if err != nil || string(got) != string(data) {
			t.Errorf("%s: %x, %v", name, got, err)
		}
	}
	for _, text := range []string{"", " \n", "a", "ab.cd", "YQ==YQ==", "\ufffd\ufffd\n\x01", `"\ufffd\ufffd\n"`, "caf\xe9"} {
		if got, form, err := readPasted([]byte(text)); err == nil {
			t.Errorf("%q: %q as %s, want an error", text, got, form)
		}
	}
}

// FuzzInspect checks that no record can make inspect panic or draw nothing, and that it finds something wrong
// exactly where deagg does.
func FuzzInspect(f *testing.F) {
	data, err := base64.StdEncoding.DecodeString(smallAggregate)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:30])
	f.Add([]byte("hi"))
	f.Fuzz(func(t *testing.T, data []byte) {
		a := dissect(&record{StoredRecord: deagg.StoredRecord{Data: data}})
		wrong := false
		for u := range new(deagg.Decoder).UserRecords(deagg.StoredRecord{Data: data}) {
			wrong = wrong || u.Malformed != nil
		}
		if a.Aggregated && wrong != (a.Malformed != "") || wrong && len(a.Problems) == 0 {
			t.Errorf("malformed %v, but %q with problems %v", wrong, a.Malformed, a.Problems)
		}
		if err := a.draw(io.Discard); err != nil {
			t.Error(err)
		}
		if _, err := json.Marshal(a); err != nil {
			t.Error(err)
		}
		_, _, _ = readPasted(data) // must not panic
	})
}
