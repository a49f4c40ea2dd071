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
	due       map[string]bool // leases to be taken, and whether they count for left
	left      int             // so many of those that count may be taken before the next survey
	wasTried  bool            // one of them, since the last tick
	free      bool            // some lease is, so nothing is to be stolen
	decided   bool            // vmware has been asked, after this survey, whether to steal
	quickTick bool            // leases were offered to vmware in the last tick
}

// offers reports whether leases are due, once a tick. It drops those of which vmware has tried none in a whole tick: it will
// not try them in the next one. The caller holds Checkpointer.mu.
func (v *view) offers() bool {
	if !v.wasTried && v.quickTick {
		v.due = nil
	}
	v.wasTried, v.quickTick = false, false
	for _, counts := range v.due {
		if !counts || v.left > 0 {
			v.quickTick = true
		}
	}
	return v.quickTick
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
	c.mu.Lock()
	c.loop.lastSurvey = began
	warn := err != nil && began.Sub(c.loop.warned) >= time.Minute && c.running.Err() == nil
	switch {
	case err == nil:
		c.loop.view, c.loop.warned = v, time.Time{}
		c.loop.nextSurvey = c.choose(v)
	case warn:
		c.loop.warned = began
		fallthrough
	default:
		c.surveySoon()
	}
	c.mu.Unlock()
	if warn {
		c.cfg.Logger.Warnf("kplkit: %v; until that succeeds, no lease is acquired", err)
	}
}

// surveySoon lets nothing be due before the next survey, in a moment. The caller holds c.mu.
func (c *Checkpointer) surveySoon() {
	if c.loop.view != nil {
		c.loop.view.due = nil
	}
	c.loop.nextSurvey = time.Now().Add(c.failover() / 16)
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
	bad, other, warn := c.checkItem(shardID, it), "", false
	if bad == nil {
		other = c.checkStream(ctx, shardID, it, v.read)
	}
	c.with(shardID, func(s *shardState) {
		if s.bad, s.other = bad != nil, other != ""; s.bad {
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
	counts, due := v.due[shardID]
	if !due || counts && v.left <= 0 {
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
		v.left--
	}
	v.wasTried = true
	delete(v.due, shardID)
	if err != nil && !errors.As(err, &chk.ErrLeaseNotAcquired{}) {
		c.surveySoon()
	}
}
