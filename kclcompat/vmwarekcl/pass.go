package vmwarekcl

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go/middleware"
)

// vmware's event loop sleeps for ShardSyncIntervalMillis, lists the shards, reads each lease that it does not hold, twice, and
// takes one. Here it goes round in short ticks that find in memory what they ask for. What they find comes from listings,
// one per ShardSyncIntervalMillis as configured, and from surveys of the lease table, one Scan each. In every tick one lease
// is taken, as long as the survey has found some due.

// loop is what the event loop works with. on and sync never change once the worker is made. The rest is guarded by
// Checkpointer.mu; besides the event loop, look changes nextSurvey and relist, and Init began.
type loop struct {
	on         bool          // vmware's client is answered by answerLoop
	sync       time.Duration // how often the shards are listed
	began      time.Time     // when the worker was started
	relist     bool          // a shard has ended here: it may have children
	nextList   time.Time
	lastSurvey time.Time
	nextSurvey time.Time // the zero time: as soon as may be
	trouble    int       // errors of DynamoDB, and leases given back soon, since the last survey without any
	troubled   bool      // there was one since the last survey
	view       *view     // of the last survey that succeeded; nil before the first one

	warnedList, warnedSurvey time.Time // when it was last warned of an error of each
}

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
				out.Result = &kinesis.ListShardsOutput{Shards: c.answer()}
				return out, md, nil
			}), middleware.Before)
	})
}

// answer returns the shards that vmware is told of.
func (c *Checkpointer) answer() []types.Shard {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.listing.answer
}

// pass is what happens at the beginning of a tick. It returns an error as long as the shards were never listed.
func (c *Checkpointer) pass() error {
	if c.running.Err() != nil {
		return nil
	}
	ctx, cancel := c.patience()
	defer cancel()
	if err := c.listInTime(ctx); err != nil {
		c.pause(time.Second)
		return err
	}
	c.mu.Lock()
	now := time.Now()
	due := !now.Before(c.loop.nextSurvey) && now.Sub(c.loop.lastSurvey) >= c.round()
	if due {
		c.loop.nextSurvey = now.Add(c.idleInterval()) // what asks for one from now on comes after it
	}
	c.mu.Unlock()
	if due {
		c.survey(ctx)
	}
	c.mu.Lock()
	offers := c.loop.view.nextTick()
	c.mu.Unlock()
	if offers {
		c.pause(quickTick)
	} else {
		c.pause(c.tick())
	}
	return nil
}

// pause sets how long vmware's event loop sleeps next. It is the loop that calls, and that reads it.
func (c *Checkpointer) pause(d time.Duration) {
	c.cfg.ShardSyncIntervalMillis = int(d / time.Millisecond)
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
	if err != nil && c.running.Err() != nil {
		return nil // the stop has ended the call
	}
	if err != nil && last.shards == nil {
		return err
	}
	if c.seldom(&c.loop.warnedList, err) {
		c.cfg.Logger.Warnf("kplkit: %v; those known so far stand", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.loop.relist = false
	if err != nil {
		c.loop.nextList = now.Add(c.listRetry())
		return nil
	}
	c.loop.nextList = now.Add(c.loop.sync)
	for id, shard := range shards {
		if known := last.shards[id]; known.start != shard.start { // a new one, or one of a stream made anew
			c.loop.nextSurvey = time.Time{}
		}
	}
	return nil
}

// seldom reports whether to warn of an error: once a minute, until it is over.
func (c *Checkpointer) seldom(last *time.Time, err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch now := time.Now(); {
	case err == nil:
		*last = time.Time{}
	case c.running.Err() == nil && now.Sub(*last) >= time.Minute:
		*last = now
		return true
	}
	return false
}
