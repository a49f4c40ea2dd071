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
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/textproto"
	"regexp"
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
	// Answer, if it is set, changes upstream's answer: it may replace Body, with Content-Length and ContentLength, and wrap
	// it. Reading Body fails where upstream stalls; that of a subscription ends after a whole event when the proxy does.
	// Upstream may be asked by Accept-Encoding for an answer that is not compressed. An error is an answer, as of Change.
	Answer func(*http.Response) error
	// Send sends another call upstream on behalf of this one, in the same protocol.
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
	x.w.move()
	x.w.control.SetReadDeadline(x.began.Add(h.limits.bodyTime)) // net/http looks for the end of a body, too, that nobody has read
	if err := x.admit(); err != nil {
		x.fail(err)
		return
	}
	h.proxy.ServeHTTP(x.w, x.r)
}

// exchange is a request and its answer.
type exchange struct {
	*Handler
	w         *answerWriter
	r         *http.Request
	cancel    context.CancelCauseFunc // of the request to the upstream
	operation string                  // "" if it is not known
	body      []byte
	held      int // of the budget
	change    func(*http.Response) error
	began     time.Time
	header    time.Duration // until the answer's header
	err       error         // for the log
}

type exchangeKey struct{}

func exchangeOf(ctx context.Context) *exchange { return ctx.Value(exchangeKey{}).(*exchange) }

// admit takes a request in, or says why not.
func (x *exchange) admit() (err error) {
	if x.Metrics.requests.Add(1) > x.limits.requests {
		return unavailable(nil, "too many requests are under way, try again")
	}
	if x.r.Method == http.MethodConnect {
		return refusal("UnknownOperationException", "kplkit proxy: it makes no tunnels")
	}
	var c claim
	if key := x.cfg.AccessKey; key != nil {
		if c, err = key.claimed(x.r, x.began); err != nil {
			return err
		}
	} else if x.r.Header["Origin"] != nil {
		return accessDenied("a page in a browser is served only with an access key (--require-access-key)")
	}
	x.body, err = x.readBody(x.w, x.r)
	x.held = cap(x.body)
	if err != nil {
		return err
	}
	x.w.control.SetReadDeadline(time.Time{})
	x.w.move()
	if key := x.cfg.AccessKey; key != nil {
		if err := key.verify(c, x.r, x.body); err != nil {
			return err
		}
	}
	if x.cfg.ReadOnly && !operations[x.operation] {
		return accessDenied("--read-only lets through only operations that are known to read, called in the usual way")
	}
	x.r.Header.Del("Upgrade") // what it leads to can't be signed
	return x.offer()
}

// offer shows a call that reads a shard to the one who may change it.
func (x *exchange) offer() error {
	if x.cfg.Change == nil || !readingShards[x.operation] {
		return nil
	}
	c := &Call{Operation: x.operation, Header: x.r.Header, Body: x.body, Send: x.sendAnother, Metrics: x.Metrics}
	err := x.cfg.Change(x.r.Context(), c)
	x.body, x.change = c.Body, c.Answer
	if err != nil && !errors.As(err, new(*Error)) {
		return unavailable(err, "the call can't be changed")
	}
	return err
}

// sendAnother sends a call that differs from the client's in operation and body.
func (x *exchange) sendAnother(ctx context.Context, operation string, body []byte) (*http.Response, error) {
	r := x.r.Clone(ctx)
	if r.Header.Get("X-Amz-Target") != "" {
		r.Header.Set("X-Amz-Target", targetPrefix+operation)
	} else {
		r.URL.Path = pathPrefix + operation
	}
	return x.upstream.send(r, operation, body)
}

// roundTripper sends the request of an exchange.
type roundTripper struct{}

func (roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	x := exchangeOf(r.Context())
	return x.upstream.send(r, x.operation, x.body)
}

