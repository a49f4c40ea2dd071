package recordio

import "bytes"

// Need says what a record is of no use without, besides its data. What else of it can't be read is left out.
type Need uint8

const (
	// NeedKeys is for what is put: a partition key or an explicit hash key that can't be read says where it goes.
	// Absent ones are no error.
	NeedKeys Need = 1 << iota
	// NeedPosition is for what is compared with a position: the sequence number has to be there.
	NeedPosition
)

func (n Need) has(f field) bool {
	switch f {
	case partitionKeyField, partitionKeyBase64Field, explicitHashKeyField, explicitHashKeyBase64Field:
		return n&NeedKeys != 0
	case sequenceNumberField, subSequenceNumberField:
		return n&NeedPosition != 0
	}
	return false
}

// tellOmissions counts what the record that was just read goes without, and reports each field once.
func (r *reader) tellOmissions() {
	for _, o := range r.draft.left {
		r.src.LeftOut++
		if told := uint32(1) << o.field; r.told&told == 0 {
			r.told |= told
			if r.src.Tell != nil {
				o.text = bytes.Clone(o.text) // an error may be kept
				r.src.Tell(&LineError{r.src.Name, r.place(), leftOut{o}})
			}
		}
	}
}

// leftOut is an omission as it is told.
type leftOut struct{ omission }

func (l leftOut) Error() string {
	return l.omission.Error() + ": left out, here and wherever it is so in this file"
}
