package position

import (
	"slices"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/seqnum"
)

// Skip has d skip what lies at or before after in a batch that is not empty. It returns what later batches have to skip,
// nothing once the position has passed, and what is wrong with the position, "" if nothing is: then nothing is skipped.
func Skip(d *deagg.Decoder, after seqnum.Extended, batch []deagg.StoredRecord) (later seqnum.Extended, wrong string) {
	d.After, later = after, after
	if passed(after, batch) {
		later = seqnum.Extended{}
	}
	if wrong = beyond(after, batch); wrong != "" {
		d.After = seqnum.Extended{}
	}
	return later, wrong
}

// passed reports whether the position after, or anything after it, is among the records of a batch: what comes later
// comes after it, too. A text that is not a sequence number says nothing.
func passed(after seqnum.Extended, batch []deagg.StoredRecord) bool {
	if _, ok := after.Number(); !ok {
		return true
	}
	for i := range slices.Backward(batch) { // they are in order: the last one decides, nearly always
		if e, err := seqnum.ParseExtended(batch[i].SequenceNumber); err == nil && e.Compare(after) >= 0 {
			return true
		}
	}
	return false
}

// beyond returns what is wrong where after lies after the last user record of its stored record: nobody can have
// processed such a one, so the position was not written for it. It returns "" where nothing is. A plain stored record
// has one user record; the last one of an aggregate that was taken apart before may look like it.
func beyond(after seqnum.Extended, batch []deagg.StoredRecord) string {
	n, ok := after.Number()
	if !ok || after.Whole() {
		return ""
	}
	for i := range batch {
		e, err := seqnum.ParseExtended(batch[i].SequenceNumber)
		switch own, ok := e.Number(); {
		case err != nil || !ok || own != n:
			continue
		case !e.Whole():
			return "" // taken apart before
		}
		a, err := deagg.Parse(batch[i])
		switch {
		case err == nil && after.SubSequenceNumber() >= int64(max(a.Len(), 1)):
			return "kplkit: the checkpoint lies beyond the end of its aggregate, which can't be; all of the aggregate is delivered"
		case err != nil && after.SubSequenceNumber() > 0:
			return "kplkit: the checkpoint lies inside an aggregate, but its stored record is none, or is only the last of what " +
				"was one; it is delivered"
		}
		return ""
	}
	return ""
}
