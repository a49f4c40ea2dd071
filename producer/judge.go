package producer

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/aws/smithy-go"

	"github.com/kplkit/kplkit/seqnum"
)

// landing is where the service stored a stored record.
type landing struct {
	stored                  *stored
	shardID, sequenceNumber string
	needs                   int // if it is unjudged: the first listing that began after it landed
}

// answered looks at the answer to a request.
func (l *loop) answered(now time.Time, b *batch) {
	l.inFlight--
	l.learnSize(b)
	b.note()
	var failed []int
	for i, s := range b.stored {
		if b.refusal(i) != nil {
			failed = append(failed, i)
		} else {
			r := b.out.Records[i]
			l.landed(landing{stored: s, shardID: deref(r.ShardId), sequenceNumber: deref(r.SequenceNumber)})
		}
	}
	slices.Reverse(failed) // each goes in front of its lane
	for _, i := range failed {
		l.refused(now, b.stored[i], b.refusal(i), len(b.stored) == 1 || b.err == nil)
	}
	if isGone(b.err) { // if it comes again, it is another stream
		l.arrange(l.stream, nil)
		l.lister.wanted = true
	}
	l.traceAttempt(b, len(failed))
}

func (l *loop) traceAttempt(b *batch, failed int) {
	if l.p.cfg.trace.Attempt == nil {
		return
	}
	a := Attempt{StoredRecords: len(b.stored), Bytes: b.bytes, Failed: failed, Latency: b.latency, Err: b.err}
	for _, s := range b.stored {
		a.UserRecords += len(s.records)
	}
	defer l.p.logPanic("Trace.Attempt")
	l.p.cfg.trace.Attempt(a)
}

func (l *loop) traceRetry(why Reason, userRecords int) {
	if l.p.cfg.trace.Retry == nil {
		return
	}
	defer l.p.logPanic("Trace.Retry")
	l.p.cfg.trace.Retry(why, userRecords)
}

// refusal is why the i-th stored record is not stored, as far as is known, or nil.
func (b *batch) refusal(i int) error {
	switch {
	case b.err != nil:
		return b.err
	case b.out == nil || len(b.out.Records) != len(b.stored):
		return errNoAnswer
	}
	r := b.out.Records[i]
	if code := deref(r.ErrorCode); code != "" {
		return &smithy.GenericAPIError{Code: code, Message: deref(r.ErrorMessage)}
	}
	if deref(r.SequenceNumber) == "" {
		return errNoAnswer
	}
	return nil
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// landed acknowledges what is stored where it belongs: a plain record everywhere, an aggregate under the mark where all
// its user records belong. Of another shard than the expected one, by its id or its birth, that is known only after a look
// at the stream that began later: until then the landing is unjudged.
func (l *loop) landed(x landing) {
	n := x.stored.lane
	n.failures, n.refusal = 0, nil
	elsewhere := n.id != "" && (x.shardID != n.id || x.stored.marked && !n.gave(x.sequenceNumber))
	switch {
	case elsewhere && l.in.aborted && x.stored.marked:
		l.freeLane(x.stored)
		l.giveUpOn(n, x.stored.records, ErrWrongShard)
		return
	case elsewhere && !n.retired:
		l.lister.wanted = true
	}
	if elsewhere && x.stored.marked {
		x.needs = l.lister.started + 1
		l.unjudged = append(l.unjudged, x)
		l.lister.wanted = true
		return
	}
	l.acknowledge(x)
}

// judge decides on an unjudged aggregate: all of it is acknowledged, or all of it sent again.
func (l *loop) judge(now time.Time, x landing) {
	if l.shards != nil {
		found, known := l.shards.all[x.shardID]
		if known && found.gave(x.sequenceNumber) && !slices.ContainsFunc(x.stored.records, func(e *pending) bool { return !found.keys.Contains(e.key) }) {
			l.acknowledge(x)
			return
		}
	}
	l.freeLane(x.stored)
	for _, e := range x.stored.records {
		e.misfits++
		e.tries.err = ErrWrongShard // no other stored record shares it
	}
	rest := l.failExpired(now, x.stored.records, ErrWrongShard)
	if len(rest) > 0 {
		l.traceRetry(WrongShard, len(rest))
		l.requeue(rest)
	}
}

func (l *loop) acknowledge(x landing) {
	l.freeLane(x.stored)
	number, _ := seqnum.Parse(x.sequenceNumber) // if it is none, no Kinesis wrote it: there is no position
	l.settle(&outcome{records: x.stored.records, shardID: x.shardID, number: number})
}

// freeLane takes note that a stored record is no longer under way.
func (l *loop) freeLane(s *stored) {
	n := s.lane
	n.flying--
	l.schedule.change(n)
	if n.retired && n.flying == 0 {
		delete(l.retired, n)
		l.unblock(n)
	}
}

// refused sends a stored record again, if that may help. own says that the refusal is not another one's fault.
func (l *loop) refused(now time.Time, s *stored, err error, own bool) {
	l.freeLane(s)
	why := classify(err)
	switch {
	case l.in.aborted:
		l.giveUpOn(s.lane, s.records, err)
		return
	case why == permanent:
		l.fail(s.records, newRefused(err, true))
		return
	case why == Throttled && l.p.cfg.failThrottled:
		l.fail(s.records, fmt.Errorf("%w: %w; slow down, then put it again", ErrThrottled, err))
		return
	case why.asWhole() && own && len(s.records) == 1:
		l.fail(s.records, newRefused(err, false))
		return
	}
	n := s.lane
	apart := why.asWhole() && own // an aggregate: what the stream does not take as a whole, it may take one by one
	if apart {
		for _, e := range s.records {
			e.misfits = maxMisfits
		}
	}
	if why == Isolated {
		s.alone = true
		l.lister.wanted = true // the stream may take less than it did
	} else if !now.Before(n.notBefore) { // else another one of this answer has set it
		n.notBefore = now.Add(l.backoff(n.failures))
		n.failures++
		n.refusal = err
	}
	rest := l.failExpired(now, s.records, err)
	switch {
	case len(rest) == 0:
		return
	case n.retired || apart || len(rest) < len(s.records):
		l.requeue(rest)
	default:
		n.waiting = slices.Insert(n.waiting, 0, s)
		n.bytes += s.size()
	}
	l.traceRetry(why, len(rest))
}

// backoff is how long a shard is left alone after so many failures in a row: up to 100 ms, then up to twice as long
// each time, up to 2 s.
func (l *loop) backoff(failures int) time.Duration {
	return jitter(l.rnd, min(100*time.Millisecond<<min(failures, 10), 2*time.Second))
}

// jitter returns a half to all of d.
func jitter(rnd *rand.Rand, d time.Duration) time.Duration {
	return d/2 + time.Duration(rnd.Int64N(int64(d/2)+1))
}
