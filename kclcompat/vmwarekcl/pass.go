package vmwarekcl

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/smithy-go/middleware"
	chk "github.com/vmware/vmware-go-kcl-v2/clientlibrary/checkpoint"
)

// vmware's event loop sleeps for ShardSyncIntervalMillis, lists the shards, reads each lease that it does not hold, twice, and
// takes one. Here it goes round in short ticks that find in memory what they ask for. What they find comes from listings,
// one per ShardSyncIntervalMillis as configured, and from surveys of the lease table, one Scan each. In every tick one lease
// is taken, as long as the survey has found some due.

// loop is what the event loop works with. It is guarded by Checkpointer.mu; the event loop alone changes it.
type loop struct {
	on         bool          // vmware's client is answered by answerLoop
	sync       time.Duration // how often the shards are listed
	began      time.Time     // when the worker was started
	relist     bool          // a shard has ended here: it may have children
	nextList   time.Time
	lastSurvey time.Time
	nextSurvey time.Time
	warned     time.Time // that the table can't be surveyed
	view       *view
}

// view is the lease table as a survey has found it.
type view struct {
	read      time.Time       // when the last page was there
	leases    map[string]item // of the shards that the stream lists
	due       map[string]bool // leases to be taken, and whether they count for left
	left      int             // so many may be taken before the next survey
	wasTried  bool            // one of them, since the last tick
	free      bool            // some lease is
	decided   bool            // whether to steal
	quickTick bool
}

// quickTick is the event loop's pause while leases are due.
const quickTick = 10 * time.Millisecond

// tick is the event loop's pause otherwise.
func (c *Checkpointer) tick() time.Duration {
	return min(max(c.failover()/32, quickTick), time.Second, c.loop.sync)
}

// round is the least time between two surveys: so long others have to show themselves before this worker takes more.
func (c *Checkpointer) round() time.Duration { return max(c.failover()/32, quickTick) }

// surveyInterval is the time between two surveys while nothing is due, and others hold leases.
func (c *Checkpointer) surveyInterval() time.Duration {
	return min(c.failover()/2, max(c.loop.sync, c.failover()/8))
}

// claimInterval is the time between two surveys while this worker waits for a lease that it has claimed.
func (c *Checkpointer) claimInterval() time.Duration { return c.failover() / 8 }

// inside marks the context of a call to Kinesis, so that one which is made for another is told from the event loop's.
type inside struct{}

// answerLoop is the option of the Kinesis client that answers the ListShards of vmware's event loop.
func (c *Checkpointer) answerLoop(o *kinesis.Options) {
	c.loop.on = true
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("kplkit pass",
			func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (out middleware.InitializeOutput, md middleware.Metadata, err error) {
				if _, ok := in.Parameters.(*kinesis.ListShardsInput); !ok || ctx.Value(inside{}) != nil {
					return next.HandleInitialize(context.WithValue(ctx, inside{}, true), in)
				}
				if err := c.pass(); err != nil {
					return out, md, err
				}
				c.mu.Lock()
				defer c.mu.Unlock()
				out.Result = &kinesis.ListShardsOutput{Shards: c.listing.answer}
				return out, md, nil
			}), middleware.Before)
	})
}

// pass is what happens at the beginning of a tick. It returns an error as long as the shards were never listed.
func (c *Checkpointer) pass() error {
	if c.running.Err() != nil {
		return nil
	}
	ctx, cancel := c.patience()
	defer cancel()
	if err := c.listInTime(ctx); err != nil {
		c.pause(max(c.tick(), time.Second))
		return err
	}
	c.mu.Lock()
	now := time.Now()
	due := !now.Before(c.loop.nextSurvey) && now.Sub(c.loop.lastSurvey) >= c.round()
	c.mu.Unlock()
	if due {
		c.survey(ctx)
	}
	c.mu.Lock()
	v := c.loop.view
	busy := v != nil && v.offers()
	c.mu.Unlock()
	if busy {
		c.pause(quickTick)
	} else {
		c.pause(c.tick())
	}
	return nil
}

// pause sets how long vmware's event loop sleeps next. It is the loop that calls, and that reads it.
func (c *Checkpointer) pause(d time.Duration) {
	c.cfg.ShardSyncIntervalMillis = max(1, int(d/time.Millisecond))
}

// offers reports whether leases are due. Some that vmware has not tried in a whole tick it will not try in the next.
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

// listInTime lists the shards if that is due. As long as that fails, those known so far stand.
func (c *Checkpointer) listInTime(ctx context.Context) error {
	c.mu.Lock()
	now := time.Now()
	last := c.listing
	due := !now.Before(c.loop.nextList) || c.loop.relist && now.Sub(last.began) >= c.round()
	c.mu.Unlock()
	if !due {
		return nil
	}
	shards, err := c.list(ctx, now)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err == nil:
		c.loop.relist, c.loop.nextList = false, now.Add(c.loop.sync)
		for id, shard := range shards {
			if known := last.shards[id]; known.start != shard.start { // a new one, or one of a stream made anew
				c.loop.nextSurvey = time.Time{}
			}
		}
		return nil
	case c.running.Err() != nil:
		return nil // the stop has ended the call
	case last.shards == nil:
		return err
	}
	c.loop.nextList = now.Add(min(c.loop.sync, c.failover()/2))
	c.cfg.Logger.Warnf("kplkit: %v; those known so far stand", err)
	return nil
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
	defer c.mu.Unlock()
	c.loop.lastSurvey = began
	if err != nil {
		c.loop.nextSurvey = began.Add(c.failover() / 16)
		if c.loop.view != nil {
			c.loop.view.due = nil
		}
		if began.Sub(c.loop.warned) >= time.Minute && c.running.Err() == nil {
			c.loop.warned = began
			c.cfg.Logger.Warnf("kplkit: %v; until that succeeds, no lease is acquired", err)
		}
		return
	}
	c.loop.view, c.loop.warned = v, time.Time{}
	c.loop.nextSurvey = c.choose(v)
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
		v.due, c.loop.nextSurvey = nil, time.Now().Add(c.failover()/16)
	}
}
