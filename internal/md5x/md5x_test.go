package md5x

import (
	"bytes"
	"crypto/md5"
	"fmt"
	"math/rand/v2"
	"testing"
)

// eachWidth runs a test with every number of lanes that this processor has: AVX2's eight also where there are sixteen.
func eachWidth(t *testing.T, f func(t *testing.T)) {
	for _, n := range []int{1, 8, 16} {
		t.Run(fmt.Sprint(n, " lanes"), func(t *testing.T) {
			defer SetLanes(SetLanes(n))
			if Lanes() != n {
				t.Skipf("this processor has no %d lanes, or the build tag purego is set", n)
			}
			f(t)
		})
	}
}

// check compares the sums of messages with crypto/md5.
func check(t *testing.T, h *Hasher, messages [][]byte) {
	t.Helper()
	before := bytes.Join(messages, nil)
	sums := make([][Size]byte, len(messages)+1)
	h.Sums(messages, sums)
	for i, m := range messages {
		if sums[i] != md5.Sum(m) {
			t.Fatalf("sum of message %d of %d, %d bytes, is wrong", i, len(messages), len(m))
		}
	}
	if sums[len(messages)] != [Size]byte{} {
		t.Fatal("a sum too many was written")
	}
	if !bytes.Equal(before, bytes.Join(messages, nil)) {
		t.Fatal("messages were written to")
	}
}

// random returns n random bytes at an address that is at more than a multiple of 64, with no room after them.
func random(r *rand.Rand, n, at int) []byte {
	b := make([]byte, at+n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b[at:]
}

// TestLengthsAndAddresses: every length around the ends of blocks, at every address inside one, in every lane.
func TestLengthsAndAddresses(t *testing.T) {
	eachWidth(t, func(t *testing.T) {
		r, h := rand.New(rand.NewPCG(1, 1)), new(Hasher)
		for length := range 4*64 + 2 {
			messages := make([][]byte, 0, 64)
			for at := range 64 {
				messages = append(messages, random(r, length, at))
			}
			check(t, h, messages)
			check(t, h, messages[:17])
			check(t, h, messages[:15])
			check(t, h, messages[:7])
			check(t, h, messages[:2])
		}
	})
}

// TestMixedLengths: any number of messages, of lengths that have nothing to do with each other.
func TestMixedLengths(t *testing.T) {
	eachWidth(t, func(t *testing.T) {
		r, h := rand.New(rand.NewPCG(2, 2)), new(Hasher)
		for range 600 {
			messages := make([][]byte, r.IntN(70))
			longest := []int{1, 10, 56, 70, 300, 5000}[r.IntN(6)]
			for i := range messages {
				messages[i] = random(r, r.IntN(longest), r.IntN(64))
			}
			check(t, h, messages)
		}
	})
}

// TestLong: messages of more blocks than the kernels take in one go, beside short ones.
func TestLong(t *testing.T) {
	eachWidth(t, func(t *testing.T) {
		r, h := rand.New(rand.NewPCG(3, 3)), new(Hasher)
		var messages [][]byte
		for i := range 20 {
			messages = append(messages, random(r, []int{200_000, 65_536, 65_535, 1 << 17, 3}[i%5]+i/5, i))
		}
		check(t, h, messages)
		check(t, h, messages[:3])
	})
}

func TestNone(t *testing.T) {
	eachWidth(t, func(t *testing.T) {
		check(t, new(Hasher), nil)
		check(t, new(Hasher), [][]byte{nil})
		check(t, new(Hasher), make([][]byte, 33))
	})
}

// TestNothingAllocated: nor kept, so that no message is pinned.
func TestNothingAllocated(t *testing.T) {
	eachWidth(t, func(t *testing.T) {
		r, h := rand.New(rand.NewPCG(4, 4)), new(Hasher)
		for _, length := range []int{20, 2000} {
			messages := make([][]byte, 40)
			for i := range messages {
				messages[i] = random(r, length, i)
			}
			sums := make([][Size]byte, len(messages))
			if n := testing.AllocsPerRun(20, func() { h.Sums(messages, sums) }); n != 0 {
				t.Errorf("%v allocations for messages of %d bytes", n, length)
			}
			if pins(h) {
				t.Errorf("messages of %d bytes stay in memory", length)
			}
		}
	})
}

// TestWorthLanes: lanes are for messages that keep them busy.
func TestWorthLanes(t *testing.T) {
	for _, c := range []struct {
		width int
		w     weight
		want  bool
	}{
		{16, weight{1, 800, 800}, false},
		{16, weight{2, 1600, 800}, true},
		{16, weight{2, 801, 800}, false}, // as one alone
		{16, weight{17, 816, 800}, false},
		{16, weight{32, 32 * 800, 800}, true},
		{8, weight{2, 1600, 800}, true},
		{8, weight{3, 1000, 800}, false}, // a lane of AVX2 is slower than crypto/md5
		{8, weight{9, 9 * 800, 800}, true},
		{1, weight{9, 9 * 800, 800}, false},
	} {
		before := width
		width = c.width
		if got := c.w.worthLanes(); got != c.want && laneSpeed(8) > 0 {
			t.Errorf("%d lanes, %+v: %v", c.width, c.w, got)
		}
		width = before
	}
}

// FuzzSums: as crypto/md5, whatever the lengths and addresses. Each message is a piece of data: lengths says of what
// length, two bytes each, and addresses from where.
func FuzzSums(f *testing.F) {
	f.Add([]byte("abcdefgh"), []byte{0, 1, 0, 2}, []byte{3, 4, 5}, uint8(2))
	f.Add(bytes.Repeat([]byte("0123456789abcdef"), 40), bytes.Repeat([]byte{0, 55, 0, 56, 0, 64, 1, 1, 2, 3}, 9), []byte{1, 7, 63}, uint8(1))
	h := new(Hasher)
	f.Fuzz(func(t *testing.T, data, lengths, addresses []byte, lanes uint8) {
		defer SetLanes(SetLanes([]int{1, 8, 16}[lanes%3]))
		messages := make([][]byte, len(lengths)/2)
		for i := range messages {
			at := 0
			if len(addresses) > 0 {
				at = min(int(addresses[i%len(addresses)]), len(data))
			}
			messages[i] = data[at:min(len(data), at+int(lengths[2*i])<<8+int(lengths[2*i+1]))]
		}
		check(t, h, messages)
	})
}

// BenchmarkSums: messages of a length, in lanes and by crypto/md5.
//
//	go test -bench Sums -run '^$' ./internal/md5x
func BenchmarkSums(b *testing.B) {
	for _, c := range []struct{ n, length int }{{1, 20}, {2, 20}, {500, 20}, {2, 100}, {16, 1000}, {2, 51_200}, {4, 51_200}, {32, 51_200}} {
		messages := make([][]byte, c.n)
		for i := range messages {
			messages[i] = random(rand.New(rand.NewPCG(5, 5)), c.length, i%64)
		}
		sums := make([][Size]byte, c.n)
		for _, lanes := range []int{1, 8, 16} {
			b.Run(fmt.Sprintf("%dx%d/%d", c.n, c.length, lanes), func(b *testing.B) {
				defer SetLanes(SetLanes(lanes))
				b.SetBytes(int64(c.n * c.length))
				h := new(Hasher)
				for b.Loop() {
					h.Sums(messages, sums)
				}
			})
		}
	}
}
