package base64x

import (
	"encoding/base64"
	"os"
	"syscall"
	"testing"
)

// TestNothingBeyondIsTouched: text and data that end where the process's memory ends are read to there and no further.
func TestNothingBeyondIsTouched(t *testing.T) {
	page := os.Getpagesize()
	memory := func() []byte { // a page, and one after it that must not be touched
		b, err := syscall.Mmap(-1, 0, 2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = syscall.Munmap(b) })
		if err := syscall.Mprotect(b[page:], syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
		return b[:page:page]
	}
	data, text := memory(), memory()
	each(func(name string, k *kernel) {
		for n := range 300 {
			data, text := data[page-n:], text[page-base64.StdEncoding.EncodedLen(n):]
			if got := appendEncode(k, text[:0], data); len(got) != len(text) {
				t.Fatalf("%s: %d bytes of %d", name, len(got), len(text))
			}
			if m, err := decode(k, data, text); m != n || err != nil {
				t.Fatalf("%s: %d bytes of %d: %v", name, m, n, err)
			}
		}
	})
}
