package kclcompat

import (
	"slices"

	"github.com/kplkit/kplkit/seqnum"
)

// placing is what Place has to know of a style and its readers.
type placing struct {
	after bool // some reader resumes after the stored record, whatever was stored with its number
	again bool // some reader takes a number alone for (number, 0), so that the rest of an aggregate comes again
	java  bool // some reader is Java, whose text for a number alone is (number, 0)
	bare  bool // the number alone is stored
}

func placingOf(s Style, readers []Reader) placing {
	how := placing{
		bare: s == SequenceNumber ||
			// A 2.x or later checkpoint(record) stores no sub-sequence number.
			s == RecordArgument && slices.ContainsFunc(readers, func(r Reader) bool { return r.java() && r.major > 1 }) ||
			// Beside 1.3 a stored sub-sequence number goes stale.
			s != NoArguments && slices.ContainsFunc(readers, Reader.ignoresSub),
		java: slices.ContainsFunc(readers, Reader.java),
	}
	for _, r := range readers {
		v, known := r.measured()
		if !known {
			continue
		}
		// kplkit meets a number alone as (n, 0) in Java's attributes and as all of n in a text: both have to be right.
		how.after = how.after || v.family.resumes == resumesAfter || v.family.resumes == resumesInside && how.bare
		how.again = how.again || v.family.resumes == resumesAt || v.family.resumes == resumesInside && how.bare && how.java
	}
	return how
}

// Place returns the furthest position that can be written when done is processed, so that the worst reader loses nothing
// and as little as possible comes again, and the effect of a crash right after it. last tells that done is its stored
// record's last user record or, under NoArguments, the last of the batch; a whole stored record always is. finished is
// the last finished stored record, or where reading started.
//
// What the style can't store is returned as its reader will take it: a number alone is (n, 0) to Java and all of n to
// others. A position that is not valid means that nothing can be written. The effect is Loses only where reading started
// at LATEST or inside a stored record, nothing has been finished since, and done can't be written. A Rule that Refuses
// places nothing.
func (r Rule) Place(done seqnum.Extended, last bool, finished seqnum.Extended) (seqnum.Extended, Effect) {
	n, isNumber := done.Number()
	switch {
	case r.refuses() || !done.IsValid():
		return seqnum.Extended{}, Refuses
	case !isNumber:
		return r.how.hold(done)
	}
	last = last || r.Style != NoArguments && done.Whole()
	switch {
	case r.Style == NoArguments && last:
		return done, min(r.AtLast, r.how.stale(done))
	case r.Style == NoArguments && finished == seqnum.Latest():
		return seqnum.Extended{}, Loses
	case r.Style == NoArguments:
		return seqnum.Extended{}, Repeats
	case r.how.after && !last:
		return r.how.hold(finished)
	case !r.how.bare:
		return done, Exact
	}
	return r.how.stored(n), r.how.stale(done)
}

// hold returns the position to go back to, and what comes of it.
func (how placing) hold(finished seqnum.Extended) (seqnum.Extended, Effect) {
	n, isNumber := finished.Number()
	switch {
	case finished == seqnum.ShardEnd():
		return finished, Exact
	case finished == seqnum.Latest(), isNumber && how.after && !finished.Whole():
		return finished, Loses
	case isNumber && how.bare:
		return how.stored(n), Repeats
	}
	return finished, Repeats
}

// stored returns what readers take a number alone for.
func (how placing) stored(n seqnum.Number) seqnum.Extended {
	if how.java {
		return seqnum.At(n, 0)
	}
	return seqnum.After(n)
}

// stale returns the effect of storing the number of done alone, where no reader is to lose by it.
func (how placing) stale(done seqnum.Extended) Effect {
	if how.again && done.SubSequenceNumber() > 0 {
		return Repeats
	}
	return Exact
}
