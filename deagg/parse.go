package deagg

import (
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/kplkit/kplkit/internal/wire"
)

// AggregatedRecord is an aggregated record taken apart. It shares the memory of the stored record's Data.
// The zero value holds no user records and is ready for Reset.
type AggregatedRecord struct {
	stored           StoredRecord
	partitionKeys    []string
	explicitHashKeys []string
	users            []userSpan
}

// userSpan is where a user record stands in the stored record's Data. Its indexes are not checked against the key
// tables, which may come after it. Without pointers it is small, and nothing has to be cleared.
type userSpan struct {
	offset          uint32 // of its field
	data, end       uint32
	partitionKey    uint32 // index; indexes of more than 31 bits, which no table has, are beyondAnyTable
	explicitHashKey uint32 // likewise, or noIndex
}

const (
	noIndex        = math.MaxUint32
	beyondAnyTable = math.MaxUint32 - 1
	maxLen         = math.MaxInt32 // of a stored record: far more than Kinesis takes
)

// Parse takes r apart. It returns ErrNotAggregated if r is not an aggregate, and a *FormatError if its structure is
// damaged. An index out of its key table is not such damage: that user record alone comes without the key, marked as
// Malformed.
func Parse(r StoredRecord) (*AggregatedRecord, error) {
	a := new(AggregatedRecord)
	if err := a.Reset(r); err != nil {
		return nil, err
	}
	return a, nil
}

// Reset does what Parse does and reuses a's memory, also that of the user records that it held before: their
// strings and data stay valid. After an error a holds no user records.
func (a *AggregatedRecord) Reset(r StoredRecord) error {
	number, _, finished := numbersOf(r.SequenceNumber)
	if finished || !HasMagic(r.Data) {
		a.clear()
		return ErrNotAggregated
	}
	return a.parse(&r, number, canonical, unchecked)
}

func (a *AggregatedRecord) clear() {
	a.stored = StoredRecord{} // so that it can be freed, the keys too
	clear(a.partitionKeys)
	clear(a.explicitHashKeys)
	a.partitionKeys, a.explicitHashKeys, a.users = a.partitionKeys[:0], a.explicitHashKeys[:0], a.users[:0]
}

// Len returns the number of user records.
func (a *AggregatedRecord) Len() int { return len(a.users) }

// UserRecords returns the user records in order. It cannot fail: Parse and Reset have validated all of it.
func (a *AggregatedRecord) UserRecords() iter.Seq[UserRecord] {
	return func(yield func(UserRecord) bool) {
		var u UserRecord
		var faults indexErrors
		a.common(&u)
		for i := range a.users {
			a.fill(&u, i, &faults)
			u.Last = i == len(a.users)-1
			if !yield(u) {
				return
			}
		}
	}
}

// common writes to u what all user records share. The rest of it may be any other's.
func (a *AggregatedRecord) common(u *UserRecord) {
	u.SequenceNumber, u.ArrivalTime, u.Aggregated = a.stored.SequenceNumber, a.stored.ArrivalTime, true
}

// fill makes u user record i, marked if an index is out of its table. A UserRecord is large: filling one in place
// costs half of returning another.
func (a *AggregatedRecord) fill(u *UserRecord, i int, faults *indexErrors) {
	s := &a.users[i]
	u.SubSequenceNumber = int64(i)
	u.Data = a.stored.Data[s.data:s.end:s.end]
	if s.explicitHashKey == noIndex && s.partitionKey < uint32(len(a.partitionKeys)) && u.Malformed == nil && u.ExplicitHashKey == "" {
		u.PartitionKey = a.partitionKeys[s.partitionKey]
		return
	}
	a.fillKeys(u, i, faults)
}

