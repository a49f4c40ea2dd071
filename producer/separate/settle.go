package separate

import (
	"errors"
	"fmt"
	"time"

	"github.com/kplkit/kplkit/producer"
)

// settle gives a record its result, unless it has one.
func (b *book) settle(id uint64, r producer.Result) (settled bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.open[id]
	if e == nil {
		b.stats.Ignored++
		return false
	}
	b.remove(e, r)
	return true
}

// remove takes a record out and has its result delivered. The lock is held.
func (b *book) remove(e *pending, r producer.Result) {
	delete(b.open, e.id)
	if e.prev == nil {
		b.first = e.next
	} else {
		e.prev.next = e.next
	}
	if e.next == nil {
		b.last = e.prev
	} else {
		e.next.prev = e.prev
	}
	if b.next == e {
		b.next = e.next
	}
	if r.Err == nil {
		b.grow(e.flow, e.cost)
	} else {
		r.Err = e.resulted(r.Err)
	}
	b.settled = append(b.settled, settlement{pending: e, result: r})
	b.passFlushes()
	signal(b.finished)
}

// passFlushes lets those calls of Flush go whose records all have a result, after the deliveries. The lock is held.
func (b *book) passFlushes() {
	for len(b.flushes) > 0 && (b.first == nil || b.first.id > b.flushes[0].id) {
		b.settled = append(b.settled, settlement{flush: b.flushes[0].done})
		b.flushes = b.flushes[1:]
	}
}

// flush returns what is closed when all records of now have been delivered.
func (b *book) flush() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := flush{b.id, make(chan struct{})}
	b.flushes = append(b.flushes, f)
	b.passFlushes()
	signal(b.finished)
	return f.done
}

// hurry has a flush sent after the records of now.
func (b *book) hurry() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.flushTo = b.id
	signal(b.unsent)
}

// errUnanswered is why a record expires that the child has not answered.
var errUnanswered = errors.New("the child has not said what became of it, so it may be stored all the same")

// expire gives up the records whose time is up, and returns when to look again.
func (b *book) expire(ttl time.Duration) (next time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	for b.first != nil && !b.first.deadline.After(now) {
		why := errUnanswered
		if !b.first.sent {
			why = errors.New("no child took it in this time")
		}
		if put := b.first.deadline.Add(-ttl); !b.heard.at.Before(put) {
			why = fmt.Errorf("%w; the last thing that was heard of the child: %s", why, b.heard.text)
		}
		b.remove(b.first, producer.Result{Err: fmt.Errorf("%w, %v: %w; put it again if twice is better than never", producer.ErrExpired, ttl, why)})
	}
	if b.first != nil {
		return b.first.deadline
	}
	return now.Add(ttl) // what comes later has that long
}

// fail gives all records an error, and takes no more. It returns how many they were.
func (b *book) fail(err error) (records int) {
	b.close(err)
	b.mu.Lock()
	defer b.mu.Unlock()
	for records = len(b.open); b.first != nil; {
		b.remove(b.first, producer.Result{Err: err})
	}
	return records
}

// take empties the list of settlements.
func (b *book) take() (settled []settlement) {
	b.mu.Lock()
	defer b.mu.Unlock()
	settled, b.settled = b.settled, nil
	return settled
}

// handBack leaves settlements to be delivered before the others.
func (b *book) handBack(settled []settlement) {
	if len(settled) == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.settled = append(settled, b.settled...)
	signal(b.finished)
}

// leave gives back the room of a record whose done has returned.
func (b *book) leave(e *pending) {
	b.mu.Lock()
	b.stats.Results++
	b.mu.Unlock()
	b.release(e)
}
