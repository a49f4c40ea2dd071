package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"time"
)

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
		return Unavailable(nil, "too many requests are under way, try again")
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
	if x.cfg.Change == nil {
		return nil
	}
	if !readingShards[x.operation] {
		if x.operation == "" && mayReadShards(x.r) {
			return refusal("UnknownOperationException", "kplkit proxy: an operation that reads a shard has to be called as SDKs do, "+
				"by POST of / with X-Amz-Target, and the endpoint URL may have no path: it may answer with aggregates")
		}
		return nil
	}
	c := &Call{Operation: x.operation, Header: x.r.Header, Body: x.body, Send: x.sendAnother, Metrics: x.Metrics}
	err := x.cfg.Change(x.r.Context(), c)
	x.body, x.change = c.Body, c.Answer
	if err != nil && !errors.As(err, new(*Error)) {
		return Unavailable(err, "the call can't be changed")
	}
	if c.Answer != nil {
		x.r.Header.Set("Accept-Encoding", "identity")
	}
	return err
}

// sendAnother sends a call that differs from the client's in operation and body.
func (x *exchange) sendAnother(ctx context.Context, operation string, body []byte) (*http.Response, error) {
	at := *x.r.URL
	r := (&http.Request{Method: http.MethodPost, URL: &at, Header: http.Header{}}).WithContext(ctx)
	for _, name := range []string{"Content-Type", "Smithy-Protocol", "Accept", "User-Agent"} {
		if values := x.r.Header[name]; values != nil {
			r.Header[name] = values
		}
	}
	if x.r.Header.Get("X-Amz-Target") != "" {
		r.Header.Set("X-Amz-Target", targetPrefix+operation)
	} else {
		r.URL.Path = pathPrefix + operation
	}
	answer, err := x.upstream.send(r, operation, body)
	if err == nil {
		answer.Body = x.newMovingBody(answer.Body)
	}
	return answer, err
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
	if x.change == nil || answer.StatusCode >= 300 { // all below are a success to an SDK
		return nil
	}
	if err := x.change(answer); err != nil {
		return err
	}
	if from, ok := answer.Body.(io.WriterTo); ok {
		answer.Body = &writtenBody{answer.Body, from, x.w}
	}
	return nil
}

func (x *exchange) subscribes() bool { return x.operation == "SubscribeToShard" }

// upstreamError makes what the client sees of an error, and counts it.
func (x *exchange) upstreamError(err error) error {
	switch cause := context.Cause(x.r.Context()); {
	case errors.As(err, new(*Error)):
		return err
	case x.r.Context().Err() != nil && cause != errStalled:
		return Unavailable(errGone, "the request was given up")
	}
	x.Metrics.upstreamErrors.Add(1)
	return Unavailable(err, "Kinesis gives no answer; the proxy's log says why")
}

// fail answers with an error of the proxy's own.
func (x *exchange) fail(err error) {
	e := &Error{}
	if !errors.As(err, &e) {
		e = Unavailable(err, "it failed")
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
	return text + quoted.ReplaceAllString(err.Error(), `"…"`)
}
