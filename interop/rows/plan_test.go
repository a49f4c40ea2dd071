package rows

import (
	"testing"

	"github.com/kplkit/kplkit/deagg"
)

// place is a user record of an aggregate: where a worker is stopped.
type place struct {
	after int // how many aggregates after the middle one
	user  int // of the aggregate, from 0; last is its last
}

// last is the last user record of an aggregate.
const last = -1

// userRecord is one in the order of the stream.
type userRecord struct {
	text     string
	stored   int    // the index of its stored record in the stream
	sub, of  int    // its index in its stored record, and how many that has
	position string // its sequence number
}

// plan is what was put, as it is stored, and where workers stop.
type plan struct {
	users   []userRecord
	stored  int   // how many stored records there are
	damaged int   // the index of the damaged one; -1 if there is none
	stops   []int // indexes into users, one for each stop
	max     int   // stored records in a batch
}

// newPlan looks at a stream and chooses.
func newPlan(t *testing.T, stream []deagg.StoredRecord, s scenario) *plan {
	p := &plan{damaged: -1, stored: len(stream), max: s.max}
	if p.max == 0 {
		p.max = all
	}
	var aggregates []int // where each starts, in users
	for i, r := range stream {
		first := len(p.users)
		var d deagg.Decoder
		for u := range d.UserRecords(r) {
			p.users = append(p.users, userRecord{text: string(u.Data), stored: i, sub: len(p.users) - first, position: u.SequenceNumber})
		}
		for j := first; j < len(p.users); j++ {
			p.users[j].of = len(p.users) - first
		}
		switch {
		case d.Stats().Malformed > 0:
			p.damaged = i
		case len(p.users)-first == perAggregate, s.plain:
			aggregates = append(aggregates, first)
		}
	}
	if len(aggregates) < 9 {
		t.Fatalf("%d full aggregates in %d stored records; want 9 or more", len(aggregates), len(stream))
	}
	for _, stop := range s.stops {
		at := aggregates[len(aggregates)/2+stop.at.after]
		if stop.at.user == last {
			at += p.users[at].of - 1
		} else if !s.plain {
			at += stop.at.user
		}
		p.stops = append(p.stops, at)
	}
	return p
}

// at is where the last stop is.
func (p *plan) at() userRecord { return p.users[p.stops[len(p.stops)-1]] }

// behind counts the user records after the last stop in the same stored record.
func (p *plan) behind() int { return p.behindStop(len(p.stops) - 1) }

// behindStop counts those after any stop.
func (p *plan) behindStop(i int) int { return p.users[p.stops[i]].of - 1 - p.users[p.stops[i]].sub }

// batch is which GetRecords answer a user record is in, for a worker that starts when all is put.
func (p *plan) batch(u userRecord) int { return u.stored / p.max }

// restOfBatch counts the user records after the last stop in the same batch.
func (p *plan) restOfBatch() int {
	n := 0
	for _, u := range p.users[p.stops[len(p.stops)-1]+1:] {
		if p.batch(u) == p.batch(p.at()) {
			n++
		}
	}
	return n
}

// batchSoFar counts the user records up to the last stop in the same batch.
func (p *plan) batchSoFar() int {
	n := 0
	for _, u := range p.users[:p.stops[len(p.stops)-1]+1] {
		if p.batch(u) == p.batch(p.at()) {
			n++
		}
	}
	return n
}

// Expectations.

func exact(*plan) (lost, twice int)             { return 0, 0 }
func restLost(p *plan) (lost, twice int)        { return p.behind(), 0 }
func restOfBatchLost(p *plan) (lost, twice int) { return p.restOfBatch(), 0 }
func batchTwice(p *plan) (lost, twice int)      { return 0, p.batchSoFar() }

// subZero: sub-sequence number 0 is stored, so that what follows the first user record of the aggregate comes again.
func subZero(p *plan) (lost, twice int) { return 0, p.at().sub }

// aggregatesLost: what is in aggregates never reaches the application.
func aggregatesLost(p *plan) (lost, twice int) {
	for _, u := range p.users {
		if u.of > 1 {
			lost++
		}
	}
	return lost, 0
}

// readable tells user records from a damaged aggregate that is handed over as it is.
func readable(u userRecord) bool { return !deagg.HasMagic([]byte(u.text)) }

// damagedRestLost: of the damaged aggregate, what is before the bad index is delivered.
func damagedRestLost(*plan) (lost, twice int) { return 2, 0 }

// damagedBatchLost: with the damaged aggregate goes all that came in the same answer.
func damagedBatchLost(p *plan) (lost, twice int) {
	for _, u := range p.users {
		if p.batch(u) == p.damaged/p.max && readable(u) {
			lost++
		}
	}
	return lost, 0
}
