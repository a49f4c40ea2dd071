package producer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// giveUpOn gives records of a lane the result that Close had no time for them, and what they waited for, if that is known:
// why, or what they have met before. Those that were always tried together have met the same.
func (l *loop) giveUpOn(n *lane, records []*pending, why error) {
	l.failed += len(records)
	for len(records) > 0 {
		same := 1
		for same < len(records) && records[same].tries == records[0].tries {
			same++
		}
		l.fail(records[:same:same], givenUp(why, records[0].last(), n.refusal))
		records = records[same:]
	}
}

// givenUp is the error of a record that Close had no time for. That its last request was ended by Close counts for less than
// the error of the attempt before, and that of others for the same shard.
func givenUp(why, last, ofShard error) error {
	if errors.Is(why, context.Canceled) && (last != nil || ofShard != nil) {
		why = nil
	}
	switch cause := cmp.Or(why, last); {
	case cause != nil:
		return fmt.Errorf("%w; the last attempt: %w", errGivenUp, cause)
	case ofShard != nil:
		return fmt.Errorf("%w; the last attempt for its shard: %w", errGivenUp, ofShard)
	}
	return errGivenUp
}

func (l *loop) age(now time.Time, e *pending) time.Duration { return now.Sub(l.p.arrival(e)) }

// tooOld tells whether a record has had its time, and at least one attempt.
func (l *loop) tooOld(now time.Time, e *pending) bool {
	return e.attempts > 0 && l.age(now, e) >= l.p.cfg.ttl
}

// failExpired fails the records that are too old, and returns the others. why is what they waited for last, if that is
// not the error of their last attempt.
func (l *loop) failExpired(now time.Time, records []*pending, why error) (rest []*pending) {
	for i, e := range records {
		if !l.tooOld(now, e) {
			rest = append(rest, e)
			continue
		}
		l.fail(records[i:i+1], fmt.Errorf("%w: attempts: %d in %v, the first after %v in the buffer; the last one: %w; put it again if twice is better than never",
			ErrExpired, e.attempts, l.age(now, e).Round(time.Millisecond), l.p.waited(e).Round(time.Millisecond), cmp.Or(why, e.last(), errNextTurn)))
	}
	return rest
}

// giveUp fails all that is not under way. What is will follow: its requests are being ended.
func (l *loop) giveUp() {
	for _, n := range l.lanes {
		l.giveUpOn(n, n.takeUnsent(), nil)
		l.schedule.change(n)
	}
	for _, x := range l.unjudged {
		l.freeLane(x.stored)
		l.giveUpOn(x.stored.lane, x.stored.records, ErrWrongShard)
	}
	l.unjudged = nil
}