// answer takes upstream's answer, before anything of it goes to the client.
func (x *exchange) answer(answer *http.Response) error {
	x.header = time.Since(x.began)
	if answer.StatusCode < 200 || answer.StatusCode > 999 { // 101 is another protocol; others are not to be had of net/http
		return fmt.Errorf("upstream's answer has the status %d", answer.StatusCode)
	}
	answer.Body = x.newMovingBody(answer.Body)
	if x.subscribes() && answer.Header.Get("Content-Type") == "application/vnd.amazon.eventstream" {
		answer.Body = endWith(answer.Body, x.ending, x.cancel)
	}
	if x.change == nil || answer.StatusCode != http.StatusOK {
		return nil
	}
	return x.change(answer)
}

func (x *exchange) subscribes() bool { return x.operation == "SubscribeToShard" }

// upstreamError makes what the client sees of an error, and counts it.
func (x *exchange) upstreamError(err error) error {
	switch cause := context.Cause(x.r.Context()); {
	case errors.As(err, new(*Error)):
		return err
	case x.r.Context().Err() != nil && cause != errStalled:
		return unavailable(errGone, "the request was given up")
	}
	x.Metrics.upstreamErrors.Add(1)
	return unavailable(err, "Kinesis gives no answer; the proxy's log says why")
}

// fail answers with an error of the proxy's own.
func (x *exchange) fail(err error) {
	e := &Error{}
	if !errors.As(err, &e) {
		e = unavailable(err, "it failed")
	}
	if e.Status != http.StatusServiceUnavailable {
		x.Metrics.refusals.Add(1)
	}
	x.err = e
	e.write(x.w, x.r)
}

// finish counts and logs an exchange, broken ones included.
func (x *exchange) finish() {
	x.budget.held.Add(-int64(x.held))
	took := time.Since(x.began)
	name := x.operation
	if name == "" {
		name = otherOperation
	}
	m := x.Metrics
	m.requests.Add(-1)
	m.requestBytes.Add(uint64(len(x.body)))
	m.answerBytes.Add(uint64(x.w.bytes))
	latency := took
	if x.subscribes() && x.header > 0 {
		latency = x.header
	}
	m.answered(name, x.w.status, latency)
	attributes := []slog.Attr{
		slog.String("operation", name), slog.Int("status", x.w.status), slog.Float64("ms", float64(took.Microseconds())/1000),
		slog.Int("in", len(x.body)), slog.Int64("out", x.w.bytes), slog.String("client", x.r.RemoteAddr),
		slog.String("request_id", x.w.Header().Get("X-Amzn-Requestid")),
	}
	level := slog.LevelInfo
	if x.err == nil && x.w.err != nil {
		x.err = fmt.Errorf("%w: %w", errGone, x.w.err)
	}
	if x.err != nil {
		if !errors.Is(x.err, errGone) { // which is a client's right
			level = slog.LevelWarn
		}
		attributes = append(attributes, slog.String("error", describe(x.err)))
	}
	x.cancel(nil)
	x.cfg.Log.LogAttrs(context.Background(), level, "request", attributes...)
}

var quoted = regexp.MustCompile(`"(\\.|[^"\\])*"`)

// describe returns an error's text, its cause's included, without what it quotes: net/http quotes what it can't read, and
// that may be anybody's data.
func describe(err error) string {
	text := ""
	if e := (*Error)(nil); errors.As(err, &e) {
		text = e.Error()
		if err = e.Cause; err == nil {
			return text
		}
		text += ": "
	}
	if errors.As(err, new(textproto.ProtocolError)) {
		return text + "a header that is none"
	}
	return text + quoted.ReplaceAllString(err.Error(), `"…"`)
}

// copyBuffers are what answers are copied with.
type copyBuffers struct{}

var copyBufferPool = sync.Pool{New: func() any { return new([32 << 10]byte) }}

func (copyBuffers) Get() []byte  { return copyBufferPool.Get().(*[32 << 10]byte)[:] }
func (copyBuffers) Put(b []byte) { copyBufferPool.Put((*[32 << 10]byte)(b)) }
