package proxy

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// answerWriter writes an answer to the client, whatever its length, as long as it moves.
type answerWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	limit   time.Duration // without progress
	moved   time.Time
	status  int
	bytes   int64
	err     error
}

// move puts off when the client counts as gone. Deadlines cost something with HTTP/2: one a second is enough.
func (w *answerWriter) move() {
	if now := time.Now(); now.Sub(w.moved) >= time.Second {
		w.moved = now
		w.control.SetWriteDeadline(now.Add(w.limit)) // where it is not supported there is no socket
	}
}

func (w *answerWriter) WriteHeader(status int) {
	w.move()
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *answerWriter) Write(p []byte) (int, error) {
	w.move()
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	if err != nil {
		w.err = err
	}
	return n, err
}

// Unwrap is how net/http finds Flush.
func (w *answerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// writtenBody is an answer's body that writes itself to the client, all of it, when it is read for the first time, which is
// after the header: to be read and written it would be copied once more.
type writtenBody struct {
	io.Closer
	from io.WriterTo
	to   *answerWriter
}

func (b *writtenBody) Read([]byte) (int, error) {
	if _, err := b.from.WriteTo(b.to); err != nil {
		return 0, err
	}
	return 0, io.EOF
}

var errStalled = errors.New("upstream's answer does not go on")

// movingBody is upstream's answer, which is given up where it does not move. It takes no time while nobody reads.
type movingBody struct {
	io.ReadCloser
	x     *exchange
	timer *time.Timer
}

func (x *exchange) newMovingBody(body io.ReadCloser) *movingBody {
	timer := time.AfterFunc(x.limits.answerTime, func() { x.cancel(errStalled) })
	timer.Stop()
	return &movingBody{body, x, timer}
}

func (b *movingBody) Read(p []byte) (int, error) {
	b.timer.Reset(b.x.limits.answerTime)
	defer b.timer.Stop()
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		b.x.brokeOff(err)
	}
	return n, err
}

// brokeOff notes that an answer has begun and will not end.
func (x *exchange) brokeOff(err error) {
	switch cause := context.Cause(x.r.Context()); cause {
	case nil:
		x.Metrics.upstreamErrors.Add(1)
		x.err = fmt.Errorf("upstream's answer broke off: %w", err)
	case errStalled:
		x.Metrics.upstreamErrors.Add(1)
		x.err = errStalled
	case errEnding:
	default:
		x.err = errGone
	}
}

// events is a subscription's answer, which can be ended after a whole event: the client's SDK takes that for the end of
// the subscription, which comes every five minutes at the latest, and subscribes again.
//
// Each message of the event stream begins with its length.
type events struct {
	io.ReadCloser
	stop func() bool // forgets the end

	mu     sync.Mutex
	ended  bool
	left   int    // bytes of the message under way
	prefix []byte // of a message whose length has not come whole
}

// endWith returns the answer, which ends when ending is done, and then cancels its request.
func endWith(body io.ReadCloser, ending context.Context, cancel context.CancelCauseFunc) *events {
	e := &events{ReadCloser: body}
	e.stop = context.AfterFunc(ending, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.ended = true
		if e.between() {
			cancel(errEnding)
		}
	})
	return e
}

var (
	errEnding = errors.New("the proxy ends")
	errGone   = errors.New("the client takes no more")
)

func (e *events) between() bool { return e.left == 0 && len(e.prefix) == 0 }

func (e *events) Read(p []byte) (int, error) {
	n, err := e.ReadCloser.Read(p)
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := 0; ; {
		if e.ended && e.between() {
			return i, io.EOF
		}
		if i == n {
			return n, err
		}
		i += e.pass(p[i:n])
	}
}

// pass counts as much of b as belongs to one message.
func (e *events) pass(b []byte) int {
	if e.left > 0 {
		n := min(e.left, len(b))
		e.left -= n
		return n
	}
	n := min(4-len(e.prefix), len(b))
	e.prefix = append(e.prefix, b[:n]...)
	if len(e.prefix) == 4 {
		e.left = max(int(binary.BigEndian.Uint32(e.prefix)&0x7FFFFFFF)-4, 0)
		e.prefix = e.prefix[:0]
	}
	return n
}

func (e *events) Close() error {
	e.stop()
	return e.ReadCloser.Close()
}
