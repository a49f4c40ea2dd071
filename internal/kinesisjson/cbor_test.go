package kinesisjson_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	smithycbor "github.com/aws/smithy-go/encoding/cbor"

	"github.com/kplkit/kplkit/internal/kinesisjson"
)

// asCBOR returns a body of JSON in CBOR as the SDK for Java would write it but for lengths that are known: data as bytes,
// and times as milliseconds with tag 1.
func asCBOR(body []byte) []byte {
	var v any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		panic(err)
	}
	return smithycbor.Encode(valueOf("", v))
}

func valueOf(name string, v any) smithycbor.Value {
	switch v := v.(type) {
	case map[string]any:
		m := smithycbor.Map{}
		for k, inner := range v {
			m[k] = valueOf(k, inner)
		}
		return m
	case []any:
		l := smithycbor.List{}
		for _, inner := range v {
			l = append(l, valueOf("", inner))
		}
		return l
	case string:
		if data, err := base64.StdEncoding.DecodeString(v); err == nil && name == "Data" {
			return smithycbor.Slice(data)
		}
		return smithycbor.String(v)
	case json.Number:
		f, _ := v.Float64()
		if name == "ApproximateArrivalTimestamp" || name == "Timestamp" {
			return &smithycbor.Tag{ID: 1, Value: smithycbor.Uint(math.Round(f * 1000))}
		}
		n, err := v.Int64()
		switch {
		case err != nil:
			return smithycbor.Float64(f)
		case n < 0:
			return smithycbor.NegInt(-n)
		}
		return smithycbor.Uint(n)
	case bool:
		return smithycbor.Bool(v)
	}
	return &smithycbor.Nil{}
}

// compareCBOR holds what this package reads of a body in CBOR against smithy's decoder, which knows no Kinesis: what is
// read it decodes, too, and it finds the same in it. It returns whether it was read.
func compareCBOR(t *testing.T, body []byte) bool {
	t.Helper()
	var a kinesisjson.Answer
	if err := a.Read(body, limit); err != nil || a.Format() != kinesisjson.CBOR {
		return false
	}
	v, err := smithycbor.Decode(body)
	m, ok := v.(smithycbor.Map)
	if err != nil || !ok {
		t.Errorf("%x: read, and smithy says %v", body, err)
		return true
	}
	records, _ := m["Records"].(smithycbor.List)
	if len(records) != len(a.Records) {
		t.Fatalf("%x: %d records, smithy has %d", body, len(a.Records), len(records))
	}
	for i := range records {
		compareRecord(t, &a.Records[i], records[i].(smithycbor.Map))
	}
	if next, ok := a.Text("NextShardIterator"); ok && smithycbor.String(next) != m["NextShardIterator"] {
		t.Errorf("%x: iterator %q", body, next)
	}
	if ms, ok := a.Int("MillisBehindLatest"); ok && !isInt(m["MillisBehindLatest"], ms) {
		t.Errorf("%x: %d behind, smithy has %v", body, ms, m["MillisBehindLatest"])
	}
	return true
}

func compareRecord(t *testing.T, r *kinesisjson.Record, m smithycbor.Map) {
	t.Helper()
	data, err := r.AppendData(nil)
	switch want := m["Data"].(type) {
	case smithycbor.Slice:
		if err != nil || !bytes.Equal(data, want) || r.DataLen() != len(want) {
			t.Errorf("data %q, smithy has %q", data, want)
		}
	case smithycbor.String:
		decoded, bad := base64.StdEncoding.DecodeString(string(want))
		if err == nil && (bad != nil || !bytes.Equal(data, decoded)) {
			t.Errorf("data %q, smithy has %q", data, want)
		}
	default:
		t.Errorf("data is %T", want)
	}
	if smithycbor.String(r.SequenceNumber) != m["SequenceNumber"] || smithycbor.String(r.PartitionKey) != m["PartitionKey"] {
		t.Errorf("%q %q, smithy has %v", r.SequenceNumber, r.PartitionKey, m)
	}
	arrival := m["ApproximateArrivalTimestamp"]
	if tag, ok := arrival.(*smithycbor.Tag); ok && tag.ID == 1 {
		arrival = tag.Value
	}
	if ms, ok := r.ArrivalMilliseconds(); ok && !isInt(arrival, ms) {
		t.Errorf("%d, smithy has %v", ms, arrival)
	}
}

