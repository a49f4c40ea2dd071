package base64x

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"testing"
)

// each calls f with each kernel of this processor, and with none.
func each(f func(name string, k *kernel)) {
	for _, k := range append(kernels(), nil) {
		name := "none"
		if k != nil {
			name = fmt.Sprint("blocks of ", k.size)
		}
		f(name, k)
	}
}

// compare decodes src by k and by encoding/base64.
func compare(t *testing.T, name string, k *kernel, src []byte) {
	t.Helper()
	const guard = 80
	room := base64.StdEncoding.DecodedLen(len(src))
	want, got := make([]byte, room+guard), bytes.Repeat([]byte{0xa5}, room+guard)
	n, err := base64.StdEncoding.Decode(want[:room], src)
	m, problem := decode(k, got[:room], src)
	if n != m || err != problem || !bytes.Equal(want[:n], got[:n]) {
		t.Fatalf("%s: %q: %d, %v, %x; want %d, %v, %x", name, src, m, problem, got[:m], n, err, want[:n])
	}
	for _, c := range got[room:] {
		if c != 0xa5 {
			t.Fatalf("%s: %q: it writes beyond its room", name, src)
		}
	}
}

// TestDecode: at all lengths and places, data is decoded as encoding/base64 does.
func TestDecode(t *testing.T) {
	random := rand.NewChaCha8([32]byte{1})
	each(func(name string, k *kernel) {
		for n := range 300 {
			data := make([]byte, n+n%7)
			random.Read(data)
			text := make([]byte, n%64, 1000)
			text = base64.StdEncoding.AppendEncode(text, data)
			compare(t, name, k, text[n%64:])
		}
		data := make([]byte, 200_000) // more than a kernel takes in one go
		random.Read(data)
		compare(t, name, k, base64.StdEncoding.AppendEncode(nil, data))
	})
}

// TestAppendEncode: at all lengths and places, each byte at each place of a block is encoded as encoding/base64 does.
func TestAppendEncode(t *testing.T) {
	random := rand.NewChaCha8([32]byte{2})
	each(func(name string, k *kernel) {
		for n := range 300 {
			data := make([]byte, n)
			random.Read(data)
			compareEncode(t, name, k, data, n%64)
		}
		for i := range 192 {
			data := make([]byte, 192)
			for c := range 256 {
				data[i] = byte(c)
				compareEncode(t, name, k, data, 0)
			}
		}
		data := make([]byte, 200_000) // more than a kernel takes in one go
		random.Read(data)
		compareEncode(t, name, k, data, 0)
	})
}

// compareEncode encodes data by k and by encoding/base64, after a text of some length, with room beyond and without.
func compareEncode(t *testing.T, name string, k *kernel, data []byte, before int) {
	t.Helper()
	want := base64.StdEncoding.AppendEncode(make([]byte, before), data)
	for _, room := range []int{before, len(want), len(want) + 80} {
		dst := bytes.Repeat([]byte{0xa5}, room)
		clear(dst[:before])
		got := appendEncode(k, dst[:before], data)
		if !bytes.Equal(got, want) {
			t.Fatalf("%s: %x: %s, want %s", name, data, got[before:], want[before:])
		}
		for _, c := range dst[min(len(want), room):] {
			if c != 0xa5 {
				t.Fatalf("%s: %x: it writes beyond the text", name, data)
			}
		}
	}
}

// TestEachByte: each byte at each place of two blocks and what follows, padding and trailing bits among them.
func TestEachByte(t *testing.T) {
	each(func(name string, k *kernel) {
		for length := 120; length <= 136; length++ {
			text := bytes.Repeat([]byte("Az09+/zQ"), 20)[:length]
			for i := range text {
				was := text[i]
				for c := range 256 {
					text[i] = byte(c)
					compare(t, name, k, text)
				}
				text[i] = was
			}
		}
		for _, end := range []string{"", "QQ==", "QR==", "QQI=", "QQJ=", "QQ=", "QQ", "Q===", "====", "QQ==\n", "Q\nQ\r==", "\n\n\n\n", "QQ==QUJD"} {
			for blocks := range 40 {
				compare(t, name, k, append(bytes.Repeat([]byte("QUJD"), blocks), end...))
			}
		}
	})
}

// TestRoom: where there is less room than the text needs, a kernel stops, and encoding/base64 panics as ever.
func TestRoom(t *testing.T) {
	each(func(name string, k *kernel) {
		defer func() {
			if recover() == nil {
				t.Errorf("%s: no panic", name)
			}
		}()
		decode(k, make([]byte, 100), bytes.Repeat([]byte("QUJD"), 100))
	})
}

// TestNothingAllocated: not where there is a kernel, and not where there is none.
func TestNothingAllocated(t *testing.T) {
	src := bytes.Repeat([]byte("QUJD"), 100)
	dst := make([]byte, 300)
	each(func(name string, k *kernel) {
		if n := testing.AllocsPerRun(100, func() { decode(k, dst, src) }); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
		if n := testing.AllocsPerRun(100, func() { appendEncode(k, src[:0], dst) }); n > 0 {
			t.Errorf("%s: %v allocations to encode", name, n)
		}
	})
}

// FuzzDecode: whatever the text, it is decoded as encoding/base64 does, with the same error.
func FuzzDecode(f *testing.F) {
	f.Add([]byte("QUJD"))
	f.Add(append(bytes.Repeat([]byte("QUJD"), 50), "QQ=="...))
	f.Add(append(bytes.Repeat([]byte("Az0/"), 50), "Q\nR=="...))
	f.Add(append(bytes.Repeat([]byte("+z09"), 50), "Q-_="...))
	f.Fuzz(func(t *testing.T, src []byte) {
		text := base64.StdEncoding.AppendEncode(nil, src)
		for i := range src { // letters, with some of what was given among them
			if src[i]%16 == 0 {
				text[i] = src[(i+1)%len(src)]
			}
		}
		each(func(name string, k *kernel) {
			compare(t, name, k, src)
			compare(t, name, k, text)
		})
	})
}

// FuzzAppendEncode: whatever the data, it is encoded as encoding/base64 does.
func FuzzAppendEncode(f *testing.F) {
	f.Add([]byte("ABC"), uint8(0))
	f.Add(bytes.Repeat([]byte("\x00\xff\xfb\xef\xbe"), 50), uint8(7))
	f.Fuzz(func(t *testing.T, data []byte, before uint8) {
		each(func(name string, k *kernel) { compareEncode(t, name, k, data, int(before)) })
	})
}

func BenchmarkAppendEncode(b *testing.B) {
	each(func(name string, k *kernel) {
		for _, size := range []int{100, 50_000} {
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				src, dst := make([]byte, size), make([]byte, 0, 2*size)
				b.SetBytes(int64(size))
				for b.Loop() {
					appendEncode(k, dst, src)
				}
			})
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	each(func(name string, k *kernel) {
		for _, size := range []int{100, 50_000} {
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				src := base64.StdEncoding.AppendEncode(nil, make([]byte, size))
				dst := make([]byte, size+3)
				b.SetBytes(int64(size))
				for b.Loop() {
					decode(k, dst, src)
				}
			})
		}
	})
}
