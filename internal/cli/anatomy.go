package cli

import (
	"errors"
	"fmt"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/hashkey"
	"github.com/kplkit/kplkit/internal/recordio"
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