func isInt(v smithycbor.Value, n int64) bool {
	switch v := v.(type) {
	case smithycbor.Uint:
		return n >= 0 && uint64(v) == uint64(n)
	case smithycbor.NegInt:
		return n < 0 && uint64(v) == -uint64(n)
	}
	return false
}

// record in CBOR, and a body around it, by hand: see RFC 8949.
const (
	cborNumber = "6e53657175656e63654e756d62657262" + "3131" // SequenceNumber: "11"
	cborKey    = "6c506172746974696f6e4b657961" + "61"       // PartitionKey: "a"
	cborData   = "6444617461" + "43616263"                   // Data: 'abc'
	cborTime   = "781b417070726f78696d6174654172726976616c54696d657374616d70"
	cborList   = "675265636f726473" // Records
)

// usualCBOR are bodies that have to be read.
var usualCBOR = map[string]string{
	"lengths known":                         "a1" + cborList + "81a3" + cborNumber + cborKey + cborData,
	"ends of their own":                     "bf" + cborList + "9fbf" + cborNumber + cborKey + cborData + "ffffff",
	"data in pieces":                        "a1" + cborList + "81a3" + cborNumber + cborKey + "6444617461" + "5f41614162ff",
	"texts in pieces":                       "a1" + cborList + "81a3" + "6e53657175656e63654e756d6265727f61316131ff" + cborKey + cborData,
	"no pieces":                             "a1" + cborList + "81a3" + cborNumber + cborKey + "64446174615fff",
	"base64 text":                           "a1" + cborList + "81a3" + cborNumber + cborKey + "6444617461" + "6459574a6a",
	"a time with a tag":                     "a1" + cborList + "81a4" + cborNumber + cborKey + cborData + cborTime + "c11b000001a20deb3d0b",
	"a time without":                        "a1" + cborList + "81a4" + cborNumber + cborKey + cborData + cborTime + "1b000001a20deb3d0b",
	"a time in seconds":                     "a1" + cborList + "81a4" + cborNumber + cborKey + cborData + cborTime + "c1fb41dac1160e2f5c29",
	"a time before 1970":                    "a1" + cborList + "81a4" + cborNumber + cborKey + cborData + cborTime + "c13903e7",
	"no time":                               "a1" + cborList + "81a4" + cborNumber + cborKey + cborData + cborTime + "f6",
	"unknown fields":                        "a3" + "6161" + "bf6162f7ff" + cborList + "81a4" + "6163" + "d90100fb3ff0000000000000" + cborNumber + cborKey + cborData + "6164" + "83f4f9e000f7",
	"an iterator and a lag":                 "a2" + "714e65787453686172644974657261746f72" + "6178" + "724d696c6c6973426568696e644c6174657374" + "1b7fffffffffffffff",
	"nulls":                                 "a3" + cborList + "f6" + "714e65787453686172644974657261746f72" + "f6" + "724d696c6c6973426568696e644c6174657374" + "f6",
	"lengths longer written than they need": "b90001" + cborList + "9a00000001" + "a3" + cborNumber + cborKey + cborData,
}

