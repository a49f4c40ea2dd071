package producer

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/producer/aggregator"
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
		l.inFlight++
		b.timeout = l.timeout(b.bytes, l.p.cfg.ttl-l.age(now, b.stored[0].records[0]))
		go l.p.request(b)
	}
}

// pick fills a batch if anything is due, or enough waits: then with all that waits. If a lane's time has just come, all that
// is still being filled in others travels with it, the oldest first: else a trickle to many shards would be as many
// requests as records. As all begin to fill anew together then, their aggregates get no smaller. A lane that is late, since
// it was under way or had to rest, would cut them off at any time, so it has no such company.
func (l *loop) pick(now time.Time) *batch {
	b, all := &batch{}, false
	s := l.update(now)
	enough := l.enough()
	for n := s.ready.first(); n != nil && (all || l.overdue(now, n.spot.at)); n = s.ready.first() {
		all = all || !n.spot.late
		n.close()
		if !l.take(n, b, now) {
			return b
		}
		s = l.update(now)
	}
	for (enough || len(b.stored) > 0) && len(s.loaded) > 0 && l.take(s.loaded[0], b, now) {
		s = l.update(now)
	}
	return b
}

// enough tells whether enough waits. While the shards are first listed nothing is enough: it would go plain, and in a
// moment it can be aggregated.
func (l *loop) enough() bool {
	sum := l.schedule.sum
	return l.lister.hasLooked() && (sum.volumes > 0 || sum.count >= l.p.cfg.maxBatchCount || sum.bytes >= min(l.p.cfg.maxBatchBytes, l.carries))
}

// tick is the shortest time that the loop waits: what is due before it is over is due now.
const tick = time.Millisecond

// overdue tells whether what is due at an instant need not wait any more.
func (l *loop) overdue(now, due time.Time) bool {
	return (l.in.flushing > 0 || l.in.closed) && l.lister.hasLooked() || due.Sub(now) < tick
}

// blocked tells whether something of the same hash keys is under way. On a service-managed stream that does not
// matter.
func (n *lane) blocked() bool {
	return !n.anyShard && (n.flying > 0 || n.before > 0)
}

// take moves stored records from a lane into the batch, and reports false if that has no room for one.
func (l *loop) take(n *lane, b *batch, now time.Time) (fit bool) {
	l.schedule.change(n)
	for len(n.waiting) > 0 {
		s := n.waiting[0]
		if l.tooOld(now, s.records[0]) { // the first is the oldest
			l.requeue(l.failExpired(now, n.takeUnsent(), nil))
			continue
		}
		if !l.fits(b, s, now) {
			return false
		}
		if wait := n.throttle(now, s.size()); wait > 0 {
			n.notBefore = now.Add(wait)
			if first := s.records[0]; first.attempts > 0 { // else it has an attempt yet, however late
				n.notBefore = earliest(n.notBefore, l.p.arrival(first).Add(l.p.cfg.ttl))
			}
			return true
		}
		n.waiting[0] = nil
		n.waiting = n.waiting[1:]
		n.bytes -= s.size()
		n.flying++
		b.stored = append(b.stored, s)
		b.bytes += s.size()
		if l.p.cfg.strictOrder && !n.anyShard {
			return true
		}
	}
	return true
}

// fits tells whether a batch can take a stored record; an empty one takes any.
func (l *loop) fits(b *batch, s *stored, now time.Time) bool {
	if len(b.stored) == 0 {
		return true
	}
	most := min(l.p.cfg.maxBatchBytes, l.carries)
	if first := b.stored[0].records[0]; first.attempts == 0 && l.age(now, first) >= l.p.cfg.ttl && b.stored[0].lane.failures > 2 {
		most = l.p.cfg.maxBatchBytes // nothing arrives: the one attempt of each must not take as many requests as it has records
	}
	return len(b.stored) < l.p.cfg.maxBatchCount && b.bytes+s.size() <= most && !s.alone && !b.stored[0].alone
}

// nextDue is when a lane has something to send that nothing else would tell of.
func (l *loop) nextDue(now time.Time) time.Time {
	next, s := now.Add(time.Hour), l.update(now)
	if n := s.resting.first(); n != nil {
		next = earliest(next, n.spot.at)
	}
	if n := s.ready.first(); n != nil && l.inFlight < l.p.cfg.maxInFlight {
		next = earliest(next, n.spot.at)
	}
	return next
}

// request is one attempt: a goroutine of its own, which may be ended in the middle. Retrying is the loop's business,
// who knows what the SDK does not: the time to live, the other records, the shards.
func (p *Producer) request(b *batch) {
	b.began, b.err = time.Now(), errAborted
	defer func() { p.box.post(func(in *mail) { in.answers = append(in.answers, b) }) }()
	b.sum()
	in := &kinesis.PutRecordsInput{Records: make([]types.PutRecordsRequestEntry, len(b.stored))}
	in.StreamName, in.StreamARN = p.cfg.streamRef()
	for i, s := range b.stored {
		in.Records[i] = types.PutRecordsRequestEntry{Data: s.data, PartitionKey: present(s.partitionKey), ExplicitHashKey: present(s.explicitHashKey)}
	}
	ctx, cancel := context.WithTimeout(p.ctx, b.timeout)
	defer cancel()
	out, err := p.api.PutRecords(ctx, in, forOneAttempt)
	b.out, b.err, b.latency = out, err, time.Since(b.began)
}

// summers are of all producers.
var summers = sync.Pool{New: func() any { return &aggregator.Summer{} }}

// sum completes the aggregates of the batch: that takes much less time for many at once than for each.
func (b *batch) sum() {
	var aggregates [][]byte
	for _, s := range b.stored {
		if s.unsummed {
			aggregates = append(aggregates, s.data)
			s.unsummed = false
		}
	}
	summer := summers.Get().(*aggregator.Summer)
	summer.Sum(aggregates...)
	summers.Put(summer)
}

// forOneAttempt changes the options of a client for one PutRecords request.
func forOneAttempt(o *kinesis.Options) {
	o.Retryer = aws.NopRetryer{}
	setProtocol(o)
}

func present(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
