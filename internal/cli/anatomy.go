package cli

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/hashkey"
	"github.com/kplkit/kplkit/internal/recordio"
	"github.com/kplkit/kplkit/internal/wire"
)

// anatomy is what there is in one stored record, and where. Offsets and sizes are in bytes of its data.
type anatomy struct {
	V              int          `json:"v"`
	File           string       `json:"file,omitempty"`
	Line           int          `json:"line,omitempty"`
	ReadAs         string       `json:"read_as,omitempty"` // of pasted text: base64, hex, bytes, or whose print
	ShardID        string       `json:"shard_id,omitempty"`
	HashKeyRange   string       `json:"hash_key_range,omitempty"`
	SequenceNumber string       `json:"sequence_number,omitempty"`
	PartitionKey   *key         `json:"partition_key,omitempty"`
	Size           int          `json:"size"`
	Aggregated     bool         `json:"aggregated"`          // it starts as an aggregate
	Malformed      string       `json:"malformed,omitempty"` // one word for what is wrong, as kplkit deagg has it
	Checksum       *checksum    `json:"checksum,omitempty"`
	PartitionKeys  []tableEntry `json:"partition_key_table,omitempty"`
	ExplicitKeys   []tableEntry `json:"explicit_hash_key_table,omitempty"`
	UserRecords    []userSpan   `json:"user_records,omitempty"`
	Problems       []problem    `json:"problems,omitempty"`
	MoreProblems   int          `json:"more_problems,omitempty"` // than are listed

	data      []byte
	hashRange hashkey.Range
	hashed    hashkey.Range // from the smallest to the largest hash key of a user record; zero: there is none
}

// key is a key as it is on the wire.
type key struct {
	Text  string `json:"text,omitempty"`
	Bytes []byte `json:"base64,omitempty"` // instead, where it is no UTF-8
}

type checksum struct {
	Offset   int    `json:"offset"`
	Stored   string `json:"stored"`   // hex
	Computed string `json:"computed"` // hex
	OK       bool   `json:"ok"`
}

type tableEntry struct {
	Offset  int    `json:"offset"` // of the field
	Size    int    `json:"size"`   // of the key
	Key     key    `json:"key"`
	HashKey string `json:"hash_key,omitempty"` // decimal
	Users   int    `json:"user_records"`       // that refer to it
	hash    hashkey.Key
}

type userSpan struct {
	SubSequenceNumber    int     `json:"sub_sequence_number"`
	Offset               int     `json:"offset"` // of the field
	Size                 int     `json:"size"`   // of the field
	PartitionKeyIndex    *uint64 `json:"partition_key_index,omitempty"`
	ExplicitHashKeyIndex *uint64 `json:"explicit_hash_key_index,omitempty"`
	HashKey              string  `json:"hash_key,omitempty"` // decimal
	DataOffset           int     `json:"data_offset"`
	DataSize             int     `json:"data_size"`
	Tags                 int     `json:"tags,omitempty"`
	Stray                bool    `json:"stray,omitempty"` // its hash key lies outside the shard's range
	hasData              bool
}

type problem struct {
	Offset int    `json:"offset"`
	Text   string `json:"text"`
}

// dissect takes a record apart as far as that can be done, also where deagg refuses it.
func dissect(r *recordio.Record) *anatomy {
	a := &anatomy{
		V: 1, File: r.File, Line: r.Line, ShardID: r.ShardID, SequenceNumber: r.SequenceNumber,
		Size: len(r.Data), data: r.Data, hashRange: r.HashRange,
	}
	if r.Finished {
		a.SequenceNumber = fmt.Sprintf("%s:%d", r.SequenceNumber, r.SubSequenceNumber)
	}
	if r.HashRange.IsValid() {
		a.HashKeyRange = r.HashRange.String()
	}
	if r.PartitionKey != "" {
		k := keyOf([]byte(r.PartitionKey))
		a.PartitionKey = &k
	}
	switch {
	case r.Finished:
	case deagg.HasMagic(r.Data):
		a.Aggregated = true
		a.walk()
		a.resolve()
		a.judge(r.StoredRecord)
	case recordio.HasReplacement(r.Data[:min(len(r.Data), 16)]):
		a.problem(0, "the data starts with a replacement character (U+FFFD): "+recordio.ErrReplaced.Error())
	}
	return a
}

// mostProblems are listed: a record of nothing but damage has millions.
const mostProblems = 1000

func (a *anatomy) problem(offset int, text string) {
	if len(a.Problems) == mostProblems {
		a.MoreProblems++
		return
	}
	a.Problems = append(a.Problems, problem{offset, text})
}

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

// resolve looks up the keys of the user records; their tables may come after them.
func (a *anatomy) resolve() {
	for i := range a.UserRecords {
		u := &a.UserRecords[i]
		e := a.entry(u, "partition key", a.PartitionKeys, u.PartitionKeyIndex)
		if u.ExplicitHashKeyIndex != nil {
			e = a.entry(u, "explicit hash key", a.ExplicitKeys, u.ExplicitHashKeyIndex)
		}
		if e == nil {
			continue
		}
		if u.HashKey = e.HashKey; u.HashKey != "" {
			a.spread(e.hash)
		}
		u.Stray = a.hashRange.IsValid() && (e.HashKey == "" || !a.hashRange.Contains(e.hash))
	}
}

// spread makes hashed hold a hash key.
func (a *anatomy) spread(hash hashkey.Key) {
	low, high := hash, hash
	if a.hashed.IsValid() {
		low, high = a.hashed.Start(), a.hashed.End()
		if hash.Compare(low) < 0 {
			low = hash
		} else if hash.Compare(high) > 0 {
			high = hash
		}
	}
	a.hashed, _ = hashkey.NewRange(low, high) // in this order
}

// entry returns the entry of a key table that u refers to, or nil.
func (a *anatomy) entry(u *userSpan, what string, table []tableEntry, index *uint64) *tableEntry {
	switch {
	case index == nil:
		return nil
	case *index >= uint64(len(table)):
		a.problem(u.Offset, fmt.Sprintf("user record %d: %s index %d, in a table of %d", u.SubSequenceNumber, what, *index, len(table)))
		return nil
	}
	table[*index].Users++
	return &table[*index]
}

// judge adds what deagg says of the record: it has the last word.
func (a *anatomy) judge(r deagg.StoredRecord) {
	parsed, err := deagg.Parse(r)
	if err == nil {
		for u := range parsed.UserRecords() {
			if err = u.Malformed; err != nil {
				break
			}
		}
	}
	if err == nil || err == deagg.ErrNotAggregated { // it was taken out of its aggregate before, and is not looked into again
		return
	}
	a.Malformed = recordio.Malformation(err)
	if len(a.Problems) > 0 {
		return
	}
	var format *deagg.FormatError
	if errors.As(err, &format) {
		a.problem(format.Offset, format.Err.Error())
	}
}
