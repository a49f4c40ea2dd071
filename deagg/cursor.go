package deagg

import (
	"encoding/binary"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// dialect is whose reading of protobuf decides where implementations differ: canonical is Go's and C++'s, java is
// protobuf-java's, which the KCL policy follows. Java drops the bits of a varint beyond 64, and those of a tag or a
// length beyond 32; the others call that damage.
type dialect bool

const (
	canonical dialect = false
	java      dialect = true
)

// maxDepth is how deep messages and groups may nest: protobuf-java's limit, for both dialects.
const maxDepth = 100

// cursor reads protobuf fields from b. The first error sticks in err, with pos at the field that has it.
type cursor struct {
	b       []byte
	pos     int
	dialect dialect
	err     error
}

func (c *cursor) fail(at int, err error) {
	if c.err == nil {
		c.pos, c.err = at, err
	}
}

// varint reads a number of up to ten bytes.
func (c *cursor) varint() uint64 {
	if c.pos < len(c.b) && c.b[c.pos] < 0x80 {
		c.pos++
		return uint64(c.b[c.pos-1])
	}
	return c.longVarint()
}

func (c *cursor) longVarint() uint64 {
	v, n := protowire.ConsumeVarint(c.b[c.pos:])
	if n < 0 && len(c.b)-c.pos >= binary.MaxVarintLen64 {
		if last := c.pos + binary.MaxVarintLen64 - 1; c.dialect == java && c.b[last] < 0x80 {
			v, n = javaVarint(c.b[c.pos:]), binary.MaxVarintLen64
		} else {
			c.fail(c.pos, fmt.Errorf("%w: a number of more than 64 bits", ErrWire))
			return 0
		}
	}
	if n < 0 {
		c.fail(c.pos, fmt.Errorf("%w: in the middle of a number", ErrTruncated))
		return 0
	}
	c.pos += n
	return v
}

// javaVarint reads ten bytes, of which the last may have bits beyond the 64th: they are dropped.
func javaVarint(b []byte) (v uint64) {
	for i, x := range b[:binary.MaxVarintLen64] {
		v |= uint64(x&0x7f) << (7 * i)
	}
	return v
}

// tag reads the number and the type of a field.
func (c *cursor) tag() (protowire.Number, protowire.Type) {
	start := c.pos
	v := c.varint()
	if c.dialect == java {
		v = uint64(uint32(v))
	}
	number := v >> 3
	if c.err == nil && (number < uint64(protowire.MinValidNumber) || number > uint64(protowire.MaxValidNumber)) {
		c.fail(start, fmt.Errorf("%w: field number %d", ErrWire, number))
	}
	return protowire.Number(number), protowire.Type(v & 7)
}

// bytes reads a length and that many bytes.
func (c *cursor) bytes() []byte {
	start := c.pos
	n := c.varint()
	if c.dialect == java {
		n = uint64(int64(int32(n))) // a negative length is larger than any rest
	}
	if c.err != nil {
		return nil
	}
	if n > uint64(len(c.b)-c.pos) {
		c.fail(start, fmt.Errorf("%w: a field of %d bytes where %d are left", ErrTruncated, n, len(c.b)-c.pos))
		return nil
	}
	v := c.b[c.pos : c.pos+int(n) : c.pos+int(n)]
	c.pos += int(n)
	return v
}

// index reads an index into a key table. Java casts it to int, so that 2^32 reads as 0.
func (c *cursor) index() uint32 {
	v := c.varint()
	if c.dialect == java {
		v = uint64(int64(int32(v))) // a negative one is beyond any table
	}
	return uint32(min(v, beyondAnyTable))
}

// skip passes over the value of a field that the format does not know. depth is how deep its message nests.
func (c *cursor) skip(number protowire.Number, typ protowire.Type, depth int) {
	var open [maxDepth]protowire.Number // groups that have not ended
	groups := 0
	for {
		start := c.pos
		switch typ {
		case protowire.VarintType:
			c.varint()
		case protowire.Fixed32Type:
			c.fixed(4)
		case protowire.Fixed64Type:
			c.fixed(8)
		case protowire.BytesType:
			c.bytes()
		case protowire.StartGroupType:
			if depth+groups >= maxDepth {
				c.fail(start, fmt.Errorf("%w: nested deeper than %d", ErrWire, maxDepth))
				return
			}
			open[groups] = number
			groups++
		case protowire.EndGroupType:
			if groups == 0 || open[groups-1] != number {
				c.fail(start, fmt.Errorf("%w: end of a group %d that is not open", ErrWire, number))
				return
			}
			groups--
		default:
			c.fail(start, fmt.Errorf("%w: wire type %d", ErrWire, typ))
		}
		if groups == 0 || c.err != nil {
			return
		}
		if c.pos == len(c.b) {
			c.fail(c.pos, fmt.Errorf("%w: in the middle of a group", ErrTruncated))
			return
		}
		number, typ = c.tag()
		if c.err != nil {
			return
		}
	}
}

func (c *cursor) fixed(n int) {
	if n > len(c.b)-c.pos {
		c.fail(c.pos, fmt.Errorf("%w: in the middle of a number", ErrTruncated))
		return
	}
	c.pos += n
}
