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
// met, 8.5 times that aggregate's size at most and a fifth of it where user records have 100 bytes, and 8 KiB besides. It
// allocates nothing more but 48 bytes for each user record that is Malformed, and pins no stored record between iterations. User records that are collected may be 29 times as large as their aggregate,
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

// plain makes u the stored record itself, as its one user record. Field by field: a UserRecord is large, and assigning
// all of it at once costs several times as much.
func (u *UserRecord) plain(r *StoredRecord, number string) {
	u.SequenceNumber, u.SubSequenceNumber = number, 0
	u.PartitionKey = r.PartitionKey
	u.Data = r.Data[:len(r.Data):len(r.Data)]
	u.ArrivalTime = r.ArrivalTime
	u.Aggregated, u.Last = false, true
	u.unmark()
}

// unmark takes away what few user records have. A write is dear here.
func (u *UserRecord) unmark() {
	if u.Malformed != nil || u.ExplicitHashKey != "" {
		u.ExplicitHashKey, u.Malformed = "", nil
	}
}

// numbersOf reads the sequence number of a stored record. If it is finished, a user record that was taken out of its
// aggregate before, it reads SEQUENCE:SUB, or that as digits: then number is the aggregate's. Otherwise number is what it reads,
// or, where that says all of a stored record as digits, the bare number: nobody has taken that apart.
func numbersOf(sequenceNumber string) (number string, sub int64, finished bool) {
	if len(sequenceNumber) != digitsLength && strings.IndexByte(sequenceNumber, ':') < 0 {
		return sequenceNumber, 0, false // nearly all of them
	}
	return positionOf(sequenceNumber)
}

func positionOf(sequenceNumber string) (number string, sub int64, finished bool) {
	if e, ok := asDigits(sequenceNumber); ok {
		n, _ := e.Number()
		if e.Whole() {
			return n.String(), 0, false
		}
		return n.String(), e.SubSequenceNumber(), true
	}
	number, _, finished = strings.Cut(sequenceNumber, ":")
	e, err := seqnum.ParseExtended(sequenceNumber)
	if !finished || err != nil {
		return sequenceNumber, 0, false
	}
	return number, e.SubSequenceNumber(), true
}

// digitsLength is that of a position as digits.
const digitsLength = 65

// asDigits reads a position as digits, without the cost of an error for a number that is not one.
func asDigits(number string) (seqnum.Extended, bool) {
	if len(number) != digitsLength {
		return seqnum.Extended{}, false
	}
	e, err := seqnum.ParseDigits(number)
	return e, err == nil
}
