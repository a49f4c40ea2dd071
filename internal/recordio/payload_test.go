package recordio

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// byIndex writes bytes as a JSON object with sorted names, as jq -S does: "10" comes before "2".
func byIndex(data []byte) string {
	var fields []string
	for i, b := range data {
		fields = append(fields, fmt.Sprintf(`"%d":%d`, i, b))
	}
	slices.Sort(fields)
	return "{" + strings.Join(fields, ",") + "}"
}

// TestPayload: the data of a record is what was meant, or an error, and never other bytes in silence.
func TestPayload(t *testing.T) {
	whole := fmt.Sprintf(`1:  ""=%q`, aggregateBytes)
	twice := base64.StdEncoding.EncodeToString([]byte(pastedAggregate))
	missing := "f:1: data is an object of bytes by their index, of which %d is missing or comes twice: write it in base64 (Buffer.from(record.Data).toString('base64'))"
	for _, tt := range []struct{ name, input, want string }{
		{"indexes in the order of text", `{"data":` + byIndex(aggregateBytes) + `}`, whole},
		{"an index is missing", `{"data":{"0":243,"2":154}}`, fmt.Sprintf(missing, 1)},
		{"an index comes twice", `{"data":{"0":243,"1":137,"1":138}}`, fmt.Sprintf(missing, 2)},
		{"no byte under an index", `{"data":{"0":104,"1":"x"}}`, `f:1: data: "\"x\"" in a list of bytes`},
		{"two lists", `{"data":{"data":[104],"bytes":[105]},"partition_key":"k"}`, "f:1: data is an object with bytes in more than one place: write the right ones in base64"},
		{"hex", `{"data":"` + hexAggregate[:104] + `"}`, fmt.Sprintf(`1:  ""=%q`, aggregateBytes[:52])},
		{"hex that is no base64", `{"data":"` + strings.ToUpper(hexAggregate) + `"}`, whole},
		{"hex with 0x", `{"data":"0x` + hexAggregate + `"}`, whole},
		{"base64 that starts with f", `{"data":"f389"}`, `1:  ""="\x7f\x7f="`},
		{"base64 of base64", `{"data":"` + twice + `"}`, "f:1: " + errEncodedTwice.Error()},
		{"base64 of hex", `{"data":"` + base64.StdEncoding.EncodeToString([]byte(hexAggregate+"\n")) + `"}`, "f:1: " + errEncodedTwice.Error()},
		{"a user record that is base64", `{"sequence_number":"1","sub_sequence_number":2,"data":"` + twice + `"}`, fmt.Sprintf(`1: 1:2 ""=%q`, pastedAggregate)},
		{"data after a list", `{"Records":[{"Data":"aGk="}],"data":"aG8="}`, "1:  \"\"=\"hi\"\nf:1: " + errBeside.Error()},
		{"data before a list", `{"data":"aG8=","Records":[]}`, "f:1: " + errBeside.Error()},
		{"null beside a list", `{"data":null,"Records":[{"Data":"aGk="}]}`, `1:  ""="hi"`},
		{"numbers with leading zeros", `{"data":[243,"010"]}`, `f:1: data: "\"010\"" in a list of bytes`},
		{"a leading zero in a print", "[243 010]", `f:1: neither JSON nor a record as text: a list of numbers: "010" is not a byte`},
		{"an ancestor that can't be read", `{"data":"","starting_hash_key":"0","ending_hash_key":"5","ancestor_ranges":["5-9","x"]}`,
			"f:1: ancestor_ranges has an element that can't be read: \"x\" is not START-END\n1:  \"\"=\"\" unknown-range [5-9]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(strings.Split(tt.want, "\n"), read(strings.NewReader(tt.input))); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}
