package kclcompat_test

import (
	"math"
	"slices"
	"strings"

	. "github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/seqnum"
)

// The model is an executable account of how readers store and resume, written from the measurements and not from the
// package: a shard of stored records, each plain or an aggregate, and a reader that takes a lease from another.

// record is a user record of the modelled shard.
type record struct {
	n    int // index of the stored record
	sub  int64
	last bool
}

// shard lists the user records of stored records with sizes user records; 0 is a plain record.
func shard(sizes []int) (records []record) {
	for n, size := range sizes {
		for sub := range max(size, 1) {
			records = append(records, record{n, int64(sub), sub == max(size, 1)-1})
		}
	}
	return records
}

// pair is what a lease holds: a stored record, -1 for none yet, and a sub-sequence number, absent if -1.
type pair struct {
	n   int
	sub int64
}

const absent = -1

// call returns what a version of the Java KCL stores for a call at the user record stop of a batch that ends with end.
// old is what the lease held before: 1.3 leaves its sub-sequence number.
func call(version string, s Style, stop, end record, old pair) pair {
	stored := pair{stop.n, stop.sub}
	switch {
	case s == NoArguments:
		stored = pair{end.n, end.sub}
	case s == SequenceNumber, s == RecordArgument && !strings.HasPrefix(version, "1."):
		stored.sub = 0
	}
	if strings.HasPrefix(version, "1.3") {
		stored.sub = old.sub
	}
	return stored
}

// comes reports whether a reader that resumes from stored is given the user record r.
func comes(reader string, stored pair, r record) bool {
	if r.n != stored.n {
		return r.n > stored.n
	}
	switch {
	case reader == "sdk", strings.HasPrefix(reader, "kcl-1.3"), strings.HasPrefix(reader, "multilang-1.3"):
		return false
	case reader == "kplkit":
		return stored.sub != absent && r.sub > stored.sub
	}
	return r.sub > max(stored.sub, 0)
}

// crash counts what comes again and what is lost of records when all up to index stop was done.
func crash(reader string, stored pair, records []record, stop int) (again, lost int) {
	for i, r := range records {
		switch got := comes(reader, stored, r); {
		case got && i <= stop:
			again++
		case !got && i > stop:
			lost++
		}
	}
	return again, lost
}

// effect names what crash counted.
func effect(again, lost int) Effect {
	switch {
	case lost > 0:
		return Loses
	case again > 0:
		return Repeats
	}
	return Exact
}

// number is the sequence number of the modelled shard's stored record n.
func number(n int) seqnum.Number {
	return seqnum.MustParse("49590338271490256608559692538361571095921575989136588" + string(rune('1'+n)))
}

// stored returns what a sink of style s leaves in the lease for at. Some styles can't store a sub-sequence number.
func stored(s Style, readers []Reader, at seqnum.Extended) pair {
	n, ok := at.Number()
	if !ok {
		return pair{-1, absent}
	}
	p := pair{slices.IndexFunc(numbers, func(m seqnum.Number) bool { return m == n }), at.SubSequenceNumber()}
	newKCL := func(r Reader) bool {
		return strings.HasPrefix(r.String(), "kcl-2") || strings.HasPrefix(r.String(), "kcl-3")
	}
	if s == SequenceNumber || s == RecordArgument && slices.ContainsFunc(readers, newKCL) {
		p.sub = absent
	}
	return p
}

var numbers = func() (all []seqnum.Number) {
	for n := range 9 {
		all = append(all, number(n))
	}
	return all
}()

const whole = math.MaxInt64
