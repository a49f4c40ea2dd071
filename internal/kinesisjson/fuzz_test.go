package kinesisjson_test

import (
	"bytes"
	"testing"
	"unicode/utf8"

	"github.com/kplkit/kplkit/internal/kinesisjson"
)

// FuzzAnswer: whatever the bytes, what is read of them the SDK reads, too, and the same; written without a change it says
// the same; and user records in its place are read as they were written.
func FuzzAnswer(f *testing.F) {
	for _, body := range usual {
		f.Add([]byte(body))
	}
	for _, body := range unusual {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if kinesisjson.FormatOf(body) == kinesisjson.CBOR {
			return
		}
		if compare(t, body) {
			keeps(t, body)
			replaces(t, body)
		}
		checkObject(t, body)
	})
}

// FuzzCBOR: the same in CBOR, against smithy's decoder.
func FuzzCBOR(f *testing.F) {
	for _, text := range usualCBOR {
		f.Add(unhex(f, text))
	}
	for _, text := range unusualCBOR {
		f.Add(unhex(f, text))
	}
	for _, body := range usual {
		if utf8.ValidString(body) {
			f.Add(asCBOR([]byte(body)))
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if kinesisjson.FormatOf(body) != kinesisjson.CBOR {
			return
		}
		if compareCBOR(t, body) {
			keeps(t, body)
			replaces(t, body)
		}
		checkObject(t, body)
	})
}

// replaces puts a user record in the place of each record, and reads it.
func replaces(t *testing.T, body []byte) {
	var a, b kinesisjson.Answer
	if a.Read(body, limit) != nil {
		return
	}
	var w kinesisjson.Writer
	w.Begin(&a, nil)
	for i := range a.Records {
		w.UserRecord(&a.Records[i], "7:", []byte("1"), "key", []byte("data"))
	}
	if err := b.Read(w.End(&a.Object), limit); err != nil || len(b.Records) != len(a.Records) {
		t.Fatalf("%q: %v", body, err)
	}
	for i := range b.Records {
		r, was := &b.Records[i], &a.Records[i]
		data, err := r.AppendData(nil)
		if err != nil || string(data) != "data" || r.SequenceNumber != "7:1" || r.PartitionKey != "key" {
			t.Errorf("%q: %v, %q %q %q", body, err, r.SequenceNumber, r.PartitionKey, data)
		}
		if r.EncryptionType != was.EncryptionType || !bytes.Equal(r.ArrivalTime, was.ArrivalTime) {
			t.Errorf("%q: %q %q, was %q %q", body, r.EncryptionType, r.ArrivalTime, was.EncryptionType, was.ArrivalTime)
		}
	}
}

// checkObject: an object that is written and read again has the same fields, and one that is set.
func checkObject(t *testing.T, body []byte) {
	o, err := kinesisjson.ReadObject(body)
	if err != nil {
		return
	}
	written := o.AppendTo(nil)
	again, err := kinesisjson.ReadObject(written)
	if err != nil || !bytes.Equal(again.AppendTo(nil), written) {
		t.Fatalf("%q: %v, %q", body, err, written)
	}
	again.Delete("Limit")
	again.SetText("ShardIterator", string(body))
	again.SetInt("Limit", -7)
	last, err := kinesisjson.ReadObject(again.AppendTo(nil))
	text, _ := last.Text("ShardIterator")
	n, ok := last.Int("Limit")
	if err == nil && (!ok || n != -7 || text != eachByte(string(body))) {
		t.Errorf("%q: %q, %d", body, text, n)
	}
}
