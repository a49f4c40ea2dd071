package rows

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
)

// place is a user record of an aggregate: where a worker is stopped.
type place struct {
	after int    // how many aggregates after the middle one
	text  string // or its data, where the place is chosen before anything is put
	user  int    // of the aggregate, from 0; last is its last
}

// last is the last user record of an aggregate.
const last = -1

// userRecord is one in the order of the stream.
type userRecord struct {
	text     string
	key      string
	whole    bool   // it is a damaged aggregate as it is
	index    int    // in the order of the stream
	stored   int    // the index of its stored record in the stream
	sub, of  int    // its index in its stored record, and how many that has
	position string // its sequence number
}

// plan is what was put, as it is stored, and where workers stop.
type plan struct {
	users   []userRecord
	damaged int   // the index of the damaged stored record; -1 if there is none
	stops   []int // indexes into users, one for each stop
	max     int   // stored records in a batch
	batches int   // user records in one, where that is what ends it
}

// newPlan looks at a stream of one shard and chooses.
func newPlan(stream []storedRecord, s scenario) (*plan, error) {
	p := &plan{damaged: -1, max: cmp.Or(s.max, all), batches: s.batch}
	var aggregates []int // where each starts, in users
	for i, r := range stream {
		first := len(p.users)
		for sub, u := range r.Users {
			p.users = append(p.users, userRecord{
				text: u.Text, key: u.Key, whole: r.Damaged && len(r.Users) == 1, index: len(p.users), stored: i, sub: sub, of: len(r.Users), position: r.SequenceNumber,
			})
		}
		switch {
		case r.Damaged:
			p.damaged = i
		case len(r.Users) == perAggregate, s.plain:
			aggregates = append(aggregates, first)
		}
	}
	if len(aggregates) < 9 {
		return nil, fmt.Errorf("%d full aggregates in %d stored records; want 9 or more", len(aggregates), len(stream))
	}
	for _, stop := range s.stops {
		at := aggregates[len(aggregates)/2+stop.at.after]
		if stop.at.text != "" {
			at = slices.IndexFunc(p.users, func(u userRecord) bool { return u.text == stop.at.text })
		} else if stop.at.user == last {
			at += p.users[at].of - 1
		} else if !s.plain {
			at += stop.at.user
		}
		if at < 0 {
			return nil, fmt.Errorf("%s is not stored", stop.at.text)
		}
		p.stops = append(p.stops, at)
	}
	return p, nil
}

// choose makes the plan of a stream that holds all user records.
func (st *stage) choose(t *testing.T) *plan {
	p, err := newPlan(withoutMarks(st.stored(t, st.stream)), st.scenario)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// withoutMarks leaves out what only ends or wakes workers.
func withoutMarks(stored []storedRecord) []storedRecord {
	return slices.DeleteFunc(slices.Clone(stored), func(r storedRecord) bool { return isMark(r.Users[0].Text) })
}

func isMark(text string) bool { return text == end || text == witness || text == "awake" }

// at is where the last stop is.
func (p *plan) at() userRecord { return p.users[p.stops[len(p.stops)-1]] }

// behind counts the user records after the last stop in the same stored record.
func (p *plan) behind() int { return p.behindStop(len(p.stops) - 1) }

// behindStop counts those after any stop.
func (p *plan) behindStop(i int) int { return p.users[p.stops[i]].of - 1 - p.users[p.stops[i]].sub }

// batch is which GetRecords answer a user record is in, for a worker that starts when all is put, or which batch of the
// consumer's own.
func (p *plan) batch(u userRecord) int {
	if p.batches > 0 {
		return u.index / p.batches
	}
	return u.stored / p.max
}

// batchEnd is the last user record of the batch of the last stop.
func (p *plan) batchEnd() userRecord { return p.users[p.endOfBatch(p.batch(p.at()))] }

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
func batchEndLost(p *plan) (lost, twice int)    { return p.batchEnd().of - 1 - p.batchEnd().sub, 0 }
func batchTwice(p *plan) (lost, twice int)      { return 0, p.batchSoFar() }

// subZero: sub-sequence number 0 is stored, so that what follows the first user record of the aggregate comes again.
func subZero(p *plan) (lost, twice int) { return 0, p.at().sub }

// againFromFirst: what was done of the aggregate comes again.
func againFromFirst(p *plan) (lost, twice int) { return 0, p.at().sub + 1 }

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
func readable(u userRecord) bool { return !u.whole }

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
