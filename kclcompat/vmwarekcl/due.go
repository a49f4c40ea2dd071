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
// The caller holds lt.mu.
func (lt *leaseTable) choose(v *view) (next time.Time) {
	now := time.Now()
	free, held, available, wake := lt.candidates(v, now)
	live := lt.live(v, now)
	share := (available + live - 1) / live
	settled := now.Sub(lt.loop.began) > lt.settling()
	v.due, v.anyFree = map[string]bool{}, len(free) > 0
	if v.allowance = min(max(1, held), share-held); v.allowance <= 0 {
		v.allowance = 1
	}
	for _, f := range free {
		ready := f.since
		switch {
		case held >= lt.cfg.MaxLeasesForWorker:
			continue
		case f.own:
		case held >= share:
			ready = f.since.Add(lt.failover())
		case !f.givenBack.IsZero():
		case f.used && settled:
			ready = f.since.Add(lt.courtesy())
		}
		if rested := f.givenBack.Add(lt.rest()); !f.givenBack.IsZero() && ready.Before(rested) {
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
		return now.Add(lt.round())
	case !wake.IsZero():
		next = earlier(wake, now.Add(lt.surveyInterval()))
	case available > held:
		next = now.Add(lt.surveyInterval())
	default:
		return now.Add(lt.idleInterval())
	}
	if lt.claims(v) {
		next = earlier(next, now.Add(lt.claimInterval()))
	}
	return next
}

// candidates returns the leases that nobody holds, how many this worker does, and how many shards there are that somebody
// can hold. watch is when to look again at one that will be free, or can be judged, then.
func (lt *leaseTable) candidates(v *view, now time.Time) (free []candidate, held, available int, watch time.Time) {
	for id, shard := range lt.listing.shards {
		s, it := lt.state(id), v.leases[id]
		switch {
		case s.current() != nil:
			held++
			available++
			continue
		case s.unclear, s.other && lt.newStream != StartAgain, !s.other && !s.suspect.IsZero():
			watch = earlier(watch, now.Add(lt.surveyInterval()))
			continue
		case !s.other && it.text(checkpointKey) == chk.ShardEnd, !lt.parentsFinished(v, shard):
			continue
		}
		available++
		since, own := lt.freeSince(s, it)
		if since.After(now) {
			watch = earlier(watch, since)
			continue
		}
		free = append(free, candidate{id, since, it.text(timeoutKey) != "", own, s.givenBack})
	}
	return free, held, available, watch
}

// parentsFinished reports whether a shard can be read: its parents, as far as the stream lists them, are finished.
func (lt *leaseTable) parentsFinished(v *view, shard listedShard) bool {
	for _, parent := range shard.parents {
		it := v.leases[parent]
		if it.text(checkpointKey) != chk.ShardEnd || lt.listing.shards[parent].otherThan(it) != "" {
			return false
		}
	}
	return true
}

// live returns how many workers hold leases, this one included in any case.
func (lt *leaseTable) live(v *view, now time.Time) int {
	workers := map[string]bool{lt.cfg.WorkerID: true}
	for id, it := range v.leases {
		owner, s := it.text(ownerKey), lt.state(id)
		if owner != "" && it.text(checkpointKey) != chk.ShardEnd && now.Sub(s.since) < lt.failover() && s.current() == nil {
			workers[owner] = true
		}
	}
	return len(workers)
}

// claims reports whether this worker waits for a lease that it has claimed.
func (lt *leaseTable) claims(v *view) bool {
	for _, it := range v.leases {
		if it.text(claimKey) == lt.cfg.WorkerID && it.text(checkpointKey) != chk.ShardEnd {
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
