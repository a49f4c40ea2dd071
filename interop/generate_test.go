package interop

import (
	"crypto/md5"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/kplkit/kplkit/internal/wire"
)

// generator draws stored records that a writer of aggregates should never write, but readers may meet. Each has an
// oddness of its own: how many of a hundred decisions are taken oddly.
type generator struct {
	*rand.Rand
	oddness int
}

func newGenerator(seed uint64) *generator { return &generator{Rand: rand.New(rand.NewPCG(seed, 1))} }

// odd reports whether this decision is taken oddly.
func (g *generator) odd() bool { return g.IntN(100) < g.oddness }

func pick[T any](g *generator, from ...T) T { return from[g.IntN(len(from))] }

// stored draws a stored record: an aggregate, good, odd or damaged, and the range of its shard.
func (g *generator) stored(number int) storedRecord {
	g.oddness = pick(g, 0, 0, 1, 3, 10)
	keys, hashKeys := g.table(g.IntN(6), g.key), g.table(g.IntN(4), g.hashKey)
	r := storedRecord{
		SequenceNumber: strconv.Itoa(number),
		PartitionKey:   pick(g, "a", "kplkit", "outer", "äußerer", ""),
		Data:           g.frame(g.body(keys, hashKeys)),
	}
	if g.IntN(100) == 0 {
		r.Data = g.bytes(g.IntN(100)) // no aggregate at all
	}
	r.StartingHashKey, r.EndingHashKey = g.hashRange(keys, hashKeys)
	return r
}

func (g *generator) table(n int, draw func() string) []string {
	entries := make([]string, n)
	for i := range entries {
		entries[i] = draw()
	}
	return entries
}

// body draws a message AggregatedRecord.
func (g *generator) body(keys, hashKeys []string) []byte {
	var fields [][]byte
	for _, key := range keys {
		fields = append(fields, g.bytesField(wire.PartitionKeyTable, []byte(key)))
	}
	for _, key := range hashKeys {
		fields = append(fields, g.bytesField(wire.ExplicitHashKeyTable, []byte(key)))
	}
	for range g.IntN(8) {
		fields = append(fields, g.bytesField(wire.Records, g.record(len(keys), len(hashKeys))))
	}
	return g.message(0, fields)
}

// record draws a message Record.
func (g *generator) record(keys, hashKeys int) []byte {
	fields := [][]byte{g.varintField(wire.PartitionKeyIndex, g.index(keys))}
	if hashKeys > 0 && g.IntN(3) == 0 || g.odd() {
		fields = append(fields, g.varintField(wire.ExplicitHashKeyIndex, g.index(hashKeys)))
	}
	fields = append(fields, g.bytesField(wire.Data, g.bytes(g.IntN(20))))
	for range g.IntN(100) / 90 {
		tag := [][]byte{g.bytesField(wire.TagKey, []byte(g.key())), g.bytesField(2, []byte(g.key()))}
		fields = append(fields, g.bytesField(wire.Tags, g.message(2, tag)))
	}
	return g.message(1, fields)
}

// message puts the fields of a message together: oddly, some are missing, twice, out of order or unknown ones.
func (g *generator) message(depth int, fields [][]byte) []byte {
	if g.odd() && len(fields) > 0 {
		i := g.IntN(len(fields))
		fields = slices.Delete(fields, i, i+1)
	}
	if g.odd() && len(fields) > 0 {
		fields = append(fields, pick(g, fields...))
	}
	if g.odd() {
		fields = append(fields, g.unknown(depth))
	}
	if g.odd() {
		g.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
	}
	return slices.Concat(fields...)
}

func (g *generator) varintField(number protowire.Number, v uint64) []byte {
	return g.varint(g.tag(number, protowire.VarintType), v)
}

func (g *generator) bytesField(number protowire.Number, v []byte) []byte {
	length := uint64(len(v))
	if g.odd() {
		length += pick[uint64](g, 1, math.MaxUint64, 1<<31, 1<<32, 1<<63)
	}
	return append(g.varint(g.tag(number, protowire.BytesType), length), v...)
}

// tag draws the tag of a field, oddly one of another type, without a number, or with bits that no number has.
func (g *generator) tag(number protowire.Number, typ protowire.Type) []byte {
	if g.odd() {
		typ = protowire.Type(g.IntN(8))
	}
	v := protowire.EncodeTag(number, typ)
	if g.odd() {
		v = pick(g, v|1<<35, v|1<<63, v|1<<31, v&7)
	}
	return g.varint(nil, v)
}

// varint appends v, oddly in more bytes than it needs, or with bits beyond the 64th.
func (g *generator) varint(b []byte, v uint64) []byte {
	if !g.odd() {
		return protowire.AppendVarint(b, v)
	}
	size := protowire.SizeVarint(v)
	size += g.IntN(12 - size)
	for range size - 1 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	if size >= 10 {
		v |= uint64(g.IntN(128))
	}
	return append(b, byte(v))
}

