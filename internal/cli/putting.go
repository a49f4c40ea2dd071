package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/smithy-go"

	"github.com/kplkit/kplkit/internal/recordio"
	"github.com/kplkit/kplkit/producer"
)

// putGrace is how long an interrupted run goes on sending what was read.
const putGrace = 2 * time.Second

// putting is a run of kplkit put.
type putting struct {
	s        Streams
	o        putOptions
	asJSON   bool
	producer *producer.Producer
	status   *putStatus
	nested   nesting
	failures *failedFile // nil: not asked for
	began    time.Time

	mu      sync.Mutex
	stop    context.CancelFunc // of reading
	counts  putCounts
	read    int64
	last    place // that was read
	unsent  place // the first one
	why     error // it is
	refused error // why the service takes nothing more
}

// putCounts is what a run did.
type putCounts struct {
	Put     int64   `json:"put"`
	Failed  int64   `json:"failed"`
	Unsent  int64   `json:"unsent"`
	Retried int64   `json:"retried"`
	Stored  int64   `json:"stored"`
	Bytes   int64   `json:"bytes"`
	Seconds float64 `json:"seconds"`
}

// place is where a user record comes from. n counts all of a run.
type place struct {
	n    int64
	file string
	line int
}

func (at place) String() string { return fmt.Sprintf("%s:%d", at.file, at.line) }

func newPutting(s Streams, o putOptions, asJSON bool) *putting {
	p := &putting{s: s, o: o, asJSON: asJSON, began: time.Now()}
	p.status = newPutStatus(s, p.standing)
	p.nested = nesting{strict: o.strict, tell: func(err error) { fmt.Fprintf(p.status, "kplkit: %v\n", err) }}
	return p
}

// run puts the inputs, and ends with the summary, whatever happens in between.
func (p *putting) run(ctx context.Context, client *kinesis.Client, stream string, names []string) error {
	logger := slog.New(slog.NewTextHandler(p.status, &slog.HandlerOptions{Level: slog.LevelWarn}))
	options := append(p.o.producer(), producer.WithTrace(producer.Trace{Attempt: p.attempted, Retry: p.retried}), producer.WithLogger(logger))
	var err error
	if p.producer, err = producer.New(client, stream, options...); err != nil {
		p.status.end()
		return err
	}
	p.nested.meant = "kplkit put " + shellWord(stream) + p.o.aws.given()
	reading, stop := context.WithCancel(ctx)
	defer stop()
	p.stop = stop
	s := Streams{In: p.s.In, Out: p.s.Out, Err: p.status}
	p.status.total = sizeOfInputs(p.s.In, names)
	err = readSources(reading, s, names, func(int64) {}, func(src *recordio.Source) error {
		p.status.begin(src)
		if p.o.lines {
			return p.lines(reading, src)
		}
		return p.records(reading, src)
	})
	p.close(ctx)
	lost := p.keepFailures(err)
	switch err = p.result(ctx, err); {
	case lost != nil && err == errReported:
		err = lost
	case lost != nil:
		err = errors.Join(err, lost)
	}
	return p.end(err)
}

// keepFailures puts the file of what failed in its place. It leaves that as it was where the run was interrupted before
// anything was read; err is why reading ended. After an error nobody is sent to the file.
func (p *putting) keepFailures(err error) error {
	if err == errInterrupted && p.read == 0 {
		return nil
	}
	lost := p.failures.finish()
	if lost != nil {
		p.failures = nil
	}
	return lost
}

// end writes what every run ends with, the summary. err is what there is to say besides.
func (p *putting) end(err error) error {
	p.status.end()
	if failed := p.writeSummary(); failed != nil {
		return failed
	}
	return err
}

// close sends what is left. It gives up soon when ctx is done, and at once when the service takes nothing more.
func (p *putting) close(ctx context.Context) {
	sending, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	defer giveUp()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(putGrace, giveUp) })()
	p.mu.Lock()
	if p.refused != nil {
		giveUp()
	}
	p.stop = giveUp
	p.mu.Unlock()
	_ = p.producer.Close(sending) // what it leaves behind is counted
}

