package memory

import (
	"crypto/md5"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/kplkit/kplkit/internal/wire"
)

// Builder makes an aggregate field by field, as no encoder would: its methods append one.
type Builder struct{ body, record []byte }

// Key appends a key to the table of partition keys.
func (b *Builder) Key(text string) *Builder { return b.field(wire.PartitionKeyTable, text) }

// HashKey appends one to the table of explicit hash keys.
func (b *Builder) HashKey(text string) *Builder { return b.field(wire.ExplicitHashKeyTable, text) }

// Record appends a user record. A hashKey below 0 is none.
func (b *Builder) Record(key, hashKey int, data string) *Builder {
	r := protowire.AppendTag(b.record[:0], wire.PartitionKeyIndex, protowire.VarintType)
	r = protowire.AppendVarint(r, uint64(key))
	if hashKey >= 0 {
		r = protowire.AppendTag(r, wire.ExplicitHashKeyIndex, protowire.VarintType)
		r = protowire.AppendVarint(r, uint64(hashKey))
	}
	r = protowire.AppendTag(r, wire.Data, protowire.BytesType)
	b.record = protowire.AppendString(r, data)
	return b.field(wire.Records, string(b.record))
}

func (b *Builder) field(number protowire.Number, value string) *Builder {
	b.body = protowire.AppendTag(b.body, number, protowire.BytesType)
	b.body = protowire.AppendString(b.body, value)
	return b
}

// Aggregate returns what was appended, between magic and checksum.
func (b *Builder) Aggregate() []byte {
	sum := md5.Sum(b.body)
	return append(append([]byte(wire.Magic), b.body...), sum[:]...)
}

// Repeat returns an aggregate of about size bytes: one key, and then what each appends, again and again.
func Repeat(size int, key string, each func(b *Builder, i int)) []byte {
	b := new(Builder).Key(key)
	for i := 0; len(b.body) < size-wire.Overhead; i++ {
		each(b, i)
	}
	return b.Aggregate()
}
