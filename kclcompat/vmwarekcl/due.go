package vmwarekcl

import (
	"time"

	chk "github.com/vmware/vmware-go-kcl-v2/clientlibrary/checkpoint"
)

// candidate is a lease that nobody holds.
type candidate struct {
	shardID   string
	since     time.Time // nobody holds it
	used      bool      // somebody has held it before
	own       bool      // by its token or claim it is this worker's: nobody else is to take it
	givenBack time.Time // when this worker gave it back by itself
}

// choose decides which leases of a survey are due, and returns when to survey next. A worker takes
//
//   - what is its own at once: a lease that it could not renew and nobody has taken since, and one that it has claimed;
//   - up to its share of all shards, at most as many at a time as it holds already, so that workers that start together
//     see each other. One that has run for a while leaves a lease that another one had for half a failover time to
//     one that has just started: most likely in its place;
//   - beyond its share, one by one, what nobody has taken for a failover time.
//
// What it has given back itself rests for an eighth of a failover time first. Where it has as many leases as it may, nothing
// is due.
//
// The caller holds c.mu.
func (c *Checkpointer) choose(v *view) (next time.Time) {
	now := time.Now()
	free, held, available, wake := c.candidates(v, now)
	live := c.live(v, now)
	share := (available + live - 1) / live
	settled := now.Sub(c.loop.began) > c.settling()
	v.due, v.anyFree = map[string]bool{}, len(free) > 0
	if v.allowance = min(max(1, held), share-held); v.allowance <= 0 {
		v.allowance = 1
	}
	for _, f := range free {
		ready := f.since
		switch {
		case held >= c.cfg.MaxLeasesForWorker:
			continue
		case f.own:
		case held >= share:
			ready = f.since.Add(c.failover())
		case !f.givenBack.IsZero():
		case f.used && settled:
			ready = f.since.Add(c.courtesy())
		}
		if rested := f.givenBack.Add(c.rest()); !f.givenBack.IsZero() && ready.Before(rested) {
			ready = rested
		}
		if ready.After(now) {
			wake = earlier(wake, ready)
			continue
		}
		v.due[f.shardID] = !f.own
	}
	switch {
	case len(v.due) > 0:
		return now.Add(c.round())
	case !wake.IsZero():
		next = earlier(wake, now.Add(c.surveyInterval()))
	case available > held:
		next = now.Add(c.surveyInterval())
	default:
		return now.Add(c.idleInterval())
	}
	if c.claims(v) {
		next = earlier(next, now.Add(c.claimInterval()))
	}
	return next
}

// candidates returns the leases that nobody holds, how many this worker does, and how many shards there are that somebody
// can hold. watch is when to look again at one that will be free, or can be judged, then.
func (c *Checkpointer) candidates(v *view, now time.Time) (free []candidate, held, available int, watch time.Time) {
	for id, shard := range c.listing.shards {
		s, it := c.state(id), v.leases[id]
		switch {
		case s.current() != nil:
			held++
			available++
			continue
		case s.unclear, s.other && c.newStream != StartAgain, !s.other && !s.suspect.IsZero():
			watch = earlier(watch, now.Add(c.surveyInterval()))
			continue
		case !s.other && it.text(chk.SequenceNumberKey) == chk.ShardEnd, !c.parentsFinished(v, shard):
			continue
		}
		available++
		since, own := c.freeSince(s, it)
		if since.After(now) {
			watch = earlier(watch, since)
			continue
		}
		free = append(free, candidate{id, since, it.text(chk.LeaseTimeoutKey) != "", own, s.givenBack})
	}
	return free, held, available, watch
}

// parentsFinished reports whether a shard can be read: its parents, as far as the stream lists them, are finished.
func (c *Checkpointer) parentsFinished(v *view, shard listedShard) bool {
	for _, parent := range shard.parents {
		it := v.leases[parent]
		if it.text(chk.SequenceNumberKey) != chk.ShardEnd || c.listing.shards[parent].otherThan(it) != "" {
			return false
		}
	}
	return true
}

// live returns how many workers hold leases, this one included in any case.
func (c *Checkpointer) live(v *view, now time.Time) int {
	workers := map[string]bool{c.cfg.WorkerID: true}
	for id, it := range v.leases {
		owner, s := it.text(chk.LeaseOwnerKey), c.state(id)
		if owner != "" && it.text(chk.SequenceNumberKey) != chk.ShardEnd && now.Sub(s.since) < c.failover() && s.current() == nil {
			workers[owner] = true
		}
	}
	return len(workers)
}

// claims reports whether this worker waits for a lease that it has claimed.
func (c *Checkpointer) claims(v *view) bool {
	for _, it := range v.leases {
		if it.text(chk.ClaimRequestKey) == c.cfg.WorkerID && it.text(chk.SequenceNumberKey) != chk.ShardEnd {
			return true
		}
	}
	return false
}

// earlier returns the earlier of two times, of which a is zero if there is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}
