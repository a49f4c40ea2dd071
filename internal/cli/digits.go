package cli

import (
	"fmt"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/seqnum"
)

// withoutDigits returns u with a bare sequence number where its own is a position as digits: that says which user
// record it is. All of a stored record, which its last user record has there, leaves the sub-sequence number as it is.
func withoutDigits(u deagg.UserRecord) deagg.UserRecord {
	e, err := seqnum.ParseDigits(u.SequenceNumber)
	if err != nil {
		return u
	}
	n, _ := e.Number()
	u.SequenceNumber = n.String()
	if !e.Whole() {
		u.SubSequenceNumber = e.SubSequenceNumber()
	}
	return u
}

// doubtOf says why a position can't be one of Kinesis's, or "": its numbers have 188 bits, as far as anyone knows. One of more
// is most likely a position as digits that has lost or got some, and comes after everything.
func doubtOf(e seqnum.Extended) string {
	const bits188 = 57 // digits, at most
	n, ok := e.Number()
	if digits := len(n.String()); ok && digits >= bits188 && n.Version() == 0 {
		return fmt.Sprintf("%d digits, which no sequence number of Kinesis has: those of today have 56, and 65 with a sub-sequence number", digits)
	}
	return ""
}
