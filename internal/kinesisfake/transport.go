package kinesisfake

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Transport returns an http.RoundTripper that calls the server without sockets, for http.Client and aws.Config.
// A connection that a fault breaks is an error that wraps syscall.ECONNRESET.
func (s *Server) Transport() http.RoundTripper { return transport{s} }

type transport struct{ server *Server }

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r = r.Clone(r.Context())
		r.Body = http.NoBody
	}
	defer r.Body.Close()
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".SubscribeToShard") {
		return t.stream(r)
	}
	w := &buffer{header: http.Header{}}
	if err := t.call(w, r); err != nil {
		return nil, err
	}
	return response(r, w.status, w.header, io.NopCloser(&w.body), int64(w.body.Len())), nil
}

// call runs the handler and tells whether it broke the connection.
func (t transport) call(w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		switch p := recover(); {
		case p == nil:
		case p != http.ErrAbortHandler:
			panic(p)
		case r.Context().Err() != nil:
			err = r.Context().Err()
		default:
			err = fmt.Errorf("kinesisfake: %w", syscall.ECONNRESET)
		}
	}()
	t.server.ServeHTTP(w, r)
	return nil
}

// stream runs the handler beside the caller, who reads what it writes.
func (t transport) stream(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(r.Context())
	reader, writer := io.Pipe()
	w := &pipe{header: http.Header{}, writer: writer, started: make(chan struct{})}
	// A handler that waits for its reader must not outlive the client or the server.
	context.AfterFunc(ctx, func() { writer.CloseWithError(ctx.Err()) })
	stop := context.AfterFunc(t.server.open, func() { writer.Close() })
	broken := make(chan error, 1)
	go func() {
		err := t.call(w, r.WithContext(ctx))
		writer.CloseWithError(err)
		broken <- err
		stop()
		cancel()
	}()
	select {
	case <-w.started:
	case err := <-broken: // buffered answers always start; this one broke
		if err != nil {
			return nil, err
		}
	}
	return response(r, w.status, w.header, &body{reader, cancel}, -1), nil
}

func response(r *http.Request, status int, header http.Header, body io.ReadCloser, length int64) *http.Response {
	header.Set("Date", time.Now().UTC().Format(http.TimeFormat)) // SDKs measure their clock's skew by it
	return &http.Response{
		Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), StatusCode: status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: body, ContentLength: length, Request: r,
	}
}

// buffer is a whole answer.
type buffer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (b *buffer) Header() http.Header         { return b.header }
func (b *buffer) WriteHeader(status int)      { b.status = status }
func (b *buffer) Write(p []byte) (int, error) { return b.body.Write(p) }

// pipe is an answer that is read while it is written.
type pipe struct {
	header  http.Header
	status  int
	writer  *io.PipeWriter
	started chan struct{} // closed with the status
	once    sync.Once
}

func (p *pipe) Header() http.Header         { return p.header }
func (p *pipe) Write(b []byte) (int, error) { return p.writer.Write(b) }
func (p *pipe) FlushError() error           { return nil }
func (p *pipe) WriteHeader(status int) {
	p.once.Do(func() { p.status = status; close(p.started) })
}

// body ends the handler when it is closed.
type body struct {
	*io.PipeReader
	cancel context.CancelFunc
}

func (b *body) Close() error {
	b.cancel()
	return b.PipeReader.Close()
}
