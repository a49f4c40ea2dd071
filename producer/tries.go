package producer

import (
	"slices"
	"time"
)

// Try is one request that a record was part of.
type Try struct {
	Delay time.Duration // from the end of the try before it, or the Put, to its start
	Took  time.Duration
	Err   error // why the record was not stored by it, as far as is known, or not where it belongs; nil: it was
}

// Tries returns the requests that the record was part of, the last one last.
func (r Result) Tries() []Try {
	tries := make([]Try, 0, r.Attempts)
	for t := r.tries; t != nil; t = t.before {
		since := r.put
		if t.before != nil {
			since = t.before.began.Add(t.before.took)
		}
		tries = append(tries, Try{Delay: max(0, t.began.Sub(since)), Took: t.took, Err: t.err})
	}
	slices.Reverse(tries)
	return tries
}

// try is a Try that all records share whose tries so far are the same: there may be very many.
type try struct {
	before *try
	began  time.Time
	took   time.Duration
	err    error
}

// note adds a request to the tries of all records that were part of it.
func (b *batch) note() {
	for i, s := range b.stored {
		var last *try
		for _, e := range s.records {
			if last == nil || last.before != e.tries {
				last = &try{before: e.tries, began: b.began, took: b.latency, err: b.refusal(i)}
			}
			e.tries = last
		}
	}
}
