package deagg

import (
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
