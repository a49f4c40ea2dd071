package kinesisjson_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	smithycbor "github.com/aws/smithy-go/encoding/cbor"

	"github.com/kplkit/kplkit/internal/kinesisjson"
)

// rewrite reads an answer and writes it without a change. It returns nil for one that is unusual.
func rewrite(body []byte) []byte {
	var a kinesisjson.Answer
	if a.Read(body, limit) != nil {
		return nil
	}
	var w kinesisjson.Writer
	w.Begin(&a, nil)
	for i := range a.Records {
		w.Record(&a.Records[i])
	}
	return w.End(&a.Object)
}

// keeps holds that an answer that is written without a change says what it said. One without records gets an empty list.
func keeps(t *testing.T, body []byte) {
	t.Helper()
	written := rewrite(body)
	if written == nil {
		return
	}
	want, got := meaning(t, body), meaning(t, written)
	switch v := want.(type) {
	case map[string]any:
		if v["Records"] == nil {
			v["Records"] = []any{}
		}
	case smithycbor.Map:
		if list, ok := v["Records"].(smithycbor.List); !ok || list == nil {
			v["Records"] = smithycbor.List{}
		}
	}
	if !sameMeaning(want, got) {
		t.Errorf("%q: written as %q\n%s\n%s", body, written, canonical(want), canonical(got))
	}
	if again := rewrite(written); !bytes.Equal(again, written) {
		t.Errorf("%q, written as %q, and again as %q", body, written, again)
	}
}

// TestNeighbours: to append to what is handed out does not change what stands beside it.
func TestNeighbours(t *testing.T) {
	for _, body := range [][]byte{answerOf(2, 8), bytes.ReplaceAll(answerOf(2, 8), []byte(":"), []byte(" : ")), asCBOR(answerOf(2, 8))} {
		var a kinesisjson.Answer
		if err := a.Read(body, limit); err != nil {
			t.Fatal(err)
		}
		if next := a.Raw("NextShardIterator"); next[0] == ' ' {
			t.Errorf("%q begins with a space", next)
		}
		before := bytes.Clone(body)
		o, err := kinesisjson.ReadObject(body)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range [][]byte{a.Raw("NextShardIterator"), a.Raw("MillisBehindLatest"), a.Records[0].ArrivalTime, o.Raw("NextShardIterator"), o.Raw("Records")} {
			_ = append(b, "XXXX"...)
		}
		if !bytes.Equal(body, before) {
			t.Errorf("%q, was %q", body, before)
		}
	}
}

func TestUnchanged(t *testing.T) {
	for name, body := range usual {
		if keeps(t, []byte(body)); rewrite([]byte(body)) == nil {
			t.Errorf("%s: not read", name)
		}
	}
	// What is not known comes byte for byte, white space too.
	unknown := "{ \"b\" : 1e0 , \"a\":\t[ \"\\u0041\" ]}"
	body := `{"New":` + unknown + `,"Records":[{"Later":` + unknown + `,` + record1[1:] + `]` + end
	if written := string(rewrite([]byte(body))); strings.Count(written, unknown) != 2 {
		t.Error(written)
	}
}

// odd are texts that a user record may have for a key; a writer has to make something of each.
var odd = []string{"", "a", "\"\\/\b\f\n\r\t\x00\x1f\x7f", "ü\u2028\U0001f600", "\xff", "a\xc3", "\xed\xa0\x80", strings.Repeat("k", 300)}

// TestUserRecords: user records come in the place of a stored record, with all that they do not change.
func TestUserRecords(t *testing.T) {
	stored := `{"Later":{"a":[1]},"Data":"YWdn","PartitionKey":"a","ApproximateArrivalTimestamp":1.795529850123E9,"SequenceNumber":"7","EncryptionType":"KMS"}`
	for _, body := range []string{
		`{"Records":[` + stored + `,` + record1 + `]` + end,
		`{"Records":[` + strings.ReplaceAll(stored, ",", " , ") + `,` + record1 + `]` + end,
	} {
		var a kinesisjson.Answer
		if err := a.Read([]byte(body), limit); err != nil {
			t.Fatal(err)
		}
		var w kinesisjson.Writer
		w.Begin(&a, []byte("before"))
		for i, key := range odd {
			w.UserRecord(&a.Records[0], "7:", fmt.Append(nil, i), key, []byte(key))
		}
		w.Record(&a.Records[1])
		w.UserRecord(&a.Records[1], "8", nil, "b", nil)
		written := w.End(&a.Object)[len("before"):]
		got, err := bySDK(written)
		if err != nil || len(got.Records) != len(odd)+2 {
			t.Fatalf("%s: %v", written, err)
		}
		original, _ := bySDK([]byte(body))
		for i, key := range odd {
			r, want := got.Records[i], original.Records[0]
			if *r.SequenceNumber != fmt.Sprint("7:", i) || *r.PartitionKey != eachByte(key) || string(r.Data) != key {
				t.Errorf("%q: %q %q %q", key, *r.SequenceNumber, *r.PartitionKey, r.Data)
			}
			if r.EncryptionType != types.EncryptionTypeKms || !r.ApproximateArrivalTimestamp.Equal(*want.ApproximateArrivalTimestamp) {
				t.Errorf("%q: %v", key, r)
			}
		}
		if n := strings.Count(string(written), `"Later"`); n != len(odd) {
			t.Errorf("%d unknown fields, want %d: %s", n, len(odd), written)
		}
		keeps(t, written)
	}
}

