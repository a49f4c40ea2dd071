package separate

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kplkit/kplkit/internal/kplpipe"
	"github.com/kplkit/kplkit/producer"
)

// largestRecord is the most that any stream takes: data and partition key.
const largestRecord = 10 * mebibyte

// hurryInterval is how often the child is told to flush while somebody waits for it: a flush may overtake records.
const hurryInterval = 500 * time.Millisecond

// shortestGrace keeps a busy machine from looking like one that stood still.
const shortestGrace = 100 * time.Millisecond

// Parent puts records through a child. It is safe for concurrent use. Start makes one: of the zero value Put, Flush and Close
// return an error.
type Parent struct {
	cfg       Config
	launch    launcher
	book      *book
	pid       atomic.Int64
	restarts  atomic.Int64
	alive     chan struct{}      // closed when the first child has answered
	ending    context.Context    // done when the child is to end
	killing   context.Context    // done when it is to end at once
	end, kill context.CancelFunc // of the two
	ended     chan struct{}      // closed when no child runs, and none will
	delivered chan struct{}      // closed when every done has returned
	helpers   sync.WaitGroup
}

// Start starts a child, and returns when that has answered, so it has taken its configuration. It asks for credentials
// before. Its error names each bad setting, or is that of the credentials, a *ChildError, or the cause of ctx, which counts for
// Start only. Close ends the child and the goroutines.
func Start(ctx context.Context, cfg Config) (*Parent, error) {
	cfg = cfg.withDefaults()
	settings, err := cfg.configuration()
	if err != nil {
		return nil, fmt.Errorf("separate: %w", err)
	}
	launch, err := newLauncher(&cfg, settings)
	if err != nil {
		return nil, err
	}
	return start(ctx, cfg, launch)
}

// start is Start with any kind of child.
func start(ctx context.Context, cfg Config, launch launcher) (*Parent, error) {
	p := &Parent{
		cfg: cfg, launch: launch, book: newBook(cfg.MaxBuffered, cfg.RecordTTL),
		alive: make(chan struct{}), ended: make(chan struct{}), delivered: make(chan struct{}),
	}
	p.ending, p.end = context.WithCancel(context.Background())
	p.killing, p.kill = context.WithCancel(context.Background())
	expires, err := p.retrieve(ctx)
	if err != nil {
		return nil, err
	}
	go p.supervise()
	go p.deliver()
	p.helpers.Go(func() { p.keepCredentials(expires) })
	p.helpers.Go(p.keepTime)
	select {
	case <-p.alive:
		return p, nil
	case <-p.ended:
	case <-ctx.Done():
		p.book.fail(fmt.Errorf("separate: %s has not answered in the time that Start had: %w", cfg.Command[0], context.Cause(ctx)))
	}
	p.kill()
	p.finish()
	return nil, context.Cause(p.book.closed)
}

// Put hands over a record for a stream. It waits for room: while the bytes of all records without a result are
// MaxBuffered, and while those of its stream are more than it stores in about half the time to live. Its error says that the
// record is not taken: a bad record, a name that no stream can have (a *producer.RefusedError), producer.ErrClosed, a *ChildError, or that of ctx, and
// what it waited for. With a ctx that is done already it takes nothing.
//
// done, which may be nil, is called exactly once for a record that was taken, and never for another one; it may be called
// before Put returns. All calls are made by one goroutine, one after the other, without a lock: it must not block, and
// neither Put, Flush nor Close may be called in it. A panic in it is logged and goes no further. The record's Data must not be
// changed until then. The Position of a result is after the whole stored record: the child does not say the
// sub-sequence number of the user record.
func (p *Parent) Put(ctx context.Context, stream string, r producer.Record, done func(producer.Record, producer.Result)) error {
	if p.book == nil {
		return errZero
	}
	e := &pending{stream: stream, record: r, done: done}
	if err := ctx.Err(); err != nil {
		return e.notTaken(fmt.Errorf("not put, since the context was done before: %w", err))
	}
	err := p.admissible(e)
	if err == nil {
		err = p.book.enter(ctx, e)
	}
	if err == nil {
		err = p.book.add(e, p.cfg.patience())
	}
	if err != nil {
		return e.notTaken(err)
	}
	return nil
}

