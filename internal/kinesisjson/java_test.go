package kinesisjson_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kplkit/kplkit/internal/kinesisjson"
)

// TestJava: what the SDK for Java 2.33.0 and kinesis-mock 0.6.2 have said to each other is read, and a request is written
// byte for byte as the SDK does. testdata/java is recorded by interop's part cbor, see interop/README.md.
func TestJava(t *testing.T) {
	files, err := filepath.Glob("testdata/java/*")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want := kinesisjson.CBOR
		if strings.Contains(file, "SubscribeToShard") {
			want = kinesisjson.JSON
		}
		if got := kinesisjson.FormatOf(body); got != want {
			t.Errorf("%s: format %v", file, got)
		}
		o, err := kinesisjson.ReadObject(body)
		if err != nil {
			t.Errorf("%s: %v", file, err)
		}
		switch {
		case strings.HasSuffix(file, "request"):
			for _, name := range []string{"StreamName", "ShardIterator", "StartingSequenceNumber", "ShardIteratorType", "ConsumerARN"} {
				if text, ok := o.Text(name); ok {
					o.SetText(name, text)
				}
			}
			if n, ok := o.Int("Limit"); ok {
				o.SetInt("Limit", n)
			}
			if o.Raw("Timestamp") != nil {
				o.SetMilliseconds("Timestamp", 1_700_000_000_123)
			}
			if p, ok := o.Object("StartingPosition"); ok {
				p.SetMilliseconds("Timestamp", 1_700_000_000_123)
				o.SetObject("StartingPosition", p)
			}
			if written := o.AppendTo(nil); !bytes.Equal(written, body) {
				t.Errorf("%s: %q, written as %q", file, body, written)
			}
		case strings.Contains(file, "GetRecords"):
			if !compareCBOR(t, body) {
				t.Errorf("%s: not read", file)
			}
			keeps(t, body)
			replaces(t, body)
		}
	}
}
