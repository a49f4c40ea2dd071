package deagg

import (
	"math"

	"github.com/kplkit/kplkit/seqnum"
)

// What After calls done of a stored record of which it does not mean a part.
const nothing, everything = int64(-1), int64(math.MaxInt64)

// afterText is what After says of stored records, made ready once for all of them.
type afterText struct {
	number string // "" if After is not a number
	others int64  // then: done of each stored record
}

func (a *afterText) read(after seqnum.Extended) {
	*a = afterText{others: nothing}
	if n, ok := after.Number(); ok {
		a.number = n.String()
	} else if after == seqnum.ShardEnd() {
		a.others = everything
	}
}

// doneOf returns the highest sub-sequence number of a stored record that After calls done, -1 if there is none.
// A sequence number that can't be read is never done.
func (d *Decoder) doneOf(sequenceNumber string) int64 {
	if d.after.number == "" {
		return d.after.others
	}
	return d.passed(sequenceNumber)
}

func (d *Decoder) passed(sequenceNumber string) int64 {
	if len(sequenceNumber) == len(d.after.number) && sequenceNumber > d.after.number {
		return nothing // the usual case, and true of what is not a number as well
	}
	n, err := seqnum.Parse(sequenceNumber)
	if err != nil {
		return nothing
	}
	after, _ := d.After.Number()
	switch n.Compare(after) {
	case -1:
		return everything
	case 1:
		return nothing
	}
	return d.After.SubSequenceNumber()
}
