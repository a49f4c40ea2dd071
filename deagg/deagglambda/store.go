package deagglambda

import (
	"context"
	"fmt"
	"time"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/seqnum"
)

// Store keeps positions. Its methods are called one at a time for one event, and at the same time for several.
//
// A key is ARN/SHARD: the ARN of the event source, as the event has it, and the id of the shard; with PerKey, ARN/SHARD/KEY, KEY being
// the partition key of stored records. After a failure the same position is saved once more, for the time when the batch is brought back
// from an on-failure destination, under returned/LAST/ and that key, LAST being the sequence number of the last record of the batch.
type Store interface {
	// Load returns the position of a key, as Save was given it, or the zero Extended and no error where none is stored.
	Load(ctx context.Context, key string) (seqnum.Extended, error)
	// Save stores that all up to at is done. It may leave a position as it is that is further on.
	Save(ctx context.Context, key string, at seqnum.Extended) error
}

// patience is for one call of a Store.
const patience = 5 * time.Second

// withPatience is the context of one call of a Store, which ends at end at the latest, if there is one.
func withPatience(ctx context.Context, end time.Time) (context.Context, context.CancelFunc) {
	by := time.Now().Add(patience)
	if !end.IsZero() && end.Before(by) {
		by = end
	}
	return context.WithDeadline(ctx, by)
}

// progress is how far the event's keys are. Without a Store it does nothing.
type progress struct {
	h        *handler
	event    *Event
	end      time.Time                  // of processing; zero: none
	at       map[string]seqnum.Extended // by key, once loaded
	last     string                     // key of the user record that done was last asked about
	came     map[string]seqnum.Extended // by key: the last one of the event
	moved    map[string]bool            // those to save
	failed   bool                       // until all is done
	skipped  int
	advanced int
}

func (h *handler) progress(e *Event, end time.Time) *progress {
	return &progress{h: h, event: e, end: end, came: map[string]seqnum.Extended{}, at: map[string]seqnum.Extended{}, moved: map[string]bool{}, failed: true}
}

// key is whose position record i belongs to.
func (p *progress) key(i int) string {
	r := &p.event.Records[i]
	key := r.EventSourceARN + "/" + r.shard(p.event)
	if p.h.perKey {
		key += "/" + r.Kinesis.PartitionKey
	}
	return key
}

// returnedKey is where the position waits for a batch that is brought back: whatever of it is cut off at its front or
// by bisecting, the batch that failed last ends with that record. It comes before the key, which may end with any text at all.
func (p *progress) returnedKey(key string) string {
	return "returned/" + p.event.Records[len(p.event.Records)-1].Kinesis.SequenceNumber + "/" + key
}

// storeKey is the key under which this event's positions are.
func (p *progress) storeKey(key string) string {
	if p.event.returned {
		return p.returnedKey(key)
	}
	return key
}

// done tells whether a user record of record i is done already.
func (p *progress) done(ctx context.Context, i int, u deagg.UserRecord) (bool, error) {
	if p.h.store == nil {
		return false, nil
	}
	if r := &p.event.Records[i]; r.shard(p.event) == "" {
		return false, fmt.Errorf("%w: record %d has no eventID with its shard, whose positions the store has", ErrEvent, i)
	}
	key := p.key(i)
	p.last = key
	at, loaded := p.at[key]
	if !loaded {
		var err error
		if at, err = p.load(ctx, p.storeKey(key)); err != nil {
			return false, fmt.Errorf("not tried, since the store has not said what is done: %w", err)
		}
		p.at[key] = at
	}
	position, err := u.Position()
	if err != nil {
		return false, err
	}
	if came := p.came[key]; came.IsValid() && !came.Less(position) {
		return false, fmt.Errorf("%w: record %d is not after those before it, and a position says that all before it is done", ErrEvent, i)
	}
	p.came[key] = position
	if !at.IsValid() || at.Less(position) {
		return false, nil
	}
	p.skipped++
	return true, nil
}

func (p *progress) load(ctx context.Context, key string) (seqnum.Extended, error) {
	ctx, cancel := withPatience(ctx, p.end)
	defer cancel()
	at, err := p.h.store.Load(ctx, key)
	if _, ok := at.Number(); err == nil && at.IsValid() && !ok {
		err = fmt.Errorf("its position %s is not that of a record", at)
	}
	return at, err
}

// advance says that the user record which done was last asked about is done now, and all before it.
func (p *progress) advance() {
	p.advanced++
	if p.h.store != nil {
		p.at[p.last], p.moved[p.last] = p.came[p.last], true
	}
}

// save stores what moved. What can't be stored comes again if its stored record does: it is logged, and no failure.
func (p *progress) save(ctx context.Context) {
	if p.skipped > 0 {
		p.report(ctx)
	}
	end := answerTime(ctx)
	todo := p.toSave()
	var failed error
	count := 0
	for i, s := range todo {
		late, err := p.saveOne(ctx, s, end)
		if err != nil {
			failed, count = err, count+1
		}
		if late { // so would be the rest
			count += len(todo) - i - 1
			break
		}
	}
	if failed != nil {
		p.h.logger().WarnContext(ctx, "the store did not take positions: what is done comes again if its stored record does", "positions", count, "error", failed)
	}
}

// answerTime returns when saving ends, so that a fifth of what is left of the function's time is for the answer; zero if there is no end, or
// it is over.
func answerTime(ctx context.Context) time.Time {
	deadline, ok := ctx.Deadline()
	left := time.Until(deadline)
	if !ok || left <= 0 {
		return time.Time{}
	}
	return deadline.Add(-left / 5)
}

// saving is one call of Save.
type saving struct {
	key string
	at  seqnum.Extended
}

// toSave returns what is to save, that of the stored record that came last first: after a failure it is the one that comes again, and there
// may be time for few.
func (p *progress) toSave() (todo []saving) {
	todo = p.savings(nil, p.last)
	for key := range p.at {
		if key != p.last {
			todo = p.savings(todo, key)
		}
	}
	return todo
}

// savings appends where the position of a key is stored: where it was loaded from if it has moved, and after a failure where it is looked for
// when the batch is brought back, also if it has not moved: the last time the batch may have been a longer one.
func (p *progress) savings(todo []saving, key string) []saving {
	at := p.at[key]
	if p.moved[key] {
		todo = append(todo, saving{p.storeKey(key), at})
	}
	if p.failed && !p.event.returned && at.IsValid() {
		todo = append(todo, saving{p.returnedKey(key), at})
	}
	return todo
}

// saveOne also says whether its time was over.
func (p *progress) saveOne(ctx context.Context, s saving, end time.Time) (late bool, err error) {
	ctx, cancel := withPatience(context.WithoutCancel(ctx), end)
	defer cancel()
	err = p.h.store.Save(ctx, s.key, s.at)
	return ctx.Err() != nil, err
}

// report says what was skipped. That a whole event is done may be a replay that meets a store which knows too much.
func (p *progress) report(ctx context.Context) {
	text, level := "user records that the store knows as done are skipped", p.h.logger().Info
	if p.advanced == 0 && !p.failed {
		text, level = "all of an event is skipped, since the store knows it as done: to process a stream again, give the store another name", p.h.logger().Warn
	}
	level(text, "skipped", p.skipped, "processed", p.advanced, "first", p.event.Records[0].Kinesis.SequenceNumber)
}
