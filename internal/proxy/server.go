package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"time"
)

// Serve serves clients on a listener until ctx is done: HTTP/1.1, HTTP/2 without TLS to clients that begin with it, or
// TLS with both if there is a certificate. Then it ends subscriptions, waits for other requests for grace at most, and
// ends all connections. The listener is closed. The error is nil if ctx ended it.
func (h *Handler) Serve(ctx context.Context, l net.Listener, certificate *tls.Certificate, grace time.Duration) error {
	rest := time.AfterFunc(h.limits.restTime, h.rest)
	defer rest.Stop()
	s := h.server(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer rest.Reset(h.limits.restTime)
		h.ServeHTTP(w, r)
	}))
	s.ConnState = h.count
	serve := s.Serve
	if certificate != nil {
		s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{*certificate}, MinVersion: tls.VersionTLS12}
		serve = func(l net.Listener) error { return s.ServeTLS(l, "", "") }
	}
	return run(ctx, s, func() error { return serve(l) }, grace, h.end)
}

// ServeMetrics serves metrics on a listener until ctx is done: /metrics, and /healthz, which is 200 until the proxy ends.
func (h *Handler) ServeMetrics(ctx context.Context, l net.Listener) error {
	mux := http.NewServeMux()
	mux.Handle("/metrics", h.Metrics)
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		if h.ending.Err() != nil {
			http.Error(w, "ending", http.StatusServiceUnavailable)
			return
		}
		io.WriteString(w, "ok\n")
	})
	s := h.server(mux)
	s.ReadTimeout, s.WriteTimeout = h.limits.bodyTime, h.limits.bodyTime
	return run(ctx, s, func() error { return s.Serve(l) }, time.Second, func() {})
}

func (h *Handler) server(handler http.Handler) *http.Server {
	s := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: h.limits.headerTime,
		IdleTimeout:       h.limits.idleTime,
		MaxHeaderBytes:    h.limits.header,
		Protocols:         new(http.Protocols),
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: h.limits.streams,
			SendPingTimeout:      h.limits.answerTime, PingTimeout: h.limits.headerTime,
			WriteByteTimeout: h.limits.writeTime,
		},
		ErrorLog: slog.NewLogLogger(h.cfg.Log.Handler(), slog.LevelWarn),
	}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetHTTP2(true)
	s.Protocols.SetUnencryptedHTTP2(true)
	return s
}

// count bounds the number of connections: one more is closed at once, and the client's SDK tries again.
func (h *Handler) count(c net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		if h.Metrics.connections.Add(1) > h.limits.connections {
			c.Close()
		}
	case http.StateClosed, http.StateHijacked:
		h.Metrics.connections.Add(-1)
	}
}

// rest gives back what the last requests needed, stacks included, when none is under way: then connections that wait for the
// next one are all there is, and cost little.
func (h *Handler) rest() {
	if h.Metrics.requests.Load() == 0 {
		debug.FreeOSMemory()
	}
}

// run runs a server until it fails or ctx is done.
func run(ctx context.Context, s *http.Server, serve func() error, grace time.Duration, ending func()) error {
	failed := make(chan error, 1)
	go func() { failed <- serve() }()
	select {
	case err := <-failed:
		s.Close()
		return err
	case <-ctx.Done():
	}
	ending()
	waiting, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	err := s.Shutdown(waiting)
	s.Close()
	if <-failed; err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}
