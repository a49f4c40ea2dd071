package kinesisjson_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"

	smithycbor "github.com/aws/smithy-go/encoding/cbor"

	"github.com/kplkit/kplkit/internal/kinesisjson"
)

// meaning returns what a body says, by readers that are not ours: whatever differs is a difference.
func meaning(t *testing.T, body []byte) any {
	t.Helper()
	if kinesisjson.FormatOf(body) == kinesisjson.CBOR {
		v, err := smithycbor.Decode(body)
		if err != nil {
			t.Fatalf("%x: %v", body, err)
		}
		return v
	}
	var v any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%q: %v", body, err)
	}
	return v
}

// sameMeaning says whether two meanings are one. (go-cmp takes twice as long for each list that a value is nested in.)
func sameMeaning(a, b any) bool { return bytes.Equal(canonical(a), canonical(b)) }

// canonical returns one text for all that mean the same: fields are sorted.
func canonical(v any) []byte {
	switch v := v.(type) {
	case smithycbor.Map:
		b := []byte{'{'}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			b = append(strconv.AppendQuote(b, k), canonical(v[k])...)
		}
		return append(b, '}')
	case smithycbor.List:
		b := []byte{'['}
		for _, item := range v {
			b = append(b, canonical(item)...)
		}
		return append(b, ']')
	case *smithycbor.Tag:
		return append(fmt.Append(nil, "tag", v.ID), canonical(v.Value)...)
	case smithycbor.Value:
		return fmt.Appendf(nil, "%T%x,", v, smithycbor.Encode(v))
	}
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