// admissible finds out what a record counts, if some stream may take it.
func (p *Parent) admissible(e *pending) error {
	if !kplpipe.IsStream(e.stream) {
		return &producer.RefusedError{Permanent: true, Err: errNoStream}
	}
	if _, err := e.record.HashKey(); err != nil {
		return errors.Unwrap(err) // which record it is about is said here, too
	}
	if bytes := len(e.record.Data) + len(e.record.PartitionKey); bytes > largestRecord {
		return fmt.Errorf("%w: %d bytes of data and partition key, the largest stream takes %d; split it", producer.ErrTooLarge, bytes, largestRecord)
	}
	if e.cost = e.put().Cost(); e.cost > int64(p.cfg.MaxBuffered) {
		return fmt.Errorf("%w: it counts %d bytes, a buffer of %d takes no such record; split it, or raise MaxBuffered", producer.ErrTooLarge, e.cost, p.cfg.MaxBuffered)
	}
	e.flow = p.book.flowOf(e.stream)
	return nil
}

// Flush has the child send what it holds without waiting for more, and returns when done has returned for every record
// put before, or ctx is done. When the Parent has been closed, there is nothing to flush: producer.ErrClosed.
func (p *Parent) Flush(ctx context.Context) error {
	if p.book == nil {
		return errZero
	}
	switch err := context.Cause(p.book.closed); err.(type) {
	case nil:
		return p.flush(ctx)
	case *ChildError:
		return err
	default:
		return fmt.Errorf("separate: %w; there is nothing to flush", err)
	}
}

func (p *Parent) flush(ctx context.Context) error {
	done := p.book.flush()
	again := time.NewTicker(hurryInterval)
	defer again.Stop()
	for {
		p.book.hurry()
		select {
		case <-done:
			return nil
		case <-p.delivered: // no child will be started any more: all have an error
			return nil
		case <-ctx.Done():
			return fmt.Errorf("separate: Flush waited for the results of what was put before, which stays under way: %w", context.Cause(ctx))
		case <-again.C:
		}
	}
}

// Close refuses further records, has the child send what it holds, and ends it. When ctx is done before, the child is
// killed and what is left gets producer.ErrClosed as its result, though it may be stored; the error then says how many that
// were. Every done has returned when Close does. To call it again is to wait for the same end.
func (p *Parent) Close(ctx context.Context) error {
	if p.book == nil {
		return errZero
	}
	p.book.close(errClosed)
	defer context.AfterFunc(ctx, p.kill)()
	err := p.flush(ctx)
	left := p.book.fail(errGivenUp)
	p.finish()
	if err != nil && left > 0 {
		return fmt.Errorf("separate: closed with %d records not sent, whose results say so: %w", left, context.Cause(ctx))
	}
	return nil
}

// finish ends the child and all goroutines.
func (p *Parent) finish() {
	p.end()
	<-p.ended
	<-p.delivered
	p.helpers.Wait()
	p.kill() // nothing any more
}

// PID returns the process id of the child that runs now, 0 if none does.
func (p *Parent) PID() int { return int(p.pid.Load()) }

// Stats returns the counters of now.
func (p *Parent) Stats() Stats {
	if p.book == nil {
		return Stats{}
	}
	p.book.mu.Lock()
	defer p.book.mu.Unlock()
	s := p.book.stats
	s.Restarts, s.Outstanding = p.restarts.Load(), int64(len(p.book.open))
	return s
}

// keepTime expires records until the Parent is closed. It wakes once in a grace at least: that it wakes late means that
// the whole program stood still, so it waits once more, in which the results that lie in the pipe since then are read.
func (p *Parent) keepTime() {
	grace := max(p.cfg.grace(), shortestGrace)
	for {
		wait := min(time.Until(p.book.expire(p.cfg.patience())), grace)
		for late := true; late; wait = grace {
			begin := time.Now()
			select {
			case <-time.After(wait):
			case <-p.ended:
				return
			}
			late = time.Since(begin)-wait > grace/4
		}
	}
}
