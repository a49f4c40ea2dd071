package producer

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// laneVolume is how much of one shard is sent without waiting for more, since much at once gets throttled (as the
// KPL's collector does).
const laneVolume = 256 * kibibyte

// batch is a PutRecords request, and its answer.
type batch struct {
	stored  []*stored
	bytes   int
	timeout time.Duration
	began   time.Time
	latency time.Duration
	out     *kinesis.PutRecordsOutput
	err     error
}

// dispatch sends what is due.
func (l *loop) dispatch(now time.Time) {
	l.fresh.count, l.fresh.bytes = 0, 0
	for l.inFlight < l.p.cfg.maxInFlight {
		b := l.pick(now)
		if len(b.stored) == 0 {
			return
		}
		l.turn++
		l.inFlight++
		b.timeout = l.timeout(b.bytes, l.p.cfg.ttl-now.Sub(b.stored[0].records[0].arrived))
		for _, s := range b.stored {
			s.lane.flying++
			for _, e := range s.records {
				if e.attempts++; e.attempts == 1 {
					e.waited = now.Sub(e.arrived)
				}
			}
		}
		go l.p.request(b)
	}
}

// pick fills a batch if anything is due: then with all that may go, due or not.
func (l *loop) pick(now time.Time) *batch {
	b := &batch{}
	if !l.due(now) {
		return b
	}
	for i := range l.lanes {
		if n := l.lanes[(l.turn+i)%len(l.lanes)]; l.ready(n, now) {
			l.take(n, b, now)
		}
	}
	return b
}

// due tells whether something has waited long enough, or enough is waiting. While the shards are first listed nothing
// is enough: it would go plain, and in a moment it can be aggregated.
func (l *loop) due(now time.Time) (due bool) {
	count, bytes, listed := 0, 0, l.lister.hasLooked()
	for _, n := range l.lanes {
		if len(n.filling) > 0 && l.overdue(now, n.filling[0].arrived.Add(l.p.cfg.linger)) {
			n.close(l.p.cfg.linger)
		}
		if l.ready(n, now) {
			count += len(n.waiting)
			bytes += n.bytes
			due = due || l.overdue(now, n.waiting[0].due) || listed && n.bytes >= laneVolume
		}
	}
	return due || listed && (count >= l.p.cfg.maxBatchCount || bytes >= min(l.p.cfg.maxBatchBytes, l.carries))
}

// overdue tells whether what is due at an instant need not wait any more.
func (l *loop) overdue(now, due time.Time) bool {
	return (l.in.flushing > 0 || l.in.closed) && l.lister.hasLooked() || !now.Before(due)
}

// ready tells whether a lane may send, and has something to.
func (l *loop) ready(n *lane, now time.Time) bool {
	return len(n.waiting) > 0 && !now.Before(n.notBefore) && !l.blocked(n)
}

// blocked tells whether something of the same hash keys is under way. On a service-managed stream that does not
// matter.
func (l *loop) blocked(n *lane) bool {
	if n.anyShard {
		return false
	}
	for _, r := range l.retired {
		if n.overlaps(r) {
			return true
		}
	}
	return n.flying > 0
}

// take moves stored records from a lane into the batch, as many as fit.
func (l *loop) take(n *lane, b *batch, now time.Time) {
	for len(n.waiting) > 0 {
		s := n.waiting[0]
		if l.tooOld(now, s.records[0]) { // the first is the oldest
			l.requeue(l.failExpired(now, n.takeUnsent(), nil))
			continue
		}
		if !l.fits(b, s, now) {
			return
		}
		if wait := n.throttle(now, s.size()); wait > 0 {
			n.notBefore = now.Add(wait)
			if first := s.records[0]; first.attempts > 0 { // else it has an attempt yet, however late
				n.notBefore = earliest(n.notBefore, first.arrived.Add(l.p.cfg.ttl))
			}
			return
		}
		n.waiting[0] = nil
		n.waiting = n.waiting[1:]
		n.bytes -= s.size()
		b.stored = append(b.stored, s)
		b.bytes += s.size()
		if l.p.cfg.strictOrder && !n.anyShard {
			return
		}
	}
}

// fits tells whether a batch can take a stored record; an empty one takes any.
func (l *loop) fits(b *batch, s *stored, now time.Time) bool {
	if len(b.stored) == 0 {
		return true
	}
	most := min(l.p.cfg.maxBatchBytes, l.carries)
	if first := b.stored[0].records[0]; first.attempts == 0 && now.Sub(first.arrived) >= l.p.cfg.ttl && b.stored[0].lane.failures > 2 {
		most = l.p.cfg.maxBatchBytes // nothing arrives: the one attempt of each must not take as many requests as it has records
	}
	return len(b.stored) < l.p.cfg.maxBatchCount && b.bytes+s.size() <= most && !s.alone && !b.stored[0].alone
}

// nextDue is when a lane has something to send that nothing else would tell of.
func (l *loop) nextDue(now time.Time) time.Time {
	next := now.Add(time.Hour)
	for _, n := range l.lanes {
		if len(n.filling) > 0 {
			next = earliest(next, n.filling[0].arrived.Add(l.p.cfg.linger))
		}
		if len(n.waiting) == 0 || l.inFlight == l.p.cfg.maxInFlight || l.blocked(n) {
			continue
		}
		if at := n.waiting[0].due; at.After(n.notBefore) {
			next = earliest(next, at)
		} else {
			next = earliest(next, n.notBefore)
		}
	}
	return next
}

// request is one attempt: a goroutine of its own, which may be ended in the middle. Retrying is the loop's business,
// who knows what the SDK does not: the time to live, the other records, the shards.
func (p *Producer) request(b *batch) {
	b.began, b.err = time.Now(), errAborted
	defer func() { p.box.post(func(in *mail) { in.answers = append(in.answers, b) }) }()
	in := &kinesis.PutRecordsInput{Records: make([]types.PutRecordsRequestEntry, len(b.stored))}
	in.StreamName, in.StreamARN = p.cfg.streamRef()
	for i, s := range b.stored {
		in.Records[i] = types.PutRecordsRequestEntry{Data: s.data, PartitionKey: present(s.partitionKey), ExplicitHashKey: present(s.explicitHashKey)}
	}
	ctx, cancel := context.WithTimeout(p.ctx, b.timeout)
	defer cancel()
	out, err := p.api.PutRecords(ctx, in, func(o *kinesis.Options) { o.Retryer = aws.NopRetryer{} })
	b.out, b.err, b.latency = out, err, time.Since(b.began)
}

func present(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
