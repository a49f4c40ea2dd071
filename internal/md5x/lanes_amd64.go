//go:build !purego

package md5x

import (
	"encoding/binary"
	"unsafe"

	"github.com/kplkit/kplkit/internal/cpu"
)

const (
	maxLanes  = 16
	blockSize = 64
	maxBlocks = 1024 // in one go: the kernels can't be interrupted
)

// block16 and block8 take as many messages through a number of blocks each.
//
//go:noescape
func block16(state *[4][maxLanes]uint32, messages *[maxLanes]*byte, blocks int)

//go:noescape
func block8(state *[4][maxLanes]uint32, messages *[maxLanes]*byte, blocks int)

// short16 writes the sums of 16 messages of up to 55 bytes, each a block of its own.
//
//go:noescape
func short16(sums *[maxLanes][Size]byte, messages *[maxLanes]*byte, lengths *[maxLanes]uint32)

// widest returns how many lanes this processor and its operating system have.
func widest() int {
	switch {
	case cpu.AVX512:
		return 16
	case cpu.AVX2:
		return 8
	}
	return 1
}

// laneSpeed returns how fast a single lane is at least, in percent of crypto/md5.
func laneSpeed(width int) int {
	if width == 16 {
		return 90
	}
	return 65
}

// lanes is the memory of the messages in work.
type lanes struct {
	state [4][maxLanes]uint32 // word by word
	at    [maxLanes]*byte     // where a message is read next
	of    [maxLanes]lane
	ends  [maxLanes][2 * blockSize]byte
}

// lane is the state of a lane beside what the kernels read.
type lane struct {
	message int // its index, -1 if the lane is idle
	blocks  int // left at the place where it is read
	end     int // blocks at its end, which lie in lanes.ends; 0 if they are in work
}

var initial = [4]uint32{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476}

// sums hashes messages of any lengths. A lane whose message has ended takes the next one.
func (l *lanes) sums(messages [][]byte, sums [][Size]byte) {
	next := 0
	for i := range width {
		l.of[i] = lane{message: -1}
		if next < len(messages) {
			l.load(i, next, messages[next])
			next++
		}
	}
	for ended := 0; ended < len(messages); {
		n := l.run()
		for i := range width {
			s := &l.of[i]
			if s.message < 0 {
				continue
			}
			if s.blocks -= n; s.blocks > 0 {
				l.at[i] = (*byte)(unsafe.Add(unsafe.Pointer(l.at[i]), n*blockSize))
				continue
			}
			if s.end > 0 {
				l.at[i], s.blocks, s.end = &l.ends[i][0], s.end, 0
				continue
			}
			l.store(i, &sums[s.message])
			ended++
			s.message = -1
			if next < len(messages) {
				l.load(i, next, messages[next])
				next++
			}
		}
	}
	clear(l.at[:])
}

// load puts a message into lane i.
func (l *lanes) load(i, index int, message []byte) {
	for word, v := range initial {
		l.state[word][i] = v
	}
	whole := len(message) / blockSize
	blocks := blocksOf(len(message)) - whole
	end := l.ends[i][:blocks*blockSize]
	rest := copy(end, message[whole*blockSize:])
	clear(end[rest:])
	end[rest] = 0x80
	binary.LittleEndian.PutUint64(end[len(end)-8:], uint64(len(message))*8)
	if whole == 0 {
		l.at[i], l.of[i] = &end[0], lane{index, blocks, 0}
	} else {
		l.at[i], l.of[i] = unsafe.SliceData(message), lane{index, whole, blocks}
	}
}

// run takes all lanes as far as the first of them ends, and returns how many blocks that was. One at least is not idle.
func (l *lanes) run() int {
	n, some := maxBlocks, 0
	for i := range width {
		if s := &l.of[i]; s.message >= 0 {
			n, some = min(n, s.blocks), i
		}
	}
	for i := range width {
		if l.of[i].message < 0 {
			l.at[i] = l.at[some] // an idle lane reads what is there to read
		}
	}
	l.blocks(n)
	return n
}

func (l *lanes) blocks(n int) {
	if width == 16 {
		block16(&l.state, &l.at, n)
	} else {
		block8(&l.state, &l.at, n)
	}
}

// store writes the sum in lane i.
func (l *lanes) store(i int, sum *[Size]byte) {
	for word := range l.state {
		binary.LittleEndian.PutUint32(sum[4*word:], l.state[word][i])
	}
}

// short hashes messages of up to 55 bytes.
func (l *lanes) short(messages [][]byte, sums [][Size]byte) {
	for len(messages) > 0 {
		n := min(width, len(messages))
		if width == 16 {
			l.short16(messages[:n], sums[:n])
		} else {
			l.short8(messages[:n], sums[:n])
		}
		messages, sums = messages[n:], sums[n:]
	}
	clear(l.at[:])
}

func (l *lanes) short16(messages [][]byte, sums [][Size]byte) {
	var lengths [maxLanes]uint32
	nowhere := &l.ends[0][0] // for what is empty: the kernel must have an address
	for i, m := range messages {
		l.at[i], lengths[i] = unsafe.SliceData(m), uint32(len(m))
		if len(m) == 0 {
			l.at[i] = nowhere
		}
	}
	for i := len(messages); i < maxLanes; i++ {
		l.at[i] = nowhere
	}
	if len(sums) == maxLanes {
		short16((*[maxLanes][Size]byte)(sums), &l.at, &lengths)
		return
	}
	var all [maxLanes][Size]byte
	short16(&all, &l.at, &lengths)
	copy(sums, all[:])
}

func (l *lanes) short8(messages [][]byte, sums [][Size]byte) {
	for i := range width {
		l.at[i] = &l.ends[i][0]
		for word, v := range initial {
			l.state[word][i] = v
		}
	}
	for i, m := range messages {
		end := (*[blockSize]byte)(l.ends[i][:])
		clear(end[copy(end[:], m):])
		end[len(m)] = 0x80
		binary.LittleEndian.PutUint64(end[blockSize-8:], uint64(len(m))*8)
	}
	block8(&l.state, &l.at, 1)
	for i := range messages {
		l.store(i, &sums[i])
	}
}
