package deagg

import (
	"crypto/md5"

	"github.com/kplkit/kplkit/internal/md5x"
	"github.com/kplkit/kplkit/internal/wire"
)

// verdict is what is known of an aggregate's checksum.
type verdict uint8

const (
	unchecked verdict = iota
	right
	wrong
)

// summed returns what of data the checksum covers, and the checksum. They are nil if data is too short for an aggregate or
// starts without the magic.
func summed(data []byte) (message, sum []byte) {
	if !HasMagic(data) || len(data) <= wire.Overhead {
		return nil, nil
	}
	end := len(data) - wire.DigestSize
	return data[len(wire.Magic):end], data[end:]
}

// checksum returns the verdict on data, which may not be an aggregate.
func checksum(data []byte) verdict {
	message, sum := summed(data)
	if message == nil {
		return unchecked
	}
	return judge(md5.Sum(message), sum)
}

func judge(is [md5.Size]byte, says []byte) verdict {
	if string(is[:]) == string(says) {
		return right
	}
	return wrong
}

// checksAhead is how many aggregates are checked before the first of them is taken apart. They should keep the lanes of
// md5x busy, and still be in the processor's cache when their turn comes.
const checksAhead = 32

// checker checks the aggregates among stored records, some at a time: MD5 takes most of the time of de-aggregation, and a
// processor computes many for little more than the time of one.
type checker struct {
	hasher   md5x.Hasher
	messages [checksAhead][]byte
	sums     [checksAhead][md5x.Size]byte
	checked  int // how many of sums there are
	next     int // the one that is asked for next
}

// restart forgets what was checked.
func (c *checker) restart() { c.checked, c.next = 0, 0 }

// verdict returns the verdict on the first of rs. It must be asked for one stored record after the other.
func (c *checker) verdict(rs []StoredRecord) verdict {
	message, sum := summed(rs[0].Data)
	if message == nil {
		return unchecked
	}
	if c.next == c.checked {
		c.check(rs)
	}
	c.next++
	return judge(c.sums[c.next-1], sum)
}

// check computes the sums of the first aggregates among rs.
func (c *checker) check(rs []StoredRecord) {
	n := 0
	for i := 0; i < len(rs) && n < checksAhead; i++ {
		if message, _ := summed(rs[i].Data); message != nil {
			c.messages[n] = message
			n++
		}
	}
	c.hasher.Sums(c.messages[:n], c.sums[:n])
	clear(c.messages[:n]) // they are pinned no longer than needed
	c.checked, c.next = n, 0
}
