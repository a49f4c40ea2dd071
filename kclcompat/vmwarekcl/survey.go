package vmwarekcl

import (
	"context"
	"errors"
	"time"

	chk "github.com/vmware/vmware-go-kcl-v2/clientlibrary/checkpoint"
)

// view is the lease table as a survey has found it.
type view struct {
	read      time.Time       // when the last page was there
	leases    map[string]item // of the shards that the stream lists
	due       map[string]bool // leases to be taken, and whether they count for the allowance
	allowance int             // so many of those that count may be taken before the next survey
	untried   int             // ticks since vmware has last tried one
	anyFree   bool            // some lease is free, so nothing is to be stolen
	decided   bool            // vmware has been asked, after this survey, whether to steal
}

// patient is after how many ticks without a try leases are no longer due: vmware has reasons of its own not to try them. It
// may list the shards, which is what counts as a tick, twice in one.
const patient = 4

// nextTick reports whether leases are offered in this tick. The caller holds leaseTable.mu.
func (v *view) nextTick() bool {
	if v == nil {
		return false
	}
	if v.untried++; v.untried > patient {
		v.due = nil
	}
	for id := range v.due {
		if v.offers(id) {
			return true
		}
	}
	return false
}

// offers reports whether a lease may be taken now.
func (v *view) offers(shardID string) bool {
	counts, due := v.due[shardID]
	return due && (!counts || v.allowance > 0)
}

// survey looks through the lease table and decides which leases are due. After an error nothing is, for a moment.
func (lt *leaseTable) survey(ctx context.Context) {
	began := time.Now()
	v := &view{leases: map[string]item{}}
	shards := lt.shardsKnown()
	err := lt.table.scan(ctx, func(it item) {
		id := it.text(shardKey)
		if _, ok := shards[id]; ok {
			v.leases[id] = it
		}
	})
	v.read = time.Now()
	if err == nil {
		for id := range shards {
			lt.judge(ctx, id, v)
		}
	}
	if lt.seldom(&lt.loop.warnedSurvey, err) {
		lt.cfg.Logger.Warnf("kplkit: %v; until that succeeds, no lease is acquired", err)
	}
	lt.mu.Lock()
	defer lt.mu.Unlock()
	lt.loop.lastSurvey = began
	if err != nil {
		lt.pauseOffers()
		return
	}
	if !lt.loop.troubled {
		lt.loop.trouble = 0
	}
	lt.loop.view, lt.loop.troubled = v, false
	lt.surveyBy(lt.choose(v))
}

// pauseOffers lets nothing be due after an error of DynamoDB, until the next survey, in a moment. The caller holds lt.mu.
func (lt *leaseTable) pauseOffers() {
	if lt.loop.view != nil {
		lt.loop.view.due = nil
	}
	lt.haveTrouble()
	lt.surveyBy(time.Now().Add(lt.round()))
}

// haveTrouble has the next surveys come later. The caller holds lt.mu.
func (lt *leaseTable) haveTrouble() { lt.loop.trouble, lt.loop.troubled = lt.loop.trouble+1, true }

// surveyBy has the next survey at a time, unless it is to come earlier. The caller holds lt.mu.
func (lt *leaseTable) surveyBy(t time.Time) {
	if t.Before(lt.loop.nextSurvey) {
		lt.loop.nextSurvey = t
	}
}

// judge takes in how a lease stands that this worker does not hold.
func (lt *leaseTable) judge(ctx context.Context, shardID string, v *view) {
	held := false
	lt.with(shardID, func(s *shardState) { held = s.current() != nil })
	if held {
		return
	}
	it := v.leases[shardID]
	lt.sight(shardID, it, v.read)
	bad, why, known, warn := lt.checkItem(shardID, it), "", true, false
	if bad == nil {
		why, known = lt.checkStream(ctx, shardID, it, v.read)
	}
	lt.with(shardID, func(s *shardState) {
		s.unclear = bad != nil || !known
		if s.other = why != ""; bad != nil {
			warn, s.warned = s.warned != bad.Error(), bad.Error()
		}
	})
	if warn {
		lt.cfg.Logger.Warnf("kplkit: %v", bad)
	}
}

// look makes the next tick a survey; with ended it lists the shards before: one has ended, and may have children.
func (lt *leaseTable) look(ended bool) {
	lt.mu.Lock()
	defer lt.mu.Unlock()
	lt.loop.nextSurvey, lt.loop.relist = time.Time{}, lt.loop.relist || ended
}

// shardsKnown returns the shards of the newest listing, however old.
func (lt *leaseTable) shardsKnown() map[string]listedShard {
	lt.mu.Lock()
	defer lt.mu.Unlock()
	return lt.listing.shards
}

// surveyed returns a lease as the last survey has found it, nil if it has not.
func (lt *leaseTable) surveyed(shardID string) item {
	lt.mu.Lock()
	defer lt.mu.Unlock()
	if lt.loop.view == nil {
		return nil
	}
	return lt.loop.view.leases[shardID]
}

// offer returns a lease that is due, and when it was read.
func (lt *leaseTable) offer(shardID string) (it item, read time.Time, due bool) {
	lt.mu.Lock()
	defer lt.mu.Unlock()
	v := lt.loop.view
	if v == nil {
		return nil, read, false
	}
	if !v.offers(shardID) {
		return nil, read, false
	}
	return v.leases[shardID], v.read, true
}

// tried notes that an offered lease was tried. After an error of DynamoDB none is, for a moment.
func (lt *leaseTable) tried(shardID string, err error) {
	lt.mu.Lock()
	defer lt.mu.Unlock()
	v := lt.loop.view
	if v == nil {
		return
	}
	if v.due[shardID] && err == nil {
		v.allowance--
	}
	v.untried = 0
	delete(v.due, shardID)
	if err != nil && !errors.As(err, &chk.ErrLeaseNotAcquired{}) {
		lt.pauseOffers()
	}
}
