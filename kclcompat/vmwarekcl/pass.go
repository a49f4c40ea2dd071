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

// loop is what the event loop works with. sync never changes once the worker is made. The rest is guarded by
// leaseTable.mu; besides the event loop, look changes nextSurvey and relist, and Init began.
type loop struct {
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
func (lt *leaseTable) answerLoop(o *kinesis.Options) {
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("kplkit pass",
			func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (out middleware.InitializeOutput, md middleware.Metadata, err error) {
				if _, ok := in.Parameters.(*kinesis.ListShardsInput); !ok || ctx.Value(inside{}) != nil {
					return next.HandleInitialize(context.WithValue(ctx, inside{}, true), in)
				}
				lt.pass()
				out.Result = &kinesis.ListShardsOutput{Shards: lt.answer()}
				return out, md, nil
			}), middleware.Before)
	})
}

// answer returns the shards that vmware is told of.
func (lt *leaseTable) answer() []types.Shard {
	lt.mu.Lock()
	defer lt.mu.Unlock()
	return lt.listing.answer
}

// pass is what happens at the beginning of a tick.
func (lt *leaseTable) pass() {
	if lt.running.Err() != nil {
		return
	}
	ctx, cancel := lt.patience()
	defer cancel()
	lt.listInTime(ctx)
	lt.mu.Lock()
	now := time.Now()
	due := !now.Before(lt.loop.nextSurvey) && now.Sub(lt.loop.lastSurvey) >= lt.round()
	if due {
		lt.loop.nextSurvey = now.Add(lt.idleInterval()) // what asks for one from now on comes after it
	}
	lt.mu.Unlock()
	if due {
		lt.survey(ctx)
	}
	lt.mu.Lock()
	offers := lt.loop.view.nextTick()
	lt.mu.Unlock()
	if offers {
		lt.pause(quickTick)
	} else {
		lt.pause(lt.tick())
	}
}

// pause sets how long vmware's event loop sleeps next. It is the loop that calls, and that reads it.
func (lt *leaseTable) pause(d time.Duration) {
	lt.cfg.ShardSyncIntervalMillis = int(d / time.Millisecond)
}

// listInTime lists the shards if that is due. As long as that fails, those known so far stand.
func (lt *leaseTable) listInTime(ctx context.Context) {
	lt.mu.Lock()
	now := time.Now()
	last := lt.listing
	due := !now.Before(lt.loop.nextList) || lt.loop.relist && now.Sub(last.began) >= lt.round()
	lt.mu.Unlock()
	if !due {
		return
	}
	shards, err := lt.list(ctx, now)
	if err != nil && lt.running.Err() != nil {
		return // the stop has ended the call
	}
	if lt.seldom(&lt.loop.warnedList, err) {
		lt.cfg.Logger.Warnf("kplkit: %v; those known so far stand", err)
	}
	lt.mu.Lock()
	defer lt.mu.Unlock()
	lt.loop.relist = false
	if err != nil {
		lt.loop.nextList = now.Add(lt.listRetry())
		return
	}
	lt.loop.nextList = now.Add(lt.loop.sync)
	for id, shard := range shards {
		if known := last.shards[id]; known.start != shard.start { // a new one, or one of a stream made anew
			lt.loop.nextSurvey = time.Time{}
		}
	}
}

// seldom reports whether to warn of an error: once a minute, until it is over.
func (lt *leaseTable) seldom(last *time.Time, err error) bool {
	lt.mu.Lock()
	defer lt.mu.Unlock()
	switch now := time.Now(); {
	case err == nil:
		*last = time.Time{}
	case lt.running.Err() == nil && now.Sub(*last) >= time.Minute:
		*last = now
		return true
	}
	return false
}
