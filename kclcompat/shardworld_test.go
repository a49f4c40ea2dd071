package kclcompat_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	. "github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/seqnum"
)

// shardWorld is a shard that is processed in order, over a sink that takes time and may fail.
type shardWorld struct {
	c       *Checkpointer
	readers []Reader
	style   Style
	records []record
	fails   int // one write of so many
	delay   time.Duration

	mu      sync.Mutex
	rnd     *rand.Rand
	next    int
	last    seqnum.Extended // as stored
	covered seqnum.Extended // the same, or all of its stored record where that is finished
	began   []time.Time     // of the writes that have succeeded
	writing int

	beside *Checkpointer   // of the same shard, which writes at once
	asked  seqnum.Extended // what it has written for the calls that have succeeded here
}

func newShardWorld(rnd *rand.Rand, from seqnum.Extended, opts ...Option) *shardWorld {
	w := &shardWorld{rnd: rnd, last: from, covered: from, style: styles[rnd.IntN(len(styles))], delay: 30 * time.Millisecond}
	sizes := make([]int, 1+rnd.IntN(9))
	for i := range sizes {
		sizes[i] = rnd.IntN(8)
	}
	w.records = shard(sizes)
	for _, i := range rnd.Perm(len(everyReader))[:1+rnd.IntN(2)] {
		w.readers = append(w.readers, everyReader[i])
	}
	w.c, _ = NewCheckpointer(w, from, w.readers, opts...)
	return w
}

func (w *shardWorld) roll(n int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rnd.IntN(n) == 0
}

func (w *shardWorld) upTo(d time.Duration) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Duration(w.rnd.Int64N(int64(d)))
}

func (w *shardWorld) Style() Style { return w.style }

func (w *shardWorld) WriteCheckpoint(_ context.Context, at, finished seqnum.Extended) error {
	w.mu.Lock()
	began, fails := time.Now(), w.fails > 0 && w.rnd.IntN(w.fails) == 0
	if w.writing++; w.writing > 1 || at.Less(w.last) {
		panic("two writes at a time, or one that goes back")
	}
	w.mu.Unlock()
	time.Sleep(w.upTo(w.delay))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writing--
	if fails {
		return errors.New("a fault of the table")
	}
	w.last, w.covered, w.began = at, at, append(w.began, began)
	n, _ := at.Number()
	if m, ok := finished.Number(); ok && m == n {
		w.covered = finished
	}
	return nil
}

// step processes the next user record.
func (w *shardWorld) step() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.next == len(w.records) {
		return false
	}
	r := w.records[w.next]
	u := userRecord(r.n, r.sub, r.last)
	if r.sub == 0 && r.last {
		u = plain(r.n)
	}
	w.c.Done(u)
	if w.beside != nil {
		w.beside.Done(u)
	}
	w.next++
	return true
}

// endOfBatch ends the batch where a stored record ends.
func (w *shardWorld) endOfBatch() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.next == 0 || !w.records[w.next-1].last {
		return
	}
	w.c.EndOfBatch()
	if w.beside != nil {
		w.beside.EndOfBatch()
	}
}

// checkpoint calls Checkpoint and holds its result against the model.
func (w *shardWorld) checkpoint(t *testing.T) (r Result, err error) {
	w.mu.Lock()
	before, asked := w.next, w.asked
	if w.beside != nil {
		r, err := w.beside.Checkpoint(t.Context())
		if err != nil {
			t.Error(err)
		}
		asked = r.Written
	}
	w.mu.Unlock()
	r, err = w.c.Checkpoint(t.Context())
	w.hold(t, r, before)
	if err == nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.asked.Less(asked) {
			w.asked = asked
		}
	}
	return r, err
}

func (w *shardWorld) hold(t *testing.T, r Result, before int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	stop := slices.IndexFunc(w.records, func(p record) bool { return seqnum.At(number(p.n), p.sub) == r.Done })
	got, want := costOf(w.readers, leasesOf(w.style, w.readers, r.Written), w.records, stop), Exact
	if got.worst > 0 {
		want = Repeats
	}
	lost := costOf(w.readers, leasesOf(w.style, w.readers, r.Written), w.records, w.next-1).lost
	if stop < before-1 || w.last.Less(r.Written) || r.Effect != want || lost > 0 {
		t.Errorf("%v %v: record %d of %v was done, the result is %s %s %v, the lease says %s: a crash brings %d again and loses %d", w.readers, w.style,
			before-1, w.records, short(r.Done), short(r.Written), r.Effect, short(w.last), got.worst, lost)
	}
}
