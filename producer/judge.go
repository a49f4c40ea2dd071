package producer

import (
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/aws/smithy-go"

	"github.com/kplkit/kplkit/seqnum"
)

// landing is an aggregate that is stored in another shard than expected, by its id or its birth, and waits for a listing.
type landing struct {
	*stored
	shardID, sequenceNumber string
	needs                   int // the first listing that began after it landed
}

// ErrWrongShard is why an aggregate is put again that is stored: see Try.Err.
var ErrWrongShard = errors.New("its aggregate is stored in a shard where not all of it belongs")

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
	l.observe(b, len(failed))
}

func (l *loop) observe(b *batch, failed int) {
	a := Attempt{StoredRecords: len(b.stored), Bytes: b.bytes, Failed: failed, Latency: b.latency, Err: b.err}
	for _, s := range b.stored {
		a.UserRecords += len(s.records)
	}
	l.cfg.observer.Attempt(a)
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
// its user records belong. Of another shard than the expected one that is known only after a look at the stream that
// began later.
func (l *loop) landed(x landing) {
	n := x.lane
	n.failures = 0
	elsewhere := n.id != "" && (x.shardID != n.id || x.marked && !n.gave(x.sequenceNumber))
	switch {
	case elsewhere && l.aborted && x.marked:
		l.land(x.stored)
		l.fail(x.records, ErrClosed, ErrWrongShard)
		return
	case elsewhere && !n.retired:
		l.lister.wanted = true
	}
	if elsewhere && x.marked {
		x.needs = l.lister.started + 1
		l.landings = append(l.landings, x)
		l.lister.wanted = true
		return
	}
	l.acknowledge(x)
}

// judge decides on an aggregate that landed elsewhere: all of it is acknowledged, or all of it sent again.
func (l *loop) judge(now time.Time, x landing) {
	if l.shards != nil {
		found, known := l.shards.all[x.shardID]
		if known && found.gave(x.sequenceNumber) && !slices.ContainsFunc(x.records, func(e *pending) bool { return !found.keys.Contains(e.key) }) {
			l.acknowledge(x)
			return
		}
	}
	l.land(x.stored)
	for _, e := range x.records {
		e.misfits++
		e.tries.err = ErrWrongShard // no other stored record shares it
	}
	rest := l.failExpired(now, x.records, ErrWrongShard)
	if len(rest) > 0 {
		l.cfg.observer.Retry(WrongShard, len(rest))
		l.requeue(rest)
	}
}

func (l *loop) acknowledge(x landing) {
	l.land(x.stored)
	number, _ := seqnum.Parse(x.sequenceNumber) // if it is none, no Kinesis wrote it: there is no position
	l.settle(&outcome{records: x.records, shardID: x.shardID, number: number})
}

// land takes note that a stored record is no longer under way.
func (l *loop) land(s *stored) {
	n := s.lane
	n.flying--
	if n.retired && n.flying == 0 {
		l.retired = slices.DeleteFunc(l.retired, func(r *lane) bool { return r == n })
	}
}

// refused sends a stored record again, if that may help. own says that the refusal is not another one's fault.
func (l *loop) refused(now time.Time, s *stored, err error, own bool) {
	l.land(s)
	why := classify(err)
	switch {
	case l.aborted:
		l.fail(s.records, ErrClosed, err)
		return
	case why == permanent:
		l.fail(s.records, ErrUnusable, err)
		return
	case why == Throttled && l.cfg.failThrottled:
		l.fail(s.records, ErrThrottled, err)
		return
	case why.asWhole() && own && len(s.records) == 1:
		l.fail(s.records, ErrRefused, err)
		return
	}
	n := s.lane
	for _, e := range s.records {
		e.last = err
	}
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
	l.cfg.observer.Retry(why, len(rest))
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
