package recordio

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"testing"
)

// FuzzAppendBase64: the result and the error are those of encoding/base64.
func FuzzAppendBase64(f *testing.F) {
	for n := range 70 {
		text := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("\xfb\xff\x01"), n)[n:])
		for _, s := range []string{text, text + "QR==", text + "QQ==", text + "QUK=", "QQ==" + text, text + "\n", text + "Q\nQ=", text + "-_8=", text + "=", text + "\n\n\n\n"} {
			f.Add([]byte(s))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		before := []byte("before")
		want, wantErr := base64.StdEncoding.Strict().AppendDecode(bytes.Clone(before), text)
		got, err := appendBase64(before, text)
		if fmt.Sprint(err) != fmt.Sprint(wantErr) || err == nil && !bytes.Equal(got, want) {
			t.Errorf("%q: %q %v, want %q %v", text, got, err, want, wantErr)
		}
	})
}
