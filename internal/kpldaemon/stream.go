package kpldaemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kplkit/kplkit/internal/wire"
	"github.com/kplkit/kplkit/producer"
)

// put is a put_record without a written result.
type put struct {
	c      *conn
	stream *stream // nil: there is none
	id     uint64
	read   time.Time
	room   room
	record producer.Record
}

func (x *put) done(_ producer.Record, r producer.Result) { x.c.done(x, r) }

func (x *put) fail(err error) { x.c.done(x, producer.Result{Err: err}) }

// stream is a stream's producer, made when there are credentials.
type stream struct {
	d      *Daemon
	name   string
	used   time.Time    // by the last put; of the daemon's lock
	held   atomic.Int64 // puts without a result; more come with the daemon's lock only
	stored atomic.Bool  // one was stored
	warned atomic.Bool  // of an aggregate

	mu        sync.Mutex
	p         *producer.Producer
	later     []*put        // that have to wait for credentials, or for what the stream takes; all others wait behind them
	feeding   bool          // a goroutine puts them
	fed       chan struct{} // closed when it has ended
	flushing  bool          // another flushes
	again     bool          // and has to once more
	closing   bool
	cancelled context.Context // when the daemon gives up
	cancel    context.CancelFunc
}

// put puts a record. It never waits.
func (d *Daemon) put(name string, x *put) {
	s, err := d.stream(name, x.read)
	if err != nil {
		x.fail(err)
		return
	}
	x.stream = s
	s.warnOfAggregate(x.record.Data)
	d.counters.received(name, x.read)
	s.put(x)
}

// warnOfAggregate says, once, that a stored record is put as a user record: no consumer takes an aggregate in an
// aggregate apart. Clients may have their reasons, so it is put.
func (s *stream) warnOfAggregate(data []byte) {
	if !s.warned.Load() && wire.IsAggregate(data) && !s.warned.Swap(true) {
		s.d.log.Warn("A user record is an aggregated record itself, so that it may be stored as an aggregate in an aggregate: "+
			"put the user records in it (package deagg, or kplkit deagg). This is said once a stream", slog.String("stream", s.name))
	}
}

func (s *stream) put(x *put) {
	s.mu.Lock()
	p := s.p
	if s.feeding || p == nil {
		s.putLater(x)
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	switch err := p.TryPut(x.record, x.done); {
	case errors.Is(err, producer.ErrWouldBlock): // only while it is not known how large records may be
		s.mu.Lock()
		s.putLater(x)
		s.mu.Unlock()
	case err != nil:
		x.fail(err)
	}
}

// putLater is called with the lock held.
func (s *stream) putLater(x *put) {
	s.later = append(s.later, x)
	if !s.feeding {
		s.feeding, s.fed = true, make(chan struct{})
		go s.feed()
	}
}

// feed puts what waits, in order.
func (s *stream) feed() {
	for x := s.next(); x != nil; x = s.next() {
		ctx, cancel := context.WithDeadline(s.cancelled, x.read.Add(s.d.settings.ttl))
		p, err := s.open(ctx)
		if err == nil {
			err = s.putInto(ctx, p, x)
		}
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("%w: %w", producer.ErrExpired, err)
		}
		if err != nil {
			x.fail(err)
		}
	}
}

// putInto waits only if it has to: what has used up its time here is tried once all the same.
func (s *stream) putInto(ctx context.Context, p *producer.Producer, x *put) error {
	err := p.TryPut(x.record, x.done)
	if errors.Is(err, producer.ErrWouldBlock) {
		err = p.Put(ctx, x.record, x.done)
	}
	return err
}

func (s *stream) next() *put {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.later) == 0 {
		s.feeding, s.later = false, nil
		close(s.fed)
		return nil
	}
	x := s.later[0]
	s.later[0], s.later = nil, s.later[1:]
	return x
}

// open returns the stream's producer. It waits for credentials.
func (s *stream) open(ctx context.Context) (*producer.Producer, error) {
	if err := s.d.keys.await(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.p != nil || s.closing {
		return s.p, s.closedIf(s.p == nil)
	}
	options := append(s.d.settings.producer(), producer.WithLogger(s.d.log), producer.WithMaxBuffered(int(2*s.d.budget.most+32<<20)))
	p, err := producer.New(s.d.api.of(s.name), s.name, append(options, producer.WithTrace(s.d.counters.trace(s.name)))...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errStream, err)
	}
	s.p = p
	return p, nil
}

func (s *stream) closedIf(closed bool) error {
	if closed {
		return errClosing
	}
	return nil
}

// close sends what is held, until ctx is done, and ends the producer. All puts have a result then.
func (s *stream) close(ctx context.Context) {
	s.drain(ctx)
	s.mu.Lock()
	s.closing = true
	p := s.p
	s.mu.Unlock()
	s.cancel()
	if p != nil {
		_ = p.Close(ctx) // what it could not send has results that say so
	}
}