// fillKeys writes the keys of user record i to u where there is more to them than a partition key in its table.
func (a *AggregatedRecord) fillKeys(u *UserRecord, i int, faults *indexErrors) {
	s := &a.users[i]
	u.unmark() // of what the last one had
	if s.partitionKey < uint32(len(a.partitionKeys)) {
		u.PartitionKey = a.partitionKeys[s.partitionKey]
	} else {
		u.PartitionKey = ""
		u.Malformed = a.indexError(i, &faults.partitionKey, "partition key", a.partitionKeys)
	}
	if s.explicitHashKey == noIndex {
		return
	}
	if s.explicitHashKey < uint32(len(a.explicitHashKeys)) {
		u.ExplicitHashKey = a.explicitHashKeys[s.explicitHashKey]
	} else if u.Malformed == nil {
		u.Malformed = a.indexError(i, &faults.explicitHashKey, "explicit hash key", a.explicitHashKeys)
	}
}

// parse checks the frame of r, which starts with the magic, and reads its fields. number is its bare sequence number, sum
// the verdict on the checksum if it is known already.
func (a *AggregatedRecord) parse(r *StoredRecord, number string, d dialect, sum verdict) error {
	a.clear()
	a.stored = *r
	a.stored.SequenceNumber = number
	switch {
	case len(r.Data) <= wire.Overhead:
		return a.damaged(len(r.Data), fmt.Errorf("%w: %d bytes are too short for an aggregate", ErrTruncated, len(r.Data)))
	case len(r.Data) > maxLen:
		return a.damaged(maxLen, fmt.Errorf("%w: %d bytes are too long for a stored record", ErrWire, len(r.Data)))
	}
	end := len(r.Data) - wire.DigestSize
	if sum == unchecked {
		sum = checksum(r.Data)
	}
	if sum == wrong {
		return a.damaged(end, fmt.Errorf("%w: its bytes are damaged or cut off", ErrChecksum))
	}
	c := cursor{b: r.Data[:end], pos: len(wire.Magic), dialect: d}
	for c.err == nil && c.pos < len(c.b) {
		if c.pos = a.usualRecords(c.b, c.pos); c.pos < len(c.b) {
			a.field(&c)
		}
	}
	if c.err != nil {
		return a.damaged(c.pos, c.err)
	}
	return nil
}

// damaged forgets what was read so far and returns the error for it.
func (a *AggregatedRecord) damaged(offset int, err error) error {
	e := &FormatError{SequenceNumber: a.stored.SequenceNumber, SubSequenceNumber: -1, Offset: offset, Err: err}
	a.clear()
	return e
}

// The bytes that open the fields of a user record.
const (
	recordTag          = wire.Records<<3 | byte(protowire.BytesType)
	partitionKeyTag    = wire.PartitionKeyIndex<<3 | byte(protowire.VarintType)
	explicitHashKeyTag = wire.ExplicitHashKeyIndex<<3 | byte(protowire.VarintType)
	dataTag            = wire.Data<<3 | byte(protowire.BytesType)
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

// field reads one field of message AggregatedRecord.
func (a *AggregatedRecord) field(c *cursor) {
	start := c.pos
	number, typ := c.tag()
	if c.err != nil {
		return
	}
	if typ != protowire.BytesType || number > wire.Records {
		c.skip(number, typ, 0)
		return
	}
	v := c.bytes()
	switch {
	case c.err != nil:
	case number == wire.PartitionKeyTable:
		if len(a.partitionKeys) == cap(a.partitionKeys) {
			a.makeRoom(*c, start)
		}
		a.partitionKeys = append(a.partitionKeys, stringOf(v))
	case number == wire.ExplicitHashKeyTable:
		if len(a.explicitHashKeys) == cap(a.explicitHashKeys) {
			a.makeRoom(*c, start)
		}
		a.explicitHashKeys = append(a.explicitHashKeys, stringOf(v))
	case number == wire.Records:
		if len(a.users) == cap(a.users) {
			a.makeRoom(*c, start)
		}
		c.record(a, start, c.pos-len(v))
	}
}

// stringOf returns b as a string that shares its memory.
func stringOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

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
