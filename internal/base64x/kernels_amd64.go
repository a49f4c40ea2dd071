//go:build !purego

package base64x

import "github.com/kplkit/kplkit/internal/cpu"

// kernels returns what this processor has, the fastest first.
func kernels() (ks []*kernel) {
	if cpu.AVX512VBMI {
		ks = append(ks, &kernel{64, func(dst, src []byte) int { return run(decode64, 64, dst, src) }})
	}
	if cpu.AVX2 {
		ks = append(ks, &kernel{32, func(dst, src []byte) int { return run(decode32, 32, dst, src) }})
	}
	return ks
}

// decode64 and decode32 take up to n blocks of as many letters. They return how many they have taken, and write no byte
// beyond those.
//
//go:noescape
func decode64(dst, src *byte, n int) int

//go:noescape
func decode32(dst, src *byte, n int) int

// atOnce is how many blocks a kernel takes in one go: it can't be interrupted.
const atOnce = 1024

func run(kernel func(dst, src *byte, n int) int, size int, dst, src []byte) (blocks int) {
	all := min(len(src)/size, len(dst)/(size/4*3))
	for blocks < all {
		n := min(all-blocks, atOnce)
		taken := kernel(&dst[blocks*size/4*3], &src[blocks*size], n)
		if blocks += taken; taken < n {
			break
		}
	}
	return blocks
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// values is what each byte of ASCII stands for, bit 7 set in those that stand for nothing. For decode64.
var values = func() (t [128]byte) {
	for i := range t {
		t[i] = 0x80
	}
	for i, c := range alphabet {
		t[c] = byte(i)
	}
	return t
}()

// order is where each of 48 bytes stands in 16 words of 32 bits, each of which has three bytes, the highest first.
// For decode64.
var order = func() (t [64]byte) {
	for i := range t[:48] {
		t[i] = byte(i/3*4 + 2 - i%3)
	}
	return t
}()

// decode32 has tables of 16 entries alone, one for each half of a byte. A byte is a letter if what its low half is bad
// with, and what its high half is, have no bit in common. What it stands for is its own value and steps[high half].
var lowBad, highIs, steps = func() (low, high, steps [16]byte) {
	kind := map[int]byte{2: 1, 3: 2, 4: 4, 5: 8, 6: 16, 7: 32} // all others have no letter
	for h := range high {
		high[h] = kind[h]
		if high[h] == 0 {
			high[h] = 64
		}
	}
	for l := range low {
		low[l] = 127
	}
	for i, c := range []byte(alphabet) {
		low[c&15] &^= high[c>>4]
		if c != '/' {
			steps[c>>4] = byte(i) - c
		}
	}
	steps[1] = 63 - '/' // which has the high half of + but another step: the kernel looks one entry before
	return low, high, steps
}()