var unusualCBOR = map[string]string{
	"a list twice":                "a2" + cborList + "80" + cborList + "80",
	"a number twice":              "a1" + cborList + "81a4" + cborNumber + cborNumber + cborKey + cborData,
	"no data":                     "a1" + cborList + "81a2" + cborNumber + cborKey,
	"data that is null":           "a1" + cborList + "81a3" + cborNumber + cborKey + "6444617461f6",
	"data in pieces of text":      "a1" + cborList + "81a3" + cborNumber + cborKey + "6444617461" + "5f6161ff",
	"pieces in pieces":            "a1" + cborList + "81a3" + cborNumber + cborKey + "6444617461" + "5f5f4161ffff",
	"no end of the pieces":        "a1" + cborList + "81a3" + cborNumber + cborKey + "6444617461" + "5f4161",
	"a time that is a text":       "a1" + cborList + "81a4" + cborNumber + cborKey + cborData + cborTime + "c16131",
	"a time with another tag":     "a1" + cborList + "81a4" + cborNumber + cborKey + cborData + cborTime + "c200",
	"a name that is a number":     "a10000",
	"a name inside that is none":  "a16161a10000",
	"a name in pieces":            "a17f6161ff00",
	"an end in the middle":        "bf6161ff",
	"an end that is not there":    "bf616100",
	"an end of a known length":    "a1616100ff",
	"something after the end":     "a000",
	"more fields than bytes":      "bb7fffffffffffffff",
	"more than any int":           "bbffffffffffffffff",
	"the same, and an end":        "bbffffffffffffffff616100ff",
	"a list of that":              "a161619bffffffffffffffff00ff",
	"many pieces in pieces":       "a1" + cborList + "81a3" + cborNumber + cborKey + "6444617461" + "5f5f" + strings.Repeat("00", 31) + "ff",
	"a long list":                 "a1" + cborList + "9bffffffffffffffff",
	"a long text":                 "a161617bffffffffffffffff",
	"a long lag":                  "a1724d696c6c6973426568696e644c61746573741b8000000000000000",
	"a lag that is far ahead":     "a1724d696c6c6973426568696e644c61746573743bffffffffffffffff",
	"a reserved length":           "a161611c",
	"a reserved value":            "a16161f81f",
	"a simple value":              "a16161f820",
	"another one":                 "a16161e0",
	"a number without an end":     "a161611f",
	"a tag without a value":       "a16161c1",
	"deep":                        "a16161" + strings.Repeat("81", 100) + "00",
	"deep in tags":                "a16161" + strings.Repeat("c1", 100) + "00",
	"deep without an end":         "a16161" + strings.Repeat("9f", 1000),
	"a list instead of an object": "80",
}

func TestCBOR(t *testing.T) {
	for name, text := range usualCBOR {
		body := unhex(t, text)
		if !compareCBOR(t, body) {
			t.Errorf("%s: not read: %v", name, new(kinesisjson.Answer).Read(body, limit))
			continue
		}
		keeps(t, body)
		for i := range body {
			if compareCBOR(t, body[:i]) {
				t.Errorf("%s: cut after %d bytes it is read", name, i)
			}
			for _, c := range unhex(t, "0017181b1f3b5f617b7f809fa1bfc1d8e0f6f8fbff") {
				compareCBOR(t, slices.Concat(body[:i], []byte{c}, body[i+1:]))
			}
		}
	}
	for name, text := range unusualCBOR {
		if compareCBOR(t, unhex(t, text)) {
			t.Errorf("%s: read", name)
		}
	}
}

// TestSameInBoth: an answer says the same in both formats.
func TestSameInBoth(t *testing.T) {
	for _, body := range slices.Collect(maps.Values(usual)) {
		if !utf8.ValidString(body) {
			continue
		}
		var a, b kinesisjson.Answer
		if err := b.Read(asCBOR([]byte(body)), limit); err != nil || a.Read([]byte(body), limit) != nil || len(a.Records) != len(b.Records) {
			t.Errorf("%s: %v", body, err)
			continue
		}
		for i := range a.Records {
			x, y := &a.Records[i], &b.Records[i]
			one, _ := x.AppendData(nil)
			two, _ := y.AppendData(nil)
			if x.SequenceNumber != y.SequenceNumber || x.PartitionKey != y.PartitionKey || x.EncryptionType != y.EncryptionType || !bytes.Equal(one, two) {
				t.Errorf("%s: record %d: %v, %v", body, i, x, y)
			}
		}
	}
}

// TestUserRecordsInCBOR: as TestUserRecords, in CBOR.
func TestUserRecordsInCBOR(t *testing.T) {
	for name, text := range usualCBOR {
		var a kinesisjson.Answer
		if err := a.Read(unhex(t, text), limit); err != nil || len(a.Records) == 0 {
			continue
		}
		var w kinesisjson.Writer
		w.Begin(&a, nil)
		for _, key := range odd {
			w.UserRecord(&a.Records[0], "7:", []byte("1"), key, []byte(key))
		}
		v := meaning(t, w.End(&a.Object)).(smithycbor.Map)
		original := meaning(t, unhex(t, text)).(smithycbor.Map)["Records"].(smithycbor.List)[0].(smithycbor.Map)
		for i, r := range v["Records"].(smithycbor.List) {
			got, want := r.(smithycbor.Map), maps.Clone(original)
			want["SequenceNumber"], want["Data"] = smithycbor.String("7:1"), smithycbor.Slice(odd[i])
			want["PartitionKey"] = smithycbor.String(eachByte(odd[i]))
			if !sameMeaning(got, want) {
				t.Errorf("%s: %q: %v, want %v", name, odd[i], got, want)
			}
		}
	}
}

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