// index draws an index into a table of n, oddly one that it does not have, or that Java's cast to int maps into it.
func (g *generator) index(n int) uint64 {
	v := uint64(g.IntN(max(n, 1)))
	if g.odd() {
		return pick(g, uint64(n), uint64(n)+1, 127, 128, v+1<<32, v+1<<63, v+1<<31, math.MaxInt32, math.MaxUint32, math.MaxUint64)
	}
	return v
}

// unknown draws a field that the format does not have, or not with this type, in a message at a depth.
func (g *generator) unknown(depth int) []byte {
	number := pick[protowire.Number](g, 1, 2, 3, 4, 5, 15, 16, 1000, protowire.MaxValidNumber)
	switch typ := protowire.Type(g.IntN(8)); typ {
	case protowire.VarintType:
		return g.varintField(number, g.Uint64())
	case protowire.Fixed32Type:
		return append(g.tag(number, typ), g.bytes(4)...)
	case protowire.Fixed64Type:
		return append(g.tag(number, typ), g.bytes(8)...)
	case protowire.BytesType:
		return g.bytesField(number, g.bytes(g.IntN(10)))
	case protowire.StartGroupType:
		return g.groups(depth)
	default:
		return g.tag(number, typ) // the end of a group that is not open, or a type that does not exist
	}
}

// groups draws groups inside each other, few or about as many as Java allows; oddly they end wrongly or not at all.
func (g *generator) groups(depth int) (b []byte) {
	numbers := make([]protowire.Number, max(1, pick(g, 1, 2, 97, 98, 99, 100, 101, 102)-g.IntN(2)*depth))
	for i := range numbers {
		numbers[i] = protowire.Number(1 + g.IntN(20))
		b = append(b, g.usualTag(numbers[i], protowire.StartGroupType)...)
	}
	b = append(b, g.varintField(7, 1)...)
	if g.odd() {
		numbers[0]++
	}
	if g.odd() {
		numbers = numbers[1:]
	}
	for _, number := range slices.Backward(numbers) {
		b = append(b, g.usualTag(number, protowire.EndGroupType)...)
	}
	return b
}

func (g *generator) usualTag(number protowire.Number, typ protowire.Type) []byte {
	return protowire.AppendTag(nil, number, typ)
}

func (g *generator) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(g.Uint32())
	}
	return b
}

// frame puts magic and MD5 around a body, oddly around a damaged one, or damages the frame itself.
func (g *generator) frame(body []byte) []byte {
	if g.odd() {
		body = g.damage(body)
	}
	data := seal(body)
	if g.odd() {
		data = g.damage(data)
	}
	return data
}

func seal(body []byte) []byte {
	sum := md5.Sum(body)
	return slices.Concat([]byte(wire.Magic), body, sum[:])
}

// damage changes a byte, cuts the end off, or puts bytes in.
func (g *generator) damage(b []byte) []byte {
	b = slices.Clone(b)
	i := g.IntN(len(b) + 1)
	switch {
	case i == len(b):
		return append(b, g.bytes(1+g.IntN(3))...)
	case g.IntN(3) == 0:
		return b[:i]
	case g.IntN(2) == 0:
		return slices.Insert(b, i, g.bytes(1+g.IntN(3))...)
	}
	b[i] ^= byte(1 + g.IntN(255))
	return b
}

// key draws a partition key: text of several scripts, and bytes that are no UTF-8 in every way that there is.
func (g *generator) key() string {
	if g.IntN(4) == 0 {
		return strconv.Itoa(g.IntN(1000))
	}
	pieces := []string{
		"", "k", "\x00", "é", "漢", "🔑", "\ufeff", "\ufffd", // characters of one to four bytes
		"\x80", "\xbf", "\xc0\xaf", "\xc1", "\xc2", "\xc3", "\xe0\x80\xaf", "\xe0\x9f", "\xe0\xa0", "\xe2\x82", "\xed\x9f", // broken off, too long
		"\xed\xa0\x80", "\xed\xa0", "\xed\xbf\xbf", "\xed\xa0\x80\xed\xb0\x80", "\xef\xbf", // surrogates
		"\xf0\x80\x80\xaf", "\xf0\x8f\xbf", "\xf0\x90\x80", "\xf0\x9f", "\xf4\x8f\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf8\x88", "\xfe", "\xff",
		string(g.bytes(g.IntN(4))),
	}
	usual := pieces[:8]
	var b strings.Builder
	for range g.IntN(5) {
		b.WriteString(pick(g, usual...))
		if g.IntN(10) == 0 {
			b.WriteString(pick(g, pieces...))
		}
	}
	return b.String()
}