// result is what the run ends with: err is why reading did.
func (p *putting) result(ctx context.Context, err error) error {
	unsent := fmt.Sprintf("%d of the records read were not put, the first is %v", p.counts.Unsent, p.unsent)
	if api := smithy.APIError(nil); p.refused == nil && errors.As(p.why, &api) {
		unsent += fmt.Sprintf(", for which the last answer was %s: %s", api.ErrorCode(), api.ErrorMessage())
	}
	goOn := "go on from there (some after it may come twice)"
	if p.failures != nil {
		goOn = fmt.Sprintf("what failed is in %s, put that, and go on after %v", p.failures.name, p.last)
	}
	switch {
	case p.refused != nil && p.failures == nil:
		return fmt.Errorf("%w; %s", p.refused, unsent)
	case p.refused != nil:
		return fmt.Errorf("%w; %s: %s", p.refused, unsent, goOn)
	case ctx.Err() != nil && p.counts.Unsent > 0:
		return fmt.Errorf("interrupted: %s: %s", unsent, goOn)
	case err == errInterrupted && p.failures != nil && p.failures.n > 0:
		return fmt.Errorf("interrupted: everything up to %v was tried, and %d of it failed: what failed is in %s, put that, and go on after %v",
			p.last, p.counts.Failed, p.failures.name, p.last)
	case err == errInterrupted && p.read > 0 && p.counts.Failed > 0:
		return fmt.Errorf("interrupted: everything up to %v was tried, and %d of it failed", p.last, p.counts.Failed)
	case err == errInterrupted && p.read > 0:
		return fmt.Errorf("interrupted: everything up to %v was sent", p.last)
	case (err == nil || err == errReported) && p.failures != nil && p.failures.n > 0:
		return fmt.Errorf("%d user records failed and are in %s", p.failures.n, p.failures.name)
	case err == nil && p.counts.Failed > 0:
		return errReported
	}
	return err
}

// next numbers what was read.
func (p *putting) next(at place) place {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.read++
	at.n = p.read
	p.last = at
	return at
}

func (p *putting) put(ctx context.Context, at place, r producer.Record) {
	at = p.next(at)
	p.status.took(r)
	err := p.producer.Put(ctx, r, func(r producer.Record, res producer.Result) {
		p.status.settled(r)
		if res.Err != nil {
			p.failed(at, &r, res.Err)
			return
		}
		p.mu.Lock()
		p.counts.Put++
		p.counts.Bytes += int64(len(r.Data))
		p.mu.Unlock()
	})
	if err != nil {
		p.status.settled(r)
		p.failed(at, &r, err)
	}
}

// failed counts what is not put, keeps it if that is asked for, and reports it unless many others share its fate. Without
// a user record there was none to read.
func (p *putting) failed(at place, r *producer.Record, err error) {
	unsent := p.countFailed(at, err)
	if r != nil {
		p.failures.add(at, r, err)
	}
	switch {
	case p.asJSON:
		p.status.tell(p.s.Out, append(appendFailure([]byte(`{"v":1`), at, err), "}\n"...))
	case !unsent:
		p.status.tell(p.s.Err, fmt.Appendf(nil, "kplkit: %v: %v\n", at, err))
	}
}

// countFailed reports whether it failed because the run is over.
func (p *putting) countFailed(at place, err error) (unsent bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts.Failed++
	var refusal *producer.RefusedError
	unusable := errors.As(err, &refusal) && refusal.Permanent
	if unusable && p.refused == nil {
		p.refused = err
		p.stop()
	}
	if !unusable && !errors.Is(err, producer.ErrClosed) && !errors.Is(err, context.Canceled) {
		return false
	}
	if p.counts.Unsent++; p.unsent.n == 0 || at.n < p.unsent.n {
		p.unsent, p.why = at, err
	}
	return true
}
