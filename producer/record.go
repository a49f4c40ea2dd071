package producer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kplkit/kplkit/deagg/hashkey"
	"github.com/kplkit/kplkit/producer/aggregator"
)

// recordOverhead is what a record counts in the buffer besides its data and keys.
const recordOverhead = 256

// pending is a record that has no result yet. There may be very many, and what is done for one takes little but the time to
// fetch it: it fills two lines of the processor's cache, one with what is the caller's, one with the rest.
type pending struct {
	Record
	done func(Record, Result)

	key      hashkey.Key
	seq      uint64        // the order of the Puts
	arrived  time.Duration // when, as the mailbox counts it
	tries    *try          // the last one; nil: none yet
	group    *group
	share    *share // of the buffer, in which it counts
	attempts int32  // requests that it was part of
	misfits  int32  // how often its aggregate had to be taken apart; maxMisfits if it was refused
}

// last is the error of its last attempt that was not ended by Close.
func (e *pending) last() error {
	for t := e.tries; t != nil; t = t.before {
		if !errors.Is(t.err, context.Canceled) {
			return t.err
		}
	}
	return nil
}

// waited is how long it was in the buffer until its first attempt.
func (p *Producer) waited(e *pending) time.Duration {
	first := e.tries
	for first.before != nil {
		first = first.before
	}
	return first.began.Sub(p.arrival(e))
}

func (p *Producer) arrival(e *pending) time.Time { return p.box.began.Add(e.arrived) }

// cost is what the record takes of the buffer.
func (e *pending) cost() int64 { return int64(recordOverhead + e.stored() + len(e.ExplicitHashKey)) }

// stored is what the record counts for as a plain stored record.
func (e *pending) stored() int { return len(e.Data) + len(e.PartitionKey) }

// needsDescription tells whether only some streams take the record.
func (e *pending) needsDescription() bool { return e.PartitionKey == "" || e.stored() > usualRecord }

// admissible tells whether the stream, as far as it is known, will take the record, and reads its explicit hash key.
func (p *Producer) admissible(e *pending) error {
	d := p.description.Load()
	if d == nil {
		d = &usualStream
	}
	if err := d.admits(e); err != nil {
		return err
	}
	if e.cost() > int64(p.cfg.maxBuffered) {
		return fmt.Errorf("%w: %d bytes of a buffer of %d; split it, or raise WithMaxBuffered", ErrTooLarge, e.cost(), p.cfg.maxBuffered)
	}
	r := e.Record
	if r.PartitionKey == "" {
		r.PartitionKey = "any"
	}
	if err := r.Validate(); err != nil {
		return errors.Unwrap(err) // which record it is about is said here, too
	}
	if !e.unhashed() && e.PartitionKey != "" {
		e.key, _ = hashkey.Parse(e.ExplicitHashKey)
	}
	return nil
}

// unhashed tells whether the hash key of the record is the MD5 of its partition key, which is computed for many at once.
func (e *pending) unhashed() bool { return e.ExplicitHashKey == "" && e.PartitionKey != "" }

// admits tells whether a stream takes the record, its keys' syntax aside.
func (d *description) admits(e *pending) error {
	switch {
	case e.PartitionKey == "" && !d.serviceManaged:
		return fmt.Errorf("%w: it is empty, and only service-managed streams take that", aggregator.ErrPartitionKey)
	case e.stored() > d.maxRecord:
		return fmt.Errorf("%w: %d bytes of data and partition key, the stream takes %d; split it, or raise the limit of the stream", ErrTooLarge, e.stored(), d.maxRecord)
	}
	return nil
}
