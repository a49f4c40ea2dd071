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

// nextTick reports whether leases are offered in this tick. The caller holds Checkpointer.mu.
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
func (c *Checkpointer) survey(ctx context.Context) {
	began := time.Now()
	v := &view{leases: map[string]item{}}
	shards := c.shardsKnown()
	err := c.table.scan(ctx, func(it item) {
		id := it.text(chk.LeaseKeyKey)
		if _, ok := shards[id]; ok {
			v.leases[id] = it
		}
	})
	v.read = time.Now()
	if err == nil {
		for id := range shards {
			c.judge(ctx, id, v)
		}
	}
	if c.seldom(&c.loop.warnedSurvey, err) {
		c.cfg.Logger.Warnf("kplkit: %v; until that succeeds, no lease is acquired", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.loop.lastSurvey = began
	if err != nil {
		c.pauseOffers()
		return
	}
	if !c.loop.troubled {
		c.loop.trouble = 0
	}
	c.loop.view, c.loop.troubled = v, false
	c.surveyBy(c.choose(v))
}

// pauseOffers lets nothing be due after an error of DynamoDB, until the next survey, in a moment. The caller holds c.mu.
func (c *Checkpointer) pauseOffers() {
	if c.loop.view != nil {
		c.loop.view.due = nil
	}
	c.haveTrouble()
	c.surveyBy(time.Now().Add(c.round()))
}

// haveTrouble has the next surveys come later. The caller holds c.mu.
func (c *Checkpointer) haveTrouble() { c.loop.trouble, c.loop.troubled = c.loop.trouble+1, true }

// surveyBy has the next survey at a time, unless it is to come earlier. The caller holds c.mu.
func (c *Checkpointer) surveyBy(t time.Time) {
	if t.Before(c.loop.nextSurvey) {
		c.loop.nextSurvey = t
	}
}

// judge takes in how a lease stands that this worker does not hold.
func (c *Checkpointer) judge(ctx context.Context, shardID string, v *view) {
	held := false
	c.with(shardID, func(s *shardState) { held = s.current() != nil })
	if held {
		return
	}
	it := v.leases[shardID]
	c.sight(shardID, it, v.read)
	bad, why, known, warn := c.checkItem(shardID, it), "", true, false
	if bad == nil {
		why, known = c.checkStream(ctx, shardID, it, v.read)
	}
	c.with(shardID, func(s *shardState) {
		s.unclear = bad != nil || !known
		if s.other = why != ""; bad != nil {
			warn, s.warned = s.warned != bad.Error(), bad.Error()
		}
	})
	if warn {
		c.cfg.Logger.Warnf("kplkit: %v", bad)
	}
}

// look makes the next tick a survey; with ended it lists the shards before: one has ended, and may have children.
func (c *Checkpointer) look(ended bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.loop.nextSurvey, c.loop.relist = time.Time{}, c.loop.relist || ended
}

// shardsKnown returns the shards of the newest listing, however old.
func (c *Checkpointer) shardsKnown() map[string]listedShard {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.listing.shards
}

// surveyed returns a lease as the last survey has found it, nil if it has not.
func (c *Checkpointer) surveyed(shardID string) item {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.loop.view == nil {
		return nil
	}
	return c.loop.view.leases[shardID]
}

// offer returns a lease that is due, and when it was read.
func (c *Checkpointer) offer(shardID string) (it item, read time.Time, due bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v := c.loop.view
	if v == nil {
		return nil, read, false
	}
	if !v.offers(shardID) {
		return nil, read, false
	}
	return v.leases[shardID], v.read, true
}

// tried notes that an offered lease was tried. After an error of DynamoDB none is, for a moment.
func (c *Checkpointer) tried(shardID string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v := c.loop.view
	if v == nil {
		return
	}
	if v.due[shardID] && err == nil {
		v.allowance--
	}
	v.untried = 0
	delete(v.due, shardID)
	if err != nil && !errors.As(err, &chk.ErrLeaseNotAcquired{}) {
		c.pauseOffers()
	}
}
