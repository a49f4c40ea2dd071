package deagg

import (
	"errors"
	"fmt"
)

// ErrNotAggregated is returned by Parse and Reset for a stored record that is not an aggregate: its data does not start
// with the magic, or its sequence number says that it was taken out of its aggregate before.
var ErrNotAggregated = errors.New("deagg: not an aggregated record")

// What can be wrong with an aggregated record. No user record is marked with ErrHashKey: only the KCL policy cares, and
// it drops such a user record and counts it.
var (
	ErrTruncated = errors.New("truncated")                         // it ends too early
	ErrChecksum  = errors.New("checksum mismatch")                 // the MD5 at its end is not that of its protobuf bytes
	ErrWire      = errors.New("not a valid protobuf message")      // its protobuf bytes are damaged, or a required field is missing
	ErrIndex     = errors.New("index out of its key table")        // a user record refers to a key that is not there
	ErrHashKey   = errors.New("explicit hash key is not a number") // under the KCL policy
)

// FormatError says what is wrong with an aggregated record, and where.
type FormatError struct {
	SequenceNumber    string // of the stored record, "" where it has none
	SubSequenceNumber int64  // of the user record that is hit, -1 if it is the whole aggregate
	Offset            int    // in the stored record's Data, in bytes; -1 where it is not known
	Err               error  // wraps one of the errors above
}

func (e *FormatError) Error() string {
	record := "stored record"
	if e.SequenceNumber != "" {
		record += " " + e.SequenceNumber
	}
	if e.SubSequenceNumber >= 0 {
		record += fmt.Sprintf(", user record %d", e.SubSequenceNumber)
	}
	if e.Offset >= 0 {
		record += fmt.Sprintf(", byte %d", e.Offset)
	}
	return fmt.Sprintf("deagg: %s: %v", record, e.Err)
}

// Unwrap returns the kind of the error.
func (e *FormatError) Unwrap() error { return e.Err }

// indexError is the Err of all user records of an aggregate whose index of one kind is out of its table. There may be
// one for every six bytes, so they share it, and it is put into words only where somebody reads it.
type indexError struct {
	what string // kind of key
	size int    // of the table
}

func (e *indexError) Error() string {
	return fmt.Sprintf("%v: its %s is not among the table's %d", ErrIndex, e.what, e.size)
}

func (e *indexError) Unwrap() error { return ErrIndex }

// indexErrors are those of an aggregate, once there is such a user record. Who goes through it has his own: an
// AggregatedRecord that is only read may be read by several at a time.
type indexErrors struct{ partitionKey, explicitHashKey *indexError }

// indexError returns the mark of user record i, sharing one of the errors.
func (a *AggregatedRecord) indexError(i int, shared **indexError, what string, table []string) *FormatError {
	if *shared == nil {
		*shared = &indexError{what, len(table)}
	}
	return &FormatError{
		SequenceNumber:    a.stored.SequenceNumber,
		SubSequenceNumber: int64(i),
		Offset:            int(a.users[i].offset),
		Err:               *shared,
	}
}
