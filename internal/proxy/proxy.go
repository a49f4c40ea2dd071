// Package proxy stands between any client of Kinesis and Kinesis. It speaks the API to the client, signs each request
// anew with its own credentials, and passes the answer on as it comes: status, header, body, trailers, errors. One
// request of the client's is one request to Kinesis; to try again is the client's.
//
// A [Handler] is an http.Handler first. [Handler.Serve] makes it a server, with limits on all that a client can take and
// a time-out on all that can wait. The body of a request is held, since a signature covers its hash; answers stream.
//
// It signs for whoever reaches it: see docs/proxy.md for what it does against strangers.
package proxy

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Config is what a Handler is made of.
type Config struct {
	// AWS has the region and the credentials to sign with, the upstream's URL (BaseEndpoint; the region's own if nil), and
	// in its HTTPClient the certificates to trust.
	AWS aws.Config
	// AccessKey is what clients have to sign with. Without it anyone is served who is not a page in a browser.
	AccessKey *AccessKey
	// ReadOnly refuses all operations but those that are known to read.
	ReadOnly bool
	// Change, if set, is called with each call of GetRecords, GetShardIterator and SubscribeToShard, before it goes
	// upstream. An error is the answer to the client: as it is if it is an *Error, else as a failure that is tried again.
	Change func(context.Context, *Call) error
	// Log gets a line for each request, and what goes wrong. It never gets data, keys, credentials, or anything else of a
	// body.
	Log *slog.Logger
	// Transport takes requests to the upstream; one is made if nil.
	Transport http.RoundTripper
}

// Call is a call of an operation that reads a shard, on its way upstream.
type Call struct {
	Operation string
	Header    http.Header // of the client's request
	Body      []byte      // whole; it may be replaced
	// Answer, if it is set, changes upstream's answer, if its status is a success: it replaces or wraps Body, and sets or deletes
	// Content-Length and ContentLength. A Body that is an io.WriterTo is written by that, in pieces that have two minutes each.
	// Body is not compressed. Reading it fails where upstream stalls; that of a subscription ends after a whole event when the proxy ends. An error is the answer to the client, as of Change.
	Answer func(*http.Response) error
	// Send sends another call upstream on behalf of this one, in the same protocol. Its ctx comes from the call's.
	Send func(ctx context.Context, operation string, body []byte) (*http.Response, error)
	// Metrics is where records are counted.
	Metrics *Metrics
}

// readingShards are the operations whose calls may be changed.
var readingShards = map[string]bool{"GetRecords": true, "GetShardIterator": true, "SubscribeToShard": true}

// Handler is the proxy. It is safe for concurrent use.
type Handler struct {
	Metrics  *Metrics
	cfg      Config
	limits   limits
	budget   budget
	upstream *upstream
	proxy    *httputil.ReverseProxy
	ending   context.Context // done when subscriptions are to end
	end      context.CancelFunc
}

// New returns a Handler. It asks for no credentials yet.
func New(cfg Config) (*Handler, error) {
	h := &Handler{Metrics: newMetrics(), cfg: cfg, limits: defaultLimits()}
	if h.cfg.Log == nil {
		h.cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Transport == nil {
		cfg.Transport = newTransport(cfg.AWS.HTTPClient, h.limits)
	}
	var err error
	if h.upstream, err = newUpstream(cfg.AWS, cfg.Transport); err != nil {
		return nil, err
	}
	h.ending, h.end = context.WithCancel(context.Background())
	h.proxy = &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.Out.Header.Del("Expect") }, // the body is here
		Transport:      roundTripper{},
		ModifyResponse: func(answer *http.Response) error { return exchangeOf(answer.Request.Context()).answer(answer) },
		ErrorHandler: func(_ http.ResponseWriter, r *http.Request, err error) {
			x := exchangeOf(r.Context())
			x.fail(x.upstreamError(err))
		},
		ErrorLog:   slog.NewLogLogger(h.cfg.Log.Handler(), slog.LevelDebug), // what it says is in the exchange's line, too
		BufferPool: copyBuffers{},
	}
	return h, nil
}

// End ends all subscriptions after a whole event. Other requests are still answered.
func (h *Handler) End() { h.end() }

// ServeHTTP answers one request. Where the answer breaks off it panics with http.ErrAbortHandler, as net/http asks for.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancelCause(r.Context())
	x := &exchange{Handler: h, cancel: cancel, operation: operationOf(r), began: time.Now()}
	x.r = r.WithContext(context.WithValue(ctx, exchangeKey{}, x))
	x.w = &answerWriter{ResponseWriter: w, control: http.NewResponseController(w), limit: h.limits.writeTime}
	defer x.finish()
	x.w.control.SetReadDeadline(x.began.Add(h.limits.bodyTime)) // net/http looks for the end of a body, too, that nobody has read
	if err := x.admit(); err != nil {
		h.Metrics.refusals.Add(1)
		x.fail(err)
		return
	}
	h.proxy.ServeHTTP(x.w, x.r)
}

// copyBuffers are what answers are copied with.
type copyBuffers struct{}

var copyBufferPool = sync.Pool{New: func() any { return new([32 << 10]byte) }}

func (copyBuffers) Get() []byte  { return copyBufferPool.Get().(*[32 << 10]byte)[:] }
func (copyBuffers) Put(b []byte) { copyBufferPool.Put((*[32 << 10]byte)(b)) }