// TestPrefixes: a number is its prefix and its suffix, whatever stands in the prefix, and whichever record has it.
func TestPrefixes(t *testing.T) {
	for _, body := range [][]byte{answerOf(2, 8), asCBOR(answerOf(2, 8))} {
		var a, b kinesisjson.Answer
		if err := a.Read(body, limit); err != nil {
			t.Fatal(err)
		}
		var w kinesisjson.Writer
		w.Begin(&a, nil)
		var want []string
		for i, prefix := range append(odd, odd...) {
			for _, suffix := range []string{"", ":1", "000000002"} {
				w.UserRecord(&a.Records[i/len(odd)], prefix, []byte(suffix), "key", nil)
				want = append(want, eachByte(prefix)+suffix)
			}
		}
		if err := b.Read(w.End(&a.Object), limit); err != nil || len(b.Records) != len(want) {
			t.Fatal(err, len(b.Records))
		}
		for i, r := range b.Records {
			if r.SequenceNumber != want[i] || r.PartitionKey != "key" {
				t.Errorf("%q %q, want %q", r.SequenceNumber, r.PartitionKey, want[i])
			}
		}
	}
}

// TestTake: an answer that is taken in pieces says what it says in one, and Len counts them.
func TestTake(t *testing.T) {
	for _, body := range [][]byte{answerOf(5, 30), asCBOR(answerOf(5, 30))} {
		var a kinesisjson.Answer
		if err := a.Read(body, limit); err != nil {
			t.Fatal(err)
		}
		var w kinesisjson.Writer
		write := func(between func()) []byte {
			w.Begin(&a, nil)
			for i := range a.Records {
				between()
				w.UserRecord(&a.Records[i], "7:", nil, "key", []byte("data"))
				w.Record(&a.Records[i])
			}
			between()
			return w.End(&a.Object)
		}
		want := bytes.Clone(write(func() {}))
		var got []byte
		rest := write(func() {
			if got = append(got, w.Take(make([]byte, 0, 100))...); w.Len() != len(got) || w.Room() != 100 {
				t.Errorf("%d bytes and room for %d, want %d and 100", w.Len(), w.Room(), len(got))
			}
		})
		if got = append(got, rest...); !bytes.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// eachByte puts U+FFFD in the place of each byte that is not UTF-8, as decoders of Go do.
func eachByte(s string) string { return string([]rune(s)) }

// TestNothingAllocated: with its memory used again, nothing is allocated to read an answer and to write user records.
func TestNothingAllocated(t *testing.T) {
	for _, body := range [][]byte{answerOf(1000, 100), asCBOR(answerOf(1000, 100))} {
		var a kinesisjson.Answer
		var w kinesisjson.Writer
		var data, out []byte
		cycle := func() {
			if a.Read(body, limit) != nil {
				t.Fatal("not read")
			}
			w.Begin(&a, out[:0])
			for i := range a.Records {
				r := &a.Records[i]
				var err error
				if data, err = r.AppendData(data[:0]); err != nil {
					t.Fatal(err)
				}
				w.UserRecord(r, r.SequenceNumber, nil, r.PartitionKey, data)
			}
			out = w.End(&a.Object)
		}
		cycle()
		if n := testing.AllocsPerRun(10, cycle); n > 0 {
			t.Errorf("%v: %v allocations", kinesisjson.FormatOf(body), n)
		}
		if w.Len() != 0 {
			t.Error("a writer holds on to what it has written")
		}
	}
}

// TestMemory: what is made of a body is in proportion to it, of nothing but the shortest records, escapes or depth, too.
func TestMemory(t *testing.T) {
	one := `{"Data":"","PartitionKey":"","SequenceNumber":""}`
	for name, c := range map[string]struct {
		begin, again, end string
		reads             bool
		times             int // what it may allocate, of the body
	}{
		"records":              {`{"Records":[` + one, "," + one, `]}`, true, 8},
		"a short record first": {`{"Records":[` + one + `,{"PartitionKey":"","SequenceNumber":"","Data":"`, "AAAA", `"}]}`, true, 1},
		"lines of base64":      {`{"Records":[{"PartitionKey":"","SequenceNumber":"","Data":"`, `AAAA\n`, `"}]}`, true, 2},
		"escapes":              {`{"Records":[{"Data":"","SequenceNumber":"","PartitionKey":"\n`, "\xff", `"}]}`, true, 12},
		"depth":                {`{"a":`, `[`, ``, false, 1},
		"fields":               {`{"a":1`, `,"b":1`, `}`, false, 1},
		"pieces":               {"\xa1\x61a\x7f", "\x61a", "\xff", true, 4},
		"items":                {"\xa1\x61a\x9f", "\x80", "\xff", true, 1},
		"tags":                 {"\xa1\x61a", "\xc1", "\x00", false, 1},
	} {
		body := []byte(c.begin + strings.Repeat(c.again, 4<<20/len(c.again)) + c.end)
		var err error
		used := allocated(func() { err = new(kinesisjson.Answer).Read(body, limit) })
		if (err == nil) != c.reads || used > c.times*len(body) {
			t.Errorf("%s: %v, %d bytes for %d", name, err, used, len(body))
		}
	}
}

// allocated returns how many bytes f allocates.
func allocated(f func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc - before.TotalAlloc)
}

// answerOf returns an answer as Kinesis writes it, with n records of size bytes.
func answerOf(n, size int) []byte {
	data := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("data"), size/4))
	var b strings.Builder
	b.WriteString(`{"Records":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"SequenceNumber":"4959033827149025660855969253836157109592157598913658%05d","ApproximateArrivalTimestamp":1.795529850123E9,`+
			`"Data":"%s","PartitionKey":"user-%d"}`, i, data, i%10)
	}
	return []byte(b.String() + `],"NextShardIterator":"` + strings.Repeat("A", 200) + `","MillisBehindLatest":0}`)
}
