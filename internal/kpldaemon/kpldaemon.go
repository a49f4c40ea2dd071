// Package kpldaemon puts records for other processes: it stands in for the KPL's native binary, over package producer.
// docs/separate-process.md says what it takes and what it answers.
//
//	clients --frames--> conn (one reader, one writer each) --puts--> stream (one producer.Producer each) ---> Kinesis
//	   ^                  |                                             |
//	   +-----results------+<--------------------------------------------+
//
// Memory is bounded by the budget, however many clients there are. A client that has used up its part is not read from
// until it takes results.
package kpldaemon

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
)

// Options are what a Daemon is made of.
type Options struct {
	Configuration *kplpb.Configuration // valid (kplpipe.Validate)
	Kinesis       Keys                 // the first credentials, if known: else set_credentials brings them
	Metrics       Keys                 // those for CloudWatch; absent: Kinesis'
	CAPath        string               // a folder with certificates, "" for none
	CAFile        string               // a file with certificates, "" for none
	MaxBuffered   int64                // bytes of puts without a written result; 0: DefaultMaxBuffered
	Logger        *slog.Logger
	Transport     http.RoundTripper // for tests: the way to AWS; nil: the network, as Configuration says
}

// DefaultMaxBuffered is the budget in bytes. A client alone gets half of it, twice what a parent's window is.
const DefaultMaxBuffered = 256 << 20

// Daemon has a producer for each stream, which all clients share.
type Daemon struct {
	settings *settings
	log      *slog.Logger
	api      *api
	keys     *credentials
	metrics  *credentials
	counters *counters
	uploader *uploader // nil: metrics_level is none
	budget   *budget

	mu      sync.Mutex
	streams map[string]*stream
	conns   map[*conn]struct{}
	closed  bool
}

// New returns a Daemon. It logs each setting that it does not honour, by name.
func New(ctx context.Context, o Options) (*Daemon, error) {
	s, err := newSettings(ctx, o)
	if err != nil {
		return nil, err
	}
	if o.MaxBuffered == 0 {
		o.MaxBuffered = DefaultMaxBuffered
	}
	d := &Daemon{
		settings: s, log: o.Logger, keys: newCredentials(), metrics: newCredentials(), counters: newCounters(o.Configuration.GetAdditionalMetricDims()),
		budget: newBudget(o.MaxBuffered), streams: map[string]*stream{}, conns: map[*conn]struct{}{},
	}
	d.setKeys(o.Kinesis, false)
	d.setKeys(o.Metrics, true)
	transport := o.Transport
	if transport == nil {
		if transport, err = newTransport(s); err != nil {
			return nil, err
		}
	}
	d.api = newAPI(s, transport, d.keys, d.counters)
	d.uploader = newUploader(s, transport, orElse{d.metrics, d.keys}, d.counters)
	return d, nil
}

// Serve takes frames from in until its end, and answers on out. It returns when each put has its answer, as far as
// anybody reads them. The error says why the client was cut off; a clean end is none. It closes neither.
func (d *Daemon) Serve(name string, in io.Reader, out io.Writer) error {
	return d.serve(name, in, out, func() {})
}

// serve calls ended when it reads no more, for whatever reason: results may still go out.
func (d *Daemon) serve(name string, in io.Reader, out io.Writer, ended func()) error {
	c, err := d.join(name, in, out, ended)
	if err != nil {
		return err
	}
	defer d.leave(c)
	return c.serve()
}

var errClosing = errors.New("the daemon is ending")

func (d *Daemon) join(name string, in io.Reader, out io.Writer, ended func()) (*conn, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, errClosing
	}
	d.budget.join(1)
	c := newConn(d, name, in, out, ended)
	d.conns[c] = struct{}{}
	return c, nil
}

func (d *Daemon) leave(c *conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.conns, c)
	d.budget.join(-1)
}

// lastWords is how long results are written after the time to send is over.
const lastWords = 250 * time.Millisecond

// Close takes no more puts, sends what is held until ctx is done, and lets the results go out. What is not sent then
// gets a result that says so.
func (d *Daemon) Close(ctx context.Context) {
	d.mu.Lock()
	d.closed = true
	conns, streams := slices.Collect(maps.Keys(d.conns)), slices.Collect(maps.Values(d.streams))
	d.mu.Unlock()
	for _, c := range conns {
		c.stop()
	}
	var wg sync.WaitGroup
	for _, s := range streams {
		wg.Go(func() { s.close(ctx) })
	}
	wg.Wait()
	uploading, cancel := context.WithTimeout(ctx, lastUpload)
	d.uploader.close(uploading)
	cancel()
	writing, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	for _, c := range conns {
		c.finish(writing)
	}
}
