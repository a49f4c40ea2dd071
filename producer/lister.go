package producer

import (
	"log/slog"
	"slices"
	"time"
)

// Pauses between looks at the stream.
const (
	listPause      = 500 * time.Millisecond // at least, whatever speaks for another look
	longestPause   = 5 * time.Second        // while it fails
	forbiddenPause = 30 * time.Second       // while it is not allowed
)

// Deadlines of a look at the stream. What it waits for: aggregates in a wrong shard, and records of a new Producer, which
// go plain meanwhile. The description is worth less of it, since there is a usual one.
const (
	describeTimeout = 3 * time.Second
	listTimeout     = 10 * time.Second
)

// lister is when the stream is looked at.
type lister struct {
	started int  // listings so far; one at a time
	running bool // the last one
	wanted  bool // something speaks for another one
	ended   time.Time
	pause   time.Duration
}

// hasLooked tells whether a listing has ended, in whatever way.
func (r *lister) hasLooked() bool { return !r.ended.IsZero() }

// list starts a listing if it is time to, and returns when it is else.
func (l *loop) list(now time.Time) time.Time {
	r := &l.lister
	never := now.Add(time.Hour)
	if r.running || l.in.aborted || l.in.closed && l.held == 0 {
		return never
	}
	next := r.ended.Add(max(r.pause, l.p.cfg.relisted))
	if r.wanted {
		next = r.ended.Add(r.pause)
	}
	if now.Before(next) {
		return next
	}
	r.started++
	r.running, r.wanted = true, false
	go l.p.look()
	return never
}

// learn goes by what a listing brought.
func (l *loop) learn(now time.Time, found *listing) {
	r := &l.lister
	r.running, r.ended = false, now
	stream, shards := l.stream, l.shards
	if found.description != nil {
		stream = *found.description
	}
	switch {
	case found.err == nil:
		if shards = found.shards; found.description != nil {
			r.pause = listPause
		} else { // records may wait for it
			r.pause, r.wanted = min(2*r.pause, longestPause), true
		}
	case found.forbidden:
		if r.pause != forbiddenPause {
			l.p.cfg.logger.Warn("producer: can't list the shards, so nothing is aggregated", slog.String("stream", l.p.cfg.stream), slog.Any("error", found.err))
		}
		r.pause, shards = forbiddenPause, nil
	default:
		r.pause, r.wanted = min(2*r.pause, longestPause), true
		if found.gone {
			shards = nil
		}
	}
	l.arrange(stream, shards)
	if found.description != nil && l.p.description.Swap(found.description) == nil {
		close(l.p.described) // only now: a record that waited for it must find the loop knowing it, too
	}
	l.judgeAll(now, found.err == nil || found.forbidden || found.gone)
}

// judgeAll judges what landed before the listing began; without one, it fails what is too old.
func (l *loop) judgeAll(now time.Time, listed bool) {
	unjudged := l.unjudged
	l.unjudged = nil
	for _, x := range unjudged {
		tooOld := l.tooOld(now, x.stored.records[len(x.stored.records)-1]) // the youngest
		switch {
		case listed && x.needs <= l.lister.started:
			l.judge(now, x)
		case !listed && tooOld:
			l.freeLane(x.stored)
			l.failExpired(now, x.stored.records, ErrWrongShard)
		default:
			l.unjudged = append(l.unjudged, x)
			l.lister.wanted = true
		}
	}
}

// arrange makes the lanes those of the stream as it is known now, and moves what waits in others.
func (l *loop) arrange(stream description, shards *shardMap) {
	same := stream == l.stream && (!stream.serviceManaged || shards.count() == l.shards.count()) // else its rates are others
	l.stream, l.shards = stream, shards
	open := []shard{{keys: allKeys}}
	if shards != nil && !stream.serviceManaged {
		open = shards.open
	}
	if same && slices.EqualFunc(l.lanes, open, func(n *lane, s shard) bool { return n.shard == s }) {
		return
	}
	old := map[shard]*lane{}
	if same {
		for _, n := range l.lanes {
			old[n.shard] = n
		}
	}
	before, shares := l.lanes, make([]*share, len(open))
	l.lanes = make([]*lane, len(open))
	for i, s := range open {
		if l.lanes[i] = old[s]; l.lanes[i] == nil {
			l.lanes[i] = l.newLane(s)
		}
		shares[i] = l.lanes[i].share
	}
	kept := map[*lane]bool{}
	for _, n := range l.lanes {
		kept[n] = true
	}
	gone := slices.DeleteFunc(before, func(n *lane) bool { return kept[n] })
	for _, g := range gone {
		for _, n := range l.overlapping(g) {
			if old[n.shard] == nil {
				n.share.former = append(n.share.former, g.share)
			}
		}
	}
	l.p.gate.arrange(shards, shares)
	l.retire(gone)
}

// retire takes lanes out of use.
func (l *loop) retire(lanes []*lane) {
	var moved []*pending
	for _, n := range lanes {
		moved = append(moved, n.takeUnsent()...)
		if n.retired = true; n.flying > 0 {
			l.retired[n] = true
		}
	}
	l.block()
	l.schedule.change(lanes...)
	l.schedule.change(l.lanes...) // what is retired may block them
	l.requeue(moved)
}

// block counts for each lane the retired ones that it has to wait for. There may be thousands of both, and each of them has a few of
// the others.
func (l *loop) block() {
	for _, n := range l.lanes {
		n.before = 0
	}
	for r := range l.retired {
		for _, n := range l.overlapping(r) {
			n.before++
		}
	}
}

// unblock counts one less, of which nothing is under way any more.
func (l *loop) unblock(r *lane) {
	overlapping := l.overlapping(r)
	for _, n := range overlapping {
		n.before--
	}
	l.schedule.change(overlapping...)
}
