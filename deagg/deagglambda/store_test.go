package deagglambda_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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

// keys is an event of so many records, each with a partition key of its own.
func keys(n int) (e deagglambda.Event) {
	for i := range n {
		e.Records = append(e.Records, record(fmt.Sprintf("%s%05d", first[:51], i), fmt.Sprint("key-", i), []byte(fmt.Sprint("user-", i))))
	}
	return e
}

// A function whose Store is slow, or hangs, answers within its time all the same, and each call gets on: Lambda would kill it, and send all
// again. What a Store takes in its time is done once.
func TestSlowStore(t *testing.T) {
	for name, c := range map[string]struct {
		load, save, each time.Duration
		done, calls      int // so many of 20 user records are done, each once, in so many calls of three seconds
	}{
		"many keys":          {20 * time.Millisecond, 20 * time.Millisecond, 150 * time.Millisecond, 20, 2},
		"a very slow one":    {700 * time.Millisecond, 700 * time.Millisecond, 0, 20, 20},
		"Load hangs":         {time.Hour, 0, 0, 0, 1},
		"Save hangs":         {0, time.Hour, 0, 20, 1},
		"both, near the end": {2500 * time.Millisecond, time.Hour, 0, 1, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			done := map[string]int{}
			handler := deagglambda.Handler(func(_ context.Context, u deagg.UserRecord) error {
				time.Sleep(c.each)
				done[string(u.Data)]++
				return nil
			}, quiet, deagglambda.PerKey(), deagglambda.WithStore(&slow{memory{at: map[string]seqnum.Extended{}}, c.load, c.save}))
			e := keys(20)
			for range c.calls {
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				answer, err := handler(ctx, e)
				if err != nil || ctx.Err() != nil {
					t.Errorf("%s: %v, %v", name, err, ctx.Err())
				}
				cancel()
				if ids := failures(answer); len(ids) > 0 {
					e.Records = e.Records[slices.IndexFunc(e.Records, func(r deagglambda.Record) bool { return r.Kinesis.SequenceNumber == ids[0] }):]
				} else {
					break
				}
			}
			for user, n := range done {
				if n != 1 {
					t.Errorf("%s: %s is done %d times", name, user, n)
				}
			}
			if len(done) != c.done {
				t.Errorf("%s: %d are done, want %d", name, len(done), c.done)
			}
		})
	}
}

// A Store that hangs costs the patience for one call, however many keys there are, also where the function has no end.
func TestStoreHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		store := &slow{memory{at: map[string]seqnum.Extended{}}, 0, time.Hour}
		handler := deagglambda.Handler(func(context.Context, deagg.UserRecord) error { return nil }, quiet, deagglambda.PerKey(), deagglambda.WithStore(store))
		if answer, err := handler(t.Context(), keys(50)); err != nil || len(failures(answer)) > 0 || time.Since(start) > 6*time.Second {
			t.Error(answer, err, time.Since(start))
		}
	})
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
		var back deagglambda.Event
		if err := json.Unmarshal([]byte(onFailure(`,"payload":`+quoted(t, string(marshal(t, batch))))), &back); err != nil {
			t.Fatal(err)
		}
		failing = false
		if answer, err := handler(t.Context(), back); err != nil || len(failures(answer)) > 0 || !done["one of "+key] || !done["two of "+key] {
			t.Errorf("partition key %q: %v, %v, %v", key, done, answer, err)
		}
		failing = true
	}
}

// What a Store was never given is no position: taken for one, SHARD_END would have all skipped.
func TestNonsense(t *testing.T) {
	store := &memory{at: map[string]seqnum.Extended{arn + "/" + shard: seqnum.ShardEnd()}}
	handler := deagglambda.Handler(func(context.Context, deagg.UserRecord) error { return nil }, quiet, deagglambda.WithStore(store))
	if answer, err := handler(t.Context(), abc(t)); err != nil || !slices.Equal(failures(answer), []string{first}) {
		t.Error(answer, err)
	}
}
