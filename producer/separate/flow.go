package separate

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/semaphore"
)

// shardRate is what one shard stores in a second, in bytes.
const shardRate = mebibyte

// flow bounds what is outstanding for one stream, so that nothing gets too old on a stream in order, and a slow stream
// leaves room for the others. The parent knows no shards: the window is what one shard stores in half the time to live, and
// doubles while a window's bytes are stored in a quarter of it.
type flow struct {
	room   *semaphore.Weighted // of the whole buffer; what is not in the window yet is taken
	window int64               // the rest is guarded by the book's lock
	stored int64               // bytes since then
	since  time.Time
}

// flowOf returns that of a stream.
func (b *book) flowOf(stream string) *flow {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := b.flows[stream]
	if f == nil {
		// The largest record fits in always.
		window := min(b.most, max(int64(b.ttl.Seconds()/2*shardRate), largestRecord+mebibyte))
		f = &flow{room: semaphore.NewWeighted(b.most), window: window, since: time.Now()}
		f.room.TryAcquire(b.most - window)
		b.flows[stream] = f
	}
	return f
}

// grow takes note of bytes that are stored. The lock is held.
func (b *book) grow(f *flow, bytes int64) {
	if f.stored += bytes; f.stored < f.window {
		return
	}
	now := time.Now()
	if more := min(f.window, b.most-f.window); more > 0 && now.Sub(f.since) < b.ttl/4 {
		f.window += more
		f.room.Release(more)
	}
	f.stored, f.since = 0, now
}

// enter waits for room for a record, in its stream's window and in the buffer.
func (b *book) enter(ctx context.Context, e *pending) error {
	f, bytes := e.flow, e.cost
	if b.closed.Err() == nil && f.room.TryAcquire(bytes) {
		if b.room.TryAcquire(bytes) {
			return nil
		}
		f.room.Release(bytes)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(b.closed, func() { cancel(context.Cause(b.closed)) })()
	if f.room.Acquire(ctx, bytes) != nil {
		return b.noRoom(ctx, "what its stream stores in about half the time to live has no result yet")
	}
	if b.room.Acquire(ctx, bytes) != nil {
		f.room.Release(bytes)
		return b.noRoom(ctx, fmt.Sprintf("the buffer of %d bytes is full", b.most))
	}
	return nil
}

// noRoom is the error of a wait that a context has ended: the caller's, or the book's.
func (b *book) noRoom(ctx context.Context, why string) error {
	err := context.Cause(ctx)
	if err == context.Cause(b.closed) {
		return err
	}
	return fmt.Errorf("Put waited for room: %s: %w", why, err)
}

// release gives back a record's room.
func (b *book) release(e *pending) {
	b.room.Release(e.cost)
	e.flow.room.Release(e.cost)
}
