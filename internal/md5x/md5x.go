// Package md5x computes the MD5 of many messages at a time, each in a lane of the processor's vector registers: 16 with
// AVX-512, 8 with AVX2. Elsewhere, and with the build tag purego, it is crypto/md5, message by message.
package md5x

import "crypto/md5"

//go:generate go run ./gen

// Size is the length of a sum in bytes.
const Size = md5.Size

// width is how many messages are hashed side by side, 1 if that is not done. It is set for good at the start.
var width = widest()

// Lanes returns how many messages are hashed side by side: 16, 8 or 1.
func Lanes() int { return width }

// SetLanes takes n lanes from now on, if this processor has them, and returns how many it had before. It is for tests and
// benchmarks, and must not run beside anything else of this package.
func SetLanes(n int) (before int) {
	before = width
	if n == 1 || n == 8 && widest() >= 8 || n == widest() {
		width = n
	}
	return before
}

// Hasher computes sums. Its zero value is ready for use. It must not be used by several goroutines at once.
type Hasher struct{ lanes lanes }

// Sums writes the MD5 of each message to the same place in sums, which must be as long. It allocates nothing, and
// keeps nothing of the messages.
func (h *Hasher) Sums(messages [][]byte, sums [][Size]byte) {
	_ = sums[:len(messages)]
	if width > 1 && len(messages) > 1 && allShort(messages) {
		h.lanes.short(messages, sums)
	} else if weigh(messages).worthLanes() {
		h.lanes.sums(messages, sums)
	} else {
		for i, m := range messages {
			sums[i] = md5.Sum(m)
		}
	}
}

// allShort reports whether each message is one block. Then lanes are always faster.
func allShort(messages [][]byte) bool {
	for _, m := range messages {
		if len(m) > 55 {
			return false
		}
	}
	return true
}

// weight is what messages are to a Hasher, in blocks of MD5.
type weight struct{ messages, total, longest int }

func weigh(messages [][]byte) weight {
	w := weight{messages: len(messages)}
	for _, m := range messages {
		blocks := blocksOf(len(m))
		w.total += blocks
		w.longest = max(w.longest, blocks)
	}
	return w
}

// blocksOf returns how many blocks a message is, with its padding: a byte and the length in eight.
func blocksOf(length int) int { return (length + 1 + 8 + 63) / 64 }

// worthLanes reports whether lanes are faster than one message after the other, for certain. They take as long as the
// longest message, and where some wait for a lane, as all of them shared out besides (a bound for any order).
func (w weight) worthLanes() bool {
	if width == 1 || w.messages < 2 {
		return false
	}
	time := w.longest
	if w.messages > width {
		time += w.total / width
	}
	return 100*time <= laneSpeed(width)*w.total
}
