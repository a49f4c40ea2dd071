package cli

import (
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"io"
	"strings"
	"testing"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/internal/recordio"
)

// smallAggregate has two partition keys, one explicit hash key and three user records.
const smallAggregate = "84mawgoBawoBbBIBNxoGCAAaAngxGgYIARAAGgAaBggAGgJ4M1CUH5gysu/JhYDLb7nvI8g="

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
		a := dissect(&recordio.Record{StoredRecord: deagg.StoredRecord{Data: data}})
		wrong := false
		for u := range new(deagg.Decoder).UserRecords(deagg.StoredRecord{Data: data}) {
			wrong = wrong || u.Malformed != nil
		}
		if a.Aggregated && wrong != (a.Malformed != "") || wrong && len(a.Problems) == 0 {
			t.Errorf("malformed %v, but %q with problems %v", wrong, a.Malformed, a.Problems)
		}
		for _, all := range []bool{false, true} {
			if err := (&drawer{pen{all}, all}).draw(io.Discard, a); err != nil {
				t.Error(err)
			}
		}
		if err := xml.Unmarshal(drawSVG(a), new(struct{})); err != nil {
			t.Error(err)
		}
		if _, err := json.Marshal(a); err != nil {
			t.Error(err)
		}
	})
}

// Of many keys those with the most user records come first, and of equal ones the first in the table.
func TestDrawTableOrder(t *testing.T) {
	table := make([]tableEntry, 14)
	for i := range table {
		table[i] = tableEntry{Key: key{Text: "k"}, HashKey: "0", Users: i % 3}
	}
	for all, want := range map[bool]string{false: "2 5 8 11 1 4 7 10 13 0 ", true: "0 1 2 3 4 5 6 7 8 9 10 11 12 13 "} {
		var out strings.Builder
		(&drawer{all: all}).drawTable(&out, "keys", table)
		got := ""
		for line := range strings.Lines(out.String()) {
			if f := strings.Fields(line); len(f) > 5 && f[4] == `"k"` {
				got += f[0] + " "
			}
		}
		if got != want {
			t.Errorf("all %v: %s, want %s", all, got, want)
		}
	}
}
