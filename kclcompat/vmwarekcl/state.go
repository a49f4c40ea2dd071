package vmwarekcl

import (
	"cmp"
	"context"
	"time"

	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/seqnum"
)

// shardState is what this process knows of a shard's lease. It goes none -> fetched -> held -> lost -> none.
//
// vmware asks GetLease both to acquire a lease, from its event loop and after a FetchCheckpoint, and to renew it, from
// a goroutine of the shard's consumer. A renewal that comes after the lease was lost must not acquire it again: the
// old consumer would go on where it was, unseen by a new owner. So a lost lease stays lost until the consumer
// has ended, which RemoveLeaseOwner says.
type shardState struct {
	fetched *fetched // what the event loop has looked at: the next GetLease may acquire that
	held    *holding // nil if none is
	lost    *holding // one that is over, while its consumer still runs

	token     string    // of the last acquisition, that it may still have
	givenBack time.Time // when this worker last gave it back

	seen    sighting  // of another worker's lease
	since   time.Time // it looks so
	suspect time.Time // when the shard was first listed as open, though its lease says SHARD_END and has no birth
	unclear bool      // its checkpoint can't be read, or whose it is could not be told
	other   bool      // it is another stream's
	warned  string    // of what
}

// fetched is a lease, and when it was read.
type fetched struct {
	item item
	read time.Time
}

// current is the acquisition whose consumer runs, held or lost.
func (s *shardState) current() *holding {
	if s.held != nil {
		return s.held
	}
	return s.lost
}

// holding is one acquisition of a lease, from the answer that brought it to RemoveLeaseOwner.
type holding struct {
	shardID, token string
	began          time.Time
	start          string // the shard's first sequence number: a number that any reader can start after

	ctx     context.Context // ends with the lease
	end     context.CancelCauseFunc
	batches context.Context // ends also when the worker stops
	alarm   *time.Timer     // at the end of the lease
	unlink  func() bool     // from the worker's end

	// The rest is guarded by leaseTable.mu.

	ends deadline
	text string // the LeaseTimeout in the table, as last known

	gone     bool   // the lease was lost, not handed back
	over     string // why it is over
	closed   bool   // no checkpoint is written any more
	writes   int64  // the number of the last checkpoint
	base     string // the Checkpoint attribute as last written or read
	position string // the exact position, likewise
	failures failures

	ended func() // says to the Processor that the worker has let go
}

// state returns the state of a shard. The caller holds lt.mu.
func (lt *leaseTable) state(shardID string) *shardState {
	s := lt.shards[shardID]
	if s == nil {
		s = &shardState{}
		lt.shards[shardID] = s
	}
	return s
}

// with runs f on the state of a shard. f does no I/O.
func (lt *leaseTable) with(shardID string, f func(*shardState)) {
	lt.mu.Lock()
	defer lt.mu.Unlock()
	f(lt.state(shardID))
}

// holdingOf returns the acquisition of a shard that is held, nil if none is.
func (lt *leaseTable) holdingOf(shardID string) (h *holding) {
	lt.with(shardID, func(s *shardState) { h = s.held })
	return h
}

// hold begins an acquisition, which is renewed from now on.
func (lt *leaseTable) hold(h *holding) {
	tellLease(lt.trace.LeaseTaken, h.shardID)
	h.began = time.Now()
	h.ctx, h.end = context.WithCancelCause(context.Background())
	batches, cancel := context.WithCancelCause(h.ctx)
	h.batches, h.unlink = batches, context.AfterFunc(lt.running, func() { cancel(errStopping) })
	h.alarm = time.AfterFunc(time.Until(h.ends.monotonic), func() { lt.holds(h) })
	lt.with(h.shardID, func(s *shardState) { *s = shardState{held: h} })
	go lt.keep(h)
}

// holds reports whether the lease is held, by its own clock. If its end has come it is lost.
func (lt *leaseTable) holds(h *holding) bool {
	var held, over bool
	lt.with(h.shardID, func(s *shardState) {
		over = s.held == h && h.ends.passed()
		held = s.held == h && !over
	})
	if over {
		lt.lose(h, "it was not renewed in time")
	}
	return held
}

// standsAt returns the position that the lease says: what the worker reads comes after it.
func (lt *leaseTable) standsAt(h *holding) seqnum.Extended {
	at, _ := startOf(lt.positionOf(h)) // Initialize has read it before
	return at
}

// attach binds a Processor to the acquisition that is held; nil if none is, or the worker stops: then releaseAll sees it,
// or it sees the stop.
func (lt *leaseTable) attach(shardID string, ended func()) (h *holding) {
	lt.with(shardID, func(s *shardState) {
		if s.held != nil && !s.held.ends.passed() && lt.running.Err() == nil {
			h = s.held
			h.ended = ended
		}
	})
	return h
}

// lose notes that a lease is lost, and logs why, unless that is "". A late notice about an earlier acquisition changes nothing.
func (lt *leaseTable) lose(h *holding, why string) {
	lost := false
	lt.with(h.shardID, func(s *shardState) {
		if lost = s.held == h; lost {
			s.held, s.lost, h.gone = nil, h, why != ""
			h.over = cmp.Or(why, "the shard is given up, and read again from its last checkpoint")
		}
	})
	if !lost {
		return
	}
	h.finish()
	if why == "" {
		return
	}
	lt.cfg.Logger.Warnf("kplkit: shard %s: the lease is over: %s", h.shardID, why)
	tellLease(lt.trace.LeaseLost, h.shardID)
}

// close lets no checkpoint be written any more, while the lease is still held.
func (lt *leaseTable) close(h *holding) { lt.with(h.shardID, func(*shardState) { h.closed = true }) }

// finish ends the contexts.
func (h *holding) finish() {
	h.alarm.Stop()
	h.unlink()
	h.end(kclcompat.ErrLeaseLost)
}
