package cli

import (
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
