// Package deagg takes apart the aggregated records that the Kinesis Producer Library (KPL) writes, and loses nothing
// on the way.
//
// A stored record is what GetRecords, SubscribeToShard or a Lambda event hands out. The KPL packs many user records
// into one stored record:
//
//	F3 89 9A C2 | protobuf AggregatedRecord | MD5 of the protobuf bytes (16 bytes)
//
// [Decoder] turns stored records into user records and is what a consumer wants. Stored records that are plain, or
// damaged, pass through it whole, as one user record each, and it counts everything. [Parse] takes one aggregated record
// apart.
//
// # Memory
//
// The strings and the data of a user record share the memory of the stored record's Data: they pin all of it, and
// change if it is overwritten. [UserRecord.Clone] makes a copy that does neither. Data never has spare capacity, so
// appending to it writes into nobody's record. A Decoder keeps what it needs for the largest aggregate that it has
// met, 8.5 times that aggregate's size at most and a fifth of it where user records have 100 bytes, and allocates nothing more but
// 48 bytes for each user record that is Malformed. User records that are collected may be 29 times as large as their aggregate,
// if they are empty: [Count] says how much room they need. docs/format.md has a table of such factors.
//
// # Compatibility
//
// Everything that a release of this package delivers, later releases deliver with the same content, order and
// sub-sequence numbers. Stats may gain fields.
package deagg

import (
	"fmt"
	"strings"
	"time"

	"github.com/kplkit/kplkit/internal/wire"
	"github.com/kplkit/kplkit/seqnum"
)

// StoredRecord is a record as Kinesis stores it: one user record, or an aggregate of them.
type StoredRecord struct {
	SequenceNumber string // decimal; SEQUENCE:SUB, or that as 65 digits, marks a user record that was taken out of its aggregate before
	PartitionKey   string // "" where there is none, as on service-managed streams
	Data           []byte
	ArrivalTime    time.Time // approximate, as Kinesis gives it
}

// UserRecord is a record as a producer's user put it.
type UserRecord struct {
	SequenceNumber    string // of the stored record
	SubSequenceNumber int64  // its index in the aggregate, 0 for a plain record
	PartitionKey      string // "" when absent
	ExplicitHashKey   string // as its producer wrote it, "" when absent: Kinesis does not hand out a plain record's
	Data              []byte
	ArrivalTime       time.Time // of the stored record
	Aggregated        bool      // it came out of an aggregate
	Last              bool      // nothing more of this stored record follows

	// Malformed says what is wrong. It is nil or a *FormatError, never another error. Where it is set, Data is the
	// whole stored record or, if Aggregated, the user record's own, and only its key is lost.
	Malformed error
}

// Position returns the extended sequence number that means: this user record and all before it are done. It is an error
// if SequenceNumber is not one. Where that is a position as digits (seqnum.ParseDigits), it is this position.
func (u UserRecord) Position() (seqnum.Extended, error) {
	if e, ok := asDigits(u.SequenceNumber); ok {
		return e, nil
	}
	n, err := seqnum.Parse(u.SequenceNumber)
	if err != nil {
		return seqnum.Extended{}, fmt.Errorf("deagg: position of a user record: %w", err)
	}
	if u.Aggregated {
		return seqnum.At(n, u.SubSequenceNumber), nil
	}
	return seqnum.After(n), nil
}

// Clone returns a copy of u that shares no memory with the stored record.
func (u UserRecord) Clone() UserRecord {
	u.SequenceNumber = strings.Clone(u.SequenceNumber)
	u.PartitionKey = strings.Clone(u.PartitionKey)
	u.ExplicitHashKey = strings.Clone(u.ExplicitHashKey)
	if u.Data != nil {
		u.Data = append(make([]byte, 0, len(u.Data)), u.Data...)
	}
	return u
}

// HasMagic reports whether data starts with the four bytes of an aggregated record. It does not look at the checksum.
func HasMagic(data []byte) bool {
	return len(data) >= len(wire.Magic) && string(data[:len(wire.Magic)]) == wire.Magic
}

// plain returns the stored record itself as its one user record.
func plain(r StoredRecord) UserRecord {
	return UserRecord{
		SequenceNumber: r.SequenceNumber,
		PartitionKey:   r.PartitionKey,
		Data:           r.Data[:len(r.Data):len(r.Data)],
		ArrivalTime:    r.ArrivalTime,
		Last:           true,
	}
}

// finished returns the user record that r is, if r was taken out of its aggregate before: its sequence number
// then reads SEQUENCE:SUB, or is that as digits (of all of a stored record bareNumber has made a bare one). Whether more of
// its stored record follows is not known, so it is not Last.
func finished(r StoredRecord) (u UserRecord, ok bool) {
	var number string
	position, ok := asDigits(r.SequenceNumber)
	if n, _ := position.Number(); ok {
		number = n.String()
	} else {
		if number, _, ok = strings.Cut(r.SequenceNumber, ":"); !ok {
			return u, false
		}
		var err error
		if position, err = seqnum.ParseExtended(r.SequenceNumber); err != nil {
			return u, false
		}
	}
	u = plain(r)
	u.SequenceNumber, u.SubSequenceNumber = number, position.SubSequenceNumber()
	u.Aggregated, u.Last = true, false
	return u, true
}

// bareNumber returns the bare number for what says, as digits, all of a stored record: nobody has taken that apart.
func bareNumber(number string) string {
	if e, ok := asDigits(number); ok && e.Whole() {
		n, _ := e.Number()
		return n.String()
	}
	return number
}

// asDigits reads a position as digits, without the cost of an error for a number that is not one.
func asDigits(number string) (seqnum.Extended, bool) {
	const length = 65
	if len(number) != length {
		return seqnum.Extended{}, false
	}
	e, err := seqnum.ParseDigits(number)
	return e, err == nil
}
