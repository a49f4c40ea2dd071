package kclcompat

import (
	"slices"

	"github.com/kplkit/kplkit/seqnum"
)

// form is how a style leaves a position in the lease.
type form uint8

const (
	pair       form = iota + 1 // a number and a sub-sequence number; zero, of a Rule that RuleFor did not make, is none
	javaNumber                 // a number alone, beside Java, whose text for it is (number, 0)
	bareNumber                 // a number alone
)

// meaning is where readers may go on from a position, other than right after it. It is a set.
type meaning uint8

const (
	fromFirst meaning = 1 << iota // after the stored record's first user record: what was done of it comes again
	pastAll                       // after all of the stored record: what was not done of it never comes
)

// meanings tells how each kind of reader takes each form. kplkit meets Java's number alone as (n, 0) in Java's attributes, and
// as all of n in a text: both have to be right.
var meanings = [...][bareNumber + 1]meaning{
	resumesAfter:  {pair: pastAll, javaNumber: pastAll, bareNumber: pastAll},
	resumesAt:     {pair: 0, javaNumber: fromFirst, bareNumber: fromFirst},
	resumesInside: {pair: 0, javaNumber: fromFirst | pastAll, bareNumber: pastAll},
}

// formOf returns the worst form in which a style, used by any of the readers, leaves a position.
func formOf(s Style, readers []Reader) form {
	numberAlone := s == SequenceNumber || s == RecordArgument && slices.ContainsFunc(readers, Reader.takesPlainRecord) ||
		slices.ContainsFunc(readers, Reader.ignoresSub) // beside it a stored sub-sequence number goes stale
	switch {
	case !numberAlone:
		return pair
	case slices.ContainsFunc(readers, Reader.java):
		return javaNumber
	}
	return bareNumber
}

// meaningOf returns all that any of the readers takes a form for.
func meaningOf(f form, readers []Reader) (all meaning) {
	for _, r := range readers {
		if v, known := r.measured(); known {
			all |= meanings[v.family.resumes][f]
		}
	}
	return all
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
		return r.hold(done)
	}
	last = last || r.Style != NoArguments && done.Whole()
	switch {
	case r.Style == NoArguments && last:
		return done, min(r.AtLast, r.again(done))
	case r.Style == NoArguments && finished == seqnum.Latest():
		return seqnum.Extended{}, Loses
	case r.Style == NoArguments:
		return seqnum.Extended{}, Repeats
	case r.meaning&pastAll != 0 && !last:
		return r.hold(finished)
	case r.form == pair:
		return done, Exact
	}
	return r.asRead(n), r.again(done)
}

// hold returns the position to go back to, and what comes of it.
func (r Rule) hold(finished seqnum.Extended) (seqnum.Extended, Effect) {
	n, isNumber := finished.Number()
	switch {
	case finished == seqnum.ShardEnd():
		return finished, Exact
	case finished == seqnum.Latest(), isNumber && r.meaning&pastAll != 0 && !finished.Whole():
		return finished, Loses
	case isNumber && r.form != pair:
		return r.asRead(n), Repeats
	}
	return finished, Repeats
}

// asRead returns what readers take a number alone for.
func (r Rule) asRead(n seqnum.Number) seqnum.Extended {
	if r.form == javaNumber {
		return seqnum.At(n, 0)
	}
	return seqnum.After(n)
}

// again returns the effect of storing the number of done alone, where no reader is to lose by it.
func (r Rule) again(done seqnum.Extended) Effect {
	if r.meaning&fromFirst != 0 && done.SubSequenceNumber() > 0 {
		return Repeats
	}
	return Exact
}
