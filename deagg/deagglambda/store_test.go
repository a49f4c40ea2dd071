package deagglambda_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/deagglambda"
	"github.com/kplkit/kplkit/seqnum"
)

// slow is a Store whose calls take their time.
type slow struct {
	memory
	load, save time.Duration
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *slow) Load(ctx context.Context, key string) (seqnum.Extended, error) {
	if err := wait(ctx, s.load); err != nil {
		return seqnum.Extended{}, err
	}
	return s.memory.Load(ctx, key)
}

func (s *slow) Save(ctx context.Context, key string, at seqnum.Extended) error {
	if err := wait(ctx, s.save); err != nil {
		return err
	}
	return s.memory.Save(ctx, key, at)
}

// keys is an event of so many aggregates, each of three user records, and with a partition key of its own.
func keys(t *testing.T, n int) (e deagglambda.Event) {
	for i := range n {
		users := pack(t, fmt.Sprint(i, "-0"), fmt.Sprint(i, "-1"), fmt.Sprint(i, "-2"))
		e.Records = append(e.Records, record(fmt.Sprintf("%s%05d", first[:51], i), fmt.Sprint("key-", i), users))
	}
	return e
}

// broughtBack is the event that an on-failure object holds.
func broughtBack(t *testing.T, e deagglambda.Event) (back deagglambda.Event) {
	if err := json.Unmarshal([]byte(onFailure(`,"payload":`+quoted(t, string(marshal(t, e))))), &back); err != nil {
		t.Fatal(err)
	}
	return back
}

// A function whose Store is slow, or hangs, answers within its time all the same: Lambda would kill it, and send all again. There is time to
// store the position of what comes again, be it tried again or brought back.
func TestSlowStore(t *testing.T) {
	for name, c := range map[string]struct {
		load, save, each time.Duration
		done, calls      int // so many of 60 user records are done, each once, in so many calls of three seconds
	}{
		"many keys":          {20 * time.Millisecond, 100 * time.Millisecond, 60 * time.Millisecond, 60, 2},
		"Load hangs":         {time.Hour, 0, 0, 0, 1},
		"Save hangs":         {0, time.Hour, 0, 60, 1},
		"both, near the end": {2500 * time.Millisecond, time.Hour, 0, 3, 1},
	} {
		for _, back := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				done := map[string]int{}
				handler := deagglambda.Handler(func(_ context.Context, u deagg.UserRecord) error {
					time.Sleep(c.each)
					done[string(u.Data)]++
					return nil
				}, quiet, deagglambda.PerKey(), deagglambda.WithStore(&slow{memory{at: map[string]seqnum.Extended{}}, c.load, c.save}))
				e := keys(t, 20)
				for range c.calls {
					ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
					answer, err := handler(ctx, e)
					if err != nil || ctx.Err() != nil {
						t.Errorf("%s: %v, %v", name, err, ctx.Err())
					}
					cancel()
					ids := failures(answer)
					if len(ids) == 0 {
						break
					}
					e.Records = e.Records[slices.IndexFunc(e.Records, func(r deagglambda.Record) bool { return r.Kinesis.SequenceNumber == ids[0] }):]
					if back {
						e = broughtBack(t, e)
					}
				}
				for user, n := range done {
					if n != 1 {
						t.Errorf("%s, brought back %v: %s is done %d times", name, back, user, n)
					}
				}
				if len(done) != c.done {
					t.Errorf("%s: %d are done, want %d", name, len(done), c.done)
				}
			})
		}
	}
}

// A Store that hangs costs the patience for one call, however many keys there are, and however long the function may take; and a warning.
func TestStoreHangs(t *testing.T) {
	for _, end := range []time.Duration{15 * time.Minute, 0} {
		synctest.Test(t, func(t *testing.T) {
			ctx := t.Context()
			if end > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, end)
				defer cancel()
			}
			var log bytes.Buffer
			start := time.Now()
			handler := deagglambda.Handler(func(context.Context, deagg.UserRecord) error { return nil }, deagglambda.PerKey(),
				deagglambda.WithLogger(slog.New(slog.NewTextHandler(&log, nil))), deagglambda.WithStore(&slow{memory{at: map[string]seqnum.Extended{}}, 0, time.Hour}))
			if answer, err := handler(ctx, keys(t, 50)); err != nil || len(failures(answer)) > 0 || time.Since(start) > 6*time.Second {
				t.Error(answer, err, time.Since(start))
			}
			if text := log.String(); !strings.Contains(text, "level=WARN") || !strings.Contains(text, "positions=50") {
				t.Error(text)
			}
		})
	}
}

