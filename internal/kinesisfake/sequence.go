package kinesisfake

import (
	"encoding/binary"
	"math/big"
	"math/bits"

	"github.com/kplkit/kplkit/seqnum"
)

// A sequence number of version 2 has 186 bits, most significant first:
//
//	bits 184–187  2
//	bits 148–183  when its shard was created, in seconds
//	bits  80–143  its place in the shard, counted from 1
//	bits  36– 71  when the record came, in seconds
//	bits   4– 35  the shard's number
//	bits   0–  3  2
//
// The rest is 0 here. All have 56 digits, so that their texts compare as the numbers do.
type sequence struct {
	created int64
	place   uint64
	at      int64
	shard   int
}

// lastPlace is the place of a closed shard's ending sequence number.
const lastPlace = 1<<63 - 1

// String returns the number in decimal.
func (q sequence) String() string {
	hi := 2<<56 | uint64(q.created)<<20 | q.place>>48
	mid := q.place<<16 | uint64(q.at)>>28&0xff
	lo := uint64(q.at)<<36 | uint64(uint32(q.shard))<<4 | 2
	const chunk = 1e19 // the largest power of ten in 64 bits
	var text [57]byte  // three chunks of 19 digits; the first one stays 0
	for end := len(text); end > 0; end -= 19 {
		var rest uint64
		hi, rest = hi/chunk, hi%chunk
		mid, rest = bits.Div64(rest, mid, chunk)
		lo, rest = bits.Div64(rest, lo, chunk)
		for i := end - 1; i >= end-19; i-- {
			text[i] = byte('0' + rest%10)
			rest /= 10
		}
	}
	return string(text[1:])
}

// parseSequence reads a number of version 2.
func parseSequence(text string) (sequence, bool) {
	n, err := seqnum.Parse(text)
	if err != nil || n.Version() != 2 {
		return sequence{}, false
	}
	value, _ := new(big.Int).SetString(n.String(), 10)
	var word [24]byte
	value.FillBytes(word[:])
	hi, mid, lo := binary.BigEndian.Uint64(word[:]), binary.BigEndian.Uint64(word[8:]), binary.BigEndian.Uint64(word[16:])
	const seconds = 1<<36 - 1
	return sequence{
		created: int64(hi >> 20 & seconds),
		place:   hi<<48 | mid>>16,
		at:      int64((mid<<28 | lo>>36) & seconds),
		shard:   int(uint32(lo >> 4)),
	}, true
}
