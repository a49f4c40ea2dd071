package aggregator

import (
	"crypto/md5"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/kplkit/kplkit/internal/wire"
)

// Limits of an aggregate unless an Encoder names others; the KPL's aggregationMaxSize and aggregationMaxCount.
const (
	DefaultMaxBytes = 51_200
	DefaultMaxCount = math.MaxUint32
)

// Encoder builds one aggregate after another. The zero value is ready to use; the limits may be changed whenever it
// is empty. It must not be used by several goroutines at once.
//
// It copies all it is given, so it pins none of the caller's memory. It keeps its own between aggregates: about as
// much as the largest aggregate (or plain record) that it has held.
type Encoder struct {
	MaxBytes int    // limit of Size for two and more user records, magic and MD5 included; 0: DefaultMaxBytes
	MaxCount uint32 // limit of Len; 0: DefaultMaxCount

	partitionKeys    keyTable
	explicitHashKeys keyTable
	records          []byte // the user records, as they are written
	count            int
	firstExplicit    bool // the first user record has an explicit hash key
	lastData         int  // length of the data that ends records
}

// Add adds r after the others, or reports false if the aggregate would exceed a limit with it. The first user record
// always fits, since it is put plain if it stays alone: whether its data is too large for a stream is the caller's
// to know. The error is a *RecordError. Nothing is changed unless the result is true.
func (e *Encoder) Add(r Record) (bool, error) {
	if err := r.validate(); err != nil {
		return false, &RecordError{e.count, err}
	}
	p := e.place(&r)
	if e.count > 0 && !e.fits(&p) {
		return false, nil
	}
	e.append(&r, &p)
	return true, nil
}

// fits reports whether the limits allow one more user record in an Encoder that holds some already.
func (e *Encoder) fits(p *placement) bool {
	most, mostBytes := e.MaxCount, e.MaxBytes
	if most == 0 {
		most = DefaultMaxCount
	}
	if mostBytes == 0 {
		mostBytes = DefaultMaxBytes
	}
	return uint64(e.count) < uint64(most) && e.aggregate()+p.growth() <= mostBytes
}

// append writes r where p says.
func (e *Encoder) append(r *Record, p *placement) {
	if e.count == 0 {
		e.firstExplicit = r.ExplicitHashKey != ""
	}
	e.partitionKeys.add(wire.PartitionKeyTable, r.PartitionKey, p.partitionKey)
	b := appendField(e.records, wire.Records, protowire.BytesType, p.body)
	b = appendField(b, wire.PartitionKeyIndex, protowire.VarintType, p.partitionKey.index)
	if r.ExplicitHashKey != "" {
		e.explicitHashKeys.add(wire.ExplicitHashKeyTable, r.ExplicitHashKey, p.explicitHashKey)
		b = appendField(b, wire.ExplicitHashKeyIndex, protowire.VarintType, p.explicitHashKey.index)
	}
	b = appendField(b, wire.Data, protowire.BytesType, len(r.Data))
	e.records = append(b, r.Data...)
	e.lastData = len(r.Data)
	e.count++
}

// appendField appends the tag of a field, which is one byte, and its value or length.
func appendField(b []byte, field protowire.Number, typ protowire.Type, value int) []byte {
	tag := byte(field<<3) | byte(typ)
	if value < 0x80 {
		return append(b, tag, byte(value)) // most are
	}
	return protowire.AppendVarint(append(b, tag), uint64(value))
}

// placement is what adding a user record would do.
type placement struct {
	partitionKey, explicitHashKey place
	body                          int // length of the message Record
}

func (e *Encoder) place(r *Record) placement {
	p := placement{partitionKey: e.partitionKeys.find(r.PartitionKey)}
	p.body = tagSize + protowire.SizeVarint(uint64(p.partitionKey.index)) + tagSize + protowire.SizeBytes(len(r.Data))
	if r.ExplicitHashKey != "" {
		p.explicitHashKey = e.explicitHashKeys.find(r.ExplicitHashKey)
		p.body += tagSize + protowire.SizeVarint(uint64(p.explicitHashKey.index))
	}
	return p
}

// tagSize is the length of every tag of the format: its field numbers are below 16.
const tagSize = 1

// growth returns by how many bytes the aggregate would grow.
func (p *placement) growth() int {
	return p.partitionKey.growth + p.explicitHashKey.growth + tagSize + protowire.SizeBytes(p.body)
}

// Len returns the number of user records that e holds.
func (e *Encoder) Len() int { return e.count }

// Size returns the number of bytes that AppendTo appends.
func (e *Encoder) Size() int {
	if e.count < 2 {
		return e.lastData
	}
	return e.aggregate()
}

// aggregate returns the size of what e holds when written as an aggregate.
func (e *Encoder) aggregate() int {
	return wire.Overhead + len(e.partitionKeys.encoded) + len(e.explicitHashKeys.encoded) + len(e.records)
}

// SizeWith returns what Size would return if r were added, limits or not.
func (e *Encoder) SizeWith(r Record) int {
	if e.count == 0 {
		return len(r.Data)
	}
	p := e.place(&r)
	return e.aggregate() + p.growth()
}

// AppendTo appends what is to be put: the aggregate of several user records, or the data of a single one. It appends
// nothing if e is empty. e stays as it is.
func (e *Encoder) AppendTo(dst []byte) []byte {
	start := len(dst) + len(wire.Magic)
	dst = e.AppendUnsummed(dst)
	if e.count > 1 {
		end := len(dst) - wire.DigestSize
		sum := md5.Sum(dst[start:end])
		copy(dst[end:], sum[:])
	}
	return dst
}

// AppendUnsummed appends what AppendTo does, but of an aggregate the 16 bytes at its end are not its MD5 yet: a Summer writes
// those of many at once. There is one to write if Len is more than 1.
func (e *Encoder) AppendUnsummed(dst []byte) []byte {
	if e.count < 2 {
		return append(dst, e.records[len(e.records)-e.lastData:]...)
	}
	dst = append(slices.Grow(dst, e.Size()), wire.Magic...)
	dst = append(dst, e.partitionKeys.encoded...)
	dst = append(dst, e.explicitHashKeys.encoded...)
	dst = append(dst, e.records...)
	return append(dst, make([]byte, wire.DigestSize)...)
}

// Keys returns the partition key and the explicit hash key to put the result of AppendTo under; both are "" if e is
// empty. A single user record has its own. An aggregate has the partition key of its first user record and that
// one's hash key as explicit hash key, in decimal.
//
// The marks "a" and "kplkit" as partition key tell readers that the writer stores a user record again that reached
// a wrong shard. An Encoder can't promise that, so for a first user record with such a key the hash key in decimal
// is the partition key, too. A writer that keeps the promise puts its own mark there.
func (e *Encoder) Keys() (partitionKey, explicitHashKey string) {
	if e.count == 0 {
		return "", ""
	}
	partitionKey = e.partitionKeys.first()
	if e.firstExplicit {
		explicitHashKey = e.explicitHashKeys.first()
	}
	if e.count == 1 {
		return partitionKey, explicitHashKey
	}
	explicitHashKey = hashKey(partitionKey, explicitHashKey).String()
	if partitionKey == wire.MarkKPL || partitionKey == wire.MarkKplkit {
		partitionKey = explicitHashKey
	}
	return partitionKey, explicitHashKey
}

// Reset empties e and keeps its limits and memory.
func (e *Encoder) Reset() {
	e.partitionKeys.reset()
	e.explicitHashKeys.reset()
	e.records = e.records[:0]
	e.count, e.lastData = 0, 0
}