// What is done is stored also when the function's time is over, or its context is canceled, and nobody has killed it.
func TestLateSave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, late := range []time.Duration{0, time.Minute} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			store := &slow{memory{at: map[string]seqnum.Extended{}}, 0, time.Millisecond}
			answer, err := deagglambda.Handler(func(context.Context, deagg.UserRecord) error {
				time.Sleep(late)
				cancel()
				return nil
			}, quiet, deagglambda.WithStore(store))(ctx, abc(t))
			if at := store.at[arn+"/"+shard].String(); err != nil || !slices.Equal(failures(answer), []string{first}) || at != first+":0" {
				t.Errorf("%v late: %v, %v, stored %s", late, answer, err, at)
			}
		}
	})
}

// calls counts the calls of a Store.
type calls struct {
	memory
	loads, saves int
}

func (c *calls) Load(ctx context.Context, key string) (seqnum.Extended, error) {
	c.loads++
	return c.memory.Load(ctx, key)
}

func (c *calls) Save(ctx context.Context, key string, at seqnum.Extended) error {
	c.saves++
	return c.memory.Save(ctx, key, at)
}

// A batch costs one call to load and one to save, after a failure one more; none where nothing has moved.
func TestCalls(t *testing.T) {
	store := &calls{memory: memory{at: map[string]seqnum.Extended{}}}
	failing := "a0"
	handler := deagglambda.Handler(func(_ context.Context, u deagg.UserRecord) error {
		if string(u.Data) == failing {
			return errors.New("no")
		}
		return nil
	}, quiet, deagglambda.WithStore(store))
	for _, step := range []struct {
		fails string
		event deagglambda.Event
		saves int
	}{
		{"a0", abc(t), 0}, {"b1", abc(t), 2}, {"b1", abc(t), 1}, {"b2", broughtBack(t, abc(t)), 1}, {"", abc(t), 1}, {"", abc(t), 0},
	} {
		failing = step.fails
		store.loads, store.saves = 0, 0
		if _, err := handler(t.Context(), step.event); err != nil || store.loads != 1 || store.saves != step.saves {
			t.Errorf("%+v: %d loads, %d saves, %v", step.fails, store.loads, store.saves, err)
		}
	}
}

// A partition key is any text, and no position of it is one of another key's for the time when a batch is brought back.
func TestKeysApart(t *testing.T) {
	store := &memory{at: map[string]seqnum.Extended{}}
	failing := true
	done := map[string]bool{}
	handler := deagglambda.Handler(func(_ context.Context, u deagg.UserRecord) error {
		if failing && string(u.Data) != "other" {
			return errors.New("no")
		}
		done[string(u.Data)] = true
		return nil
	}, quiet, deagglambda.WithStore(store), deagglambda.PerKey())
	for _, key := range []string{"", "x", "x/"} {
		batch := deagglambda.Event{Records: []deagglambda.Record{record(first, key, []byte("one of "+key)), record(second, key, []byte("two of "+key))}}
		handler(t.Context(), batch)
		for _, hostile := range []string{key + "/returned/" + second, "returned/" + second + "/" + key, "returned/" + second} {
			handler(t.Context(), deagglambda.Event{Records: []deagglambda.Record{record(third, hostile, []byte("other"))}})
		}
		failing = false
		if answer, err := handler(t.Context(), broughtBack(t, batch)); err != nil || len(failures(answer)) > 0 || !done["one of "+key] || !done["two of "+key] {
			t.Errorf("partition key %q: %v, %v, %v", key, done, answer, err)
		}
		failing = true
	}
}

// What a Store was never given is not a position: taken for one, SHARD_END would have all skipped.
func TestNonsense(t *testing.T) {
	store := &memory{at: map[string]seqnum.Extended{arn + "/" + shard: seqnum.ShardEnd()}}
	handler := deagglambda.Handler(func(context.Context, deagg.UserRecord) error { return nil }, quiet, deagglambda.WithStore(store))
	if answer, err := handler(t.Context(), abc(t)); err != nil || !slices.Equal(failures(answer), []string{first}) {
		t.Error(answer, err)
	}
}
