package producer

import (
	"iter"
	"time"
)

// Try is one request that a record was part of.
type Try struct {
	Delay time.Duration // from the end of the try before it, or the Put, to its start
	Took  time.Duration
	Err   error // why the record was not stored by it, as far as is known, or not where it belongs; nil: it was
}

// Tries returns the requests that the record was part of, in their order.
func (r Result) Tries() iter.Seq[Try] {
	return func(yield func(Try) bool) { r.tries.each(r.put, yield) }
}

// WithTries returns the result with these as its Tries, and their number as Attempts: for code that makes results itself, as
// package separate and the tests of a done do.
func (r Result) WithTries(tries ...Try) Result {
	r.put, r.tries, r.Attempts = time.Time{}, nil, len(tries)
	end := r.put
	for _, t := range tries {
		began := end.Add(t.Delay)
		r.tries = &try{before: r.tries, began: began, took: t.Took, err: t.Err}
		end = began.Add(t.Took)
	}
	return r
}

// each yields the tries up to t, and tells whether more are wanted.
func (t *try) each(put time.Time, yield func(Try) bool) bool {
	if t == nil {
		return true
	}
	if !t.before.each(put, yield) {
		return false
	}
	if t.before != nil {
		put = t.before.began.Add(t.before.took)
	}
	return yield(Try{Delay: max(0, t.began.Sub(put)), Took: t.took, Err: t.err})
}

// try is a Try that all records share whose tries so far are the same: there may be very many.
type try struct {
	before *try
	began  time.Time
	took   time.Duration
	err    error
}

// note adds a request to the tries of all records that were part of it. They are counted only now, when they are looked at
// anyway: what is under way is not asked for it.
func (b *batch) note() {
	for i, s := range b.stored {
		var last *try
		for _, e := range s.records {
			if last == nil || last.before != e.tries {
				last = &try{before: e.tries, began: b.began, took: b.latency, err: b.refusal(i)}
			}
			e.tries = last
			e.attempts++
		}
	}
}
