//go:build !purego

package base64x

import "github.com/kplkit/kplkit/internal/cpu"

// kernels returns what this processor has, the fastest first.
func kernels() (ks []*kernel) {
	if cpu.AVX512VBMI {
		ks = append(ks, &kernel{64,
			func(dst, src []byte) int { return run(decode64, dst, 48, src, 64) },
			func(dst, src []byte) int { return run(encode64, dst, 64, src, 48) },
		})
	}
	if cpu.AVX2 {
		const beyond = 4 // bytes that encode32 reads after its last block
		ks = append(ks, &kernel{32,
			func(dst, src []byte) int { return run(decode32, dst, 24, src, 32) },
			func(dst, src []byte) int { return run(encode32, dst, 32, src[:max(len(src)-beyond, 0)], 24) },
		})
	}
	return ks
}

// Each takes up to n blocks, returns how many it has taken, and writes no byte beyond those.

//go:noescape
func decode64(dst, src *byte, n int) int

//go:noescape
func decode32(dst, src *byte, n int) int

//go:noescape
func encode64(dst, src *byte, n int) int

//go:noescape
func encode32(dst, src *byte, n int) int

// atOnce is how many blocks a kernel takes in one go: it can't be interrupted.
const atOnce = 1024

// run has a kernel take all blocks that there are in src and that dst has room for, of so many bytes each.
func run(kernel func(dst, src *byte, n int) int, dst []byte, to int, src []byte, from int) (blocks int) {
	all := min(len(src)/from, len(dst)/to)
	for blocks < all {
		n := min(all-blocks, atOnce)
		taken := kernel(&dst[blocks*to], &src[blocks*from], n)
		if blocks += taken; taken < n {
			break
		}
	}
	return blocks
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// values is what each byte of ASCII stands for, bit 7 set in those that stand for nothing. For decode64.
//
//lint:ignore U1000 the assembly reads it
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
//
//lint:ignore U1000 the assembly reads it
var order = func() (t [64]byte) {
	for i := range t[:48] {
		t[i] = byte(i/3*4 + 2 - i%3)
	}
	return t
}()

// decode32 has tables of 16 entries alone, one for each half of a byte. A byte is a letter if what its low half is bad
// with, and what its high half is, have no bit in common. What it stands for is its own value and steps[high half].
//
//lint:ignore U1000 the assembly reads it
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

// letters is the alphabet. For encode64.
//
//lint:ignore U1000 the assembly reads it
var letters = [64]byte([]byte(alphabet))

// spread is which bytes stand in each word of 32 bits, so that two 6-bit values are in each half of it. For encode64, and its
// first 16 for encode32.
//
//lint:ignore U1000 the assembly reads it
var spread = func() (t [64]byte) {
	for i := range t {
		t[i] = byte(i/4*3) + [4]byte{1, 0, 2, 1}[i%4]
	}
	return t
}()

// away is how far the letter of a value is from it: from 52 on at the value less 51, for 26 to 51 at 0, below at 13. For encode32.
//
//lint:ignore U1000 the assembly reads it
var away = func() (t [16]byte) {
	for v, c := range []byte(alphabet) {
		at := max(v-51, 0)
		if v < 26 {
			at = 13
		}
		t[at] = c - byte(v)
	}
	return t
}()
