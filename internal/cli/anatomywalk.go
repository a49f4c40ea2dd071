package cli

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/kplkit/kplkit/deagg/hashkey"
	"github.com/kplkit/kplkit/internal/wire"
)

// walk reads the frame and the fields of the aggregate.
func (a *anatomy) walk() {
	end := len(a.data)
	if end > wire.Overhead {
		end -= wire.DigestSize
		sum := md5.Sum(a.data[len(wire.Magic):end])
		stored := a.data[end:]
		a.Checksum = &checksum{end, hex.EncodeToString(stored), hex.EncodeToString(sum[:]), string(stored) == string(sum[:])}
		if !a.Checksum.OK {
			a.problem(end, "the checksum is not the MD5 of the bytes before it: bytes are damaged, missing or added")
		}
	} else {
		a.problem(end, fmt.Sprintf("%d bytes are too short for an aggregate: magic, a message and %d bytes of checksum", end, wire.DigestSize))
	}
	a.makeRoom(a.data[:end])
	for at := len(wire.Magic); at < end; {
		n, err := a.field(a.data[:end], at)
		if err != nil {
			a.problem(at, err.Error()+"; what follows can't be read")
			return
		}
		at += n
	}
}

// makeRoom makes room for all that walk will find, so that the lists do not grow step by step.
func (a *anatomy) makeRoom(b []byte) {
	var count [wire.Records + 1]int
	for at := min(len(wire.Magic), len(b)); at < len(b); {
		number, typ, _, n, err := consume(b[at:])
		if err != nil {
			break
		}
		if typ == protowire.BytesType && number <= wire.Records {
			count[number]++
		}
		at += n
	}
	a.PartitionKeys = make([]tableEntry, 0, count[wire.PartitionKeyTable])
	a.ExplicitKeys = make([]tableEntry, 0, count[wire.ExplicitHashKeyTable])
	a.UserRecords = make([]userSpan, 0, count[wire.Records])
}

// field reads the field of message AggregatedRecord at b[at:] and returns its length.
func (a *anatomy) field(b []byte, at int) (int, error) {
	number, typ, value, n, err := consume(b[at:])
	if err != nil || typ != protowire.BytesType {
		return n, err
	}
	switch number {
	case wire.PartitionKeyTable:
		hash := hashkey.Of(string(value))
		a.PartitionKeys = append(a.PartitionKeys, tableEntry{Offset: at, Size: len(value), Key: keyOf(value), HashKey: hash.String(), hash: hash})
	case wire.ExplicitHashKeyTable:
		e := tableEntry{Offset: at, Size: len(value), Key: keyOf(value)}
		if hash, err := hashkey.Parse(string(value)); err == nil {
			e.HashKey, e.hash = hash.String(), hash
		}
		a.ExplicitKeys = append(a.ExplicitKeys, e)
	case wire.Records:
		a.record(b[:at+n], at, len(value))
	}
	return n, nil
}

// record reads message Record, the last size bytes of b, in a field that starts at start.
func (a *anatomy) record(b []byte, start, size int) {
	u := userSpan{SubSequenceNumber: len(a.UserRecords), Offset: start, Size: len(b) - start}
	for at := len(b) - size; at < len(b); {
		number, typ, value, n, err := consume(b[at:])
		if err != nil {
			a.problem(at, fmt.Sprintf("user record %d: %v", u.SubSequenceNumber, err))
			break
		}
		switch {
		case number == wire.PartitionKeyIndex && typ == protowire.VarintType:
			u.PartitionKeyIndex = index(value)
		case number == wire.ExplicitHashKeyIndex && typ == protowire.VarintType:
			u.ExplicitHashKeyIndex = index(value)
		case number == wire.Data && typ == protowire.BytesType:
			u.hasData, u.DataOffset, u.DataSize = true, at+n-len(value), len(value)
		case number == wire.Tags && typ == protowire.BytesType:
			u.Tags++
		}
		at += n
	}
	if u.PartitionKeyIndex == nil {
		a.problem(start, fmt.Sprintf("user record %d has no partition key index, which is required", u.SubSequenceNumber))
	}
	if !u.hasData {
		a.problem(start, fmt.Sprintf("user record %d has no data field, which is required", u.SubSequenceNumber))
	}
	a.UserRecords = append(a.UserRecords, u)
}

func index(value []byte) *uint64 {
	v, _ := protowire.ConsumeVarint(value)
	return &v
}

// consume reads a field and returns its value, without the length if it has one, and the length of all of it.
func consume(b []byte) (number protowire.Number, typ protowire.Type, value []byte, n int, err error) {
	number, typ, tag := protowire.ConsumeTag(b)
	if tag < 0 {
		return 0, 0, nil, 0, fmt.Errorf("no field begins here: %w", protowire.ParseError(tag))
	}
	if typ == protowire.BytesType {
		if size, length := protowire.ConsumeVarint(b[tag:]); length > 0 && size > uint64(len(b)-tag-length) {
			return 0, 0, nil, 0, fmt.Errorf("field %d of %d bytes, of which %d are there", number, size, len(b)-tag-length)
		}
	}
	length := protowire.ConsumeFieldValue(number, typ, b[tag:])
	if length < 0 {
		return 0, 0, nil, 0, fmt.Errorf("field %d: %w", number, protowire.ParseError(length))
	}
	value, n = b[tag:tag+length], tag+length
	if typ == protowire.BytesType {
		value, _ = protowire.ConsumeBytes(value)
	}
	return number, typ, value, n, nil
}
