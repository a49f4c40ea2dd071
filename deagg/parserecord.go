package deagg

import (
	"encoding/binary"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/kplkit/kplkit/internal/wire"
)

// usualRecords reads the user records at b[pos:] that are written as every known writer writes them: partition key
// index, explicit hash key index or not, data, and numbers of one or two bytes. It returns the position of the first
// field that is not, or for which there is no room; the general reader takes that. It is there for speed alone.
func (a *AggregatedRecord) usualRecords(b []byte, pos int) int {
	users := a.users
	for pos < len(b) && b[pos] == recordTag && len(users) < cap(users) {
		if end := shortRecord(b, pos); end > 0 {
			users = users[:len(users)+1]
			s := &users[len(users)-1]
			s.offset, s.data, s.end = uint32(pos), uint32(pos+shortHead), uint32(end)
			s.partitionKey, s.explicitHashKey = uint32(b[pos+3]), noIndex
			pos = end
			continue
		}
		size, n := shortVarint(b, pos+1)
		i := pos + 1 + n
		end := i + size
		if n == 0 || end > len(b) || size < 4 || b[i] != partitionKeyTag {
			break
		}
		key, n := shortVarint(b, i+1)
		i += 1 + n
		if n == 0 || i >= end {
			break
		}
		hashKey := uint32(noIndex)
		if b[i] == explicitHashKeyTag {
			size, n = shortVarint(b, i+1)
			hashKey, i = uint32(size), i+1+n
			if n == 0 || i >= end {
				break
			}
		}
		size, n = shortVarint(b, i+1)
		if n == 0 || b[i] != dataTag || i+1+n+size != end {
			break
		}
		users = users[:len(users)+1]
		s := &users[len(users)-1] // filled in place: a copy would cost as much as the reading
		s.offset, s.data, s.end = uint32(pos), uint32(i+1+n), uint32(end)
		s.partitionKey, s.explicitHashKey = uint32(key), hashKey
		pos = end
	}
	a.users = users
	return pos
}

// shortHead is the length of what comes before the data where all three numbers of a user record have one byte: the tag of the
// field, length, tag, partition key index, tag, length.
const shortHead = 6

// shortRecord returns where the user record at b[pos:] ends, if it has such a head and no explicit hash key; else 0. It looks at
// the head as one number: most user records of up to 100 bytes or so are read no further.
func shortRecord(b []byte, pos int) (end int) {
	const (
		tagsAndTops = 0x80ff_80ff_80ff // the tags, and the bits that say that a number goes on
		tags        = uint64(dataTag)<<32 | uint64(partitionKeyTag)<<16 | uint64(recordTag)
	)
	if len(b)-pos < 8 {
		return 0
	}
	head := binary.LittleEndian.Uint64(b[pos:])
	size, data := int(head>>8&0xff), int(head>>40&0xff)
	end = pos + 2 + size
	if head&tagsAndTops != tags || size != data+shortHead-2 || end > len(b) {
		return 0
	}
	return end
}

// shortVarint reads a number of one or two bytes at b[i:], and how many they are; 0 of them if it is longer.
func shortVarint(b []byte, i int) (v, n int) {
	if i+1 >= len(b) {
		return 0, 0
	}
	if b[i] < 0x80 {
		return int(b[i]), 1
	}
	if b[i+1] < 0x80 {
		return int(b[i]&0x7f) | int(b[i+1])<<7, 2
	}
	return 0, 0
}

// record reads message Record, which stands between from and c.pos in a field that starts at start.
func (c *cursor) record(a *AggregatedRecord, start, from int) {
	m := cursor{b: c.b[:c.pos], pos: from, dialect: c.dialect}
	s := userSpan{offset: uint32(start), explicitHashKey: noIndex}
	hasPartitionKey, hasData := false, false
	for m.err == nil && m.pos < len(m.b) {
		number, typ := m.tag()
		switch {
		case m.err != nil:
		case number == wire.PartitionKeyIndex && typ == protowire.VarintType:
			s.partitionKey, hasPartitionKey = m.index(), true
		case number == wire.ExplicitHashKeyIndex && typ == protowire.VarintType:
			s.explicitHashKey = m.index()
		case number == wire.Data && typ == protowire.BytesType:
			v := m.bytes()
			s.data, s.end, hasData = uint32(m.pos-len(v)), uint32(m.pos), true
		case number == wire.Tags && typ == protowire.BytesType:
			v := m.bytes()
			m.checkTag(m.pos - len(v))
		default:
			m.skip(number, typ, 1)
		}
	}
	switch {
	case m.err != nil:
		c.fail(m.pos, m.err)
	case !hasPartitionKey:
		c.fail(start, fmt.Errorf("%w: a record without its required partition key index", ErrWire))
	case !hasData:
		c.fail(start, fmt.Errorf("%w: a record without its required data", ErrWire))
	default:
		a.users = append(a.users, s)
	}
}

// checkTag validates message Tag, which stands between from and c.pos. Nobody uses tags: they are not kept.
func (c *cursor) checkTag(from int) {
	if c.err != nil {
		return
	}
	m := cursor{b: c.b[:c.pos], pos: from, dialect: c.dialect}
	hasKey := false
	for m.err == nil && m.pos < len(m.b) {
		number, typ := m.tag()
		if m.err != nil {
			break
		}
		hasKey = hasKey || number == wire.TagKey && typ == protowire.BytesType
		m.skip(number, typ, 2)
	}
	switch {
	case m.err != nil:
		c.fail(m.pos, m.err)
	case !hasKey:
		c.fail(from, fmt.Errorf("%w: a tag without its required key", ErrWire))
	}
}
