package proxy

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/kplkit/kplkit/internal/kinesisfake"
)

// pipes is a network in memory, fit for virtual time: a listener, and the way to it.
type pipes struct {
	accept chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{accept: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accept:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "unix"} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.accept <- theirs:
		return ours, nil
	case <-p.closed:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// transport returns connections to what listens.
func (p *pipes) transport() *http.Transport {
	return &http.Transport{DialContext: p.dial, DisableCompression: true}
}

// proxied is a proxy that serves in memory, before an upstream.
type proxied struct {
	*testing.T
	*Handler
	net   *pipes
	log   *syncBuffer
	stop  context.CancelFunc // begins the end
	ended chan error
	pool  *x509.CertPool
}

// syncBuffer is what a log is written to.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

const (
	ourKey    = "AKIAPROXY"
	ourSecret = "the-proxy's-own-secret"
)

func keyPair(id, secret string) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: id, SecretAccessKey: secret}, nil
	})
}

// newHandler returns a proxy whose upstream is at a URL, by a transport.
func newHandler(t *testing.T, cfg Config) (*Handler, *syncBuffer) {
	log := new(syncBuffer)
	cfg.Log = slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if cfg.AWS.Region == "" {
		cfg.AWS.Region = "us-east-1"
		cfg.AWS.BaseEndpoint = aws.String("http://kinesis.test")
	}
	if cfg.AWS.Credentials == nil {
		cfg.AWS.Credentials = keyPair(ourKey, ourSecret)
	}
	h, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h, log
}

// serve serves a proxy in memory until the test ends; change may change it before.
func serve(t *testing.T, cfg Config, secure bool, change ...func(*Handler)) *proxied {
	h, log := newHandler(t, cfg)
	for _, f := range change {
		f(h)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &proxied{T: t, Handler: h, net: newPipes(), log: log, stop: cancel, ended: make(chan error, 1)}
	var certificate *tls.Certificate
	if secure {
		made, pool, err := kinesisfake.SelfSigned()
		if err != nil {
			t.Fatal(err)
		}
		certificate, p.pool = &made, pool
	}
	go func() { p.ended <- h.Serve(ctx, p.net, certificate, 10*time.Second) }()
	t.Cleanup(func() {
		cancel()
		if err := <-p.ended; err != nil {
			t.Error(err)
		}
		p.ended <- nil
	})
	return p
}

// client is the real SDK's, with connections of its own.
func (p *proxied) client(change ...func(*http.Transport, *kinesis.Options)) *kinesis.Client {
	t := p.net.transport()
	o := kinesis.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://localhost"), Credentials: keyPair("any", "thing"), Retryer: aws.NopRetryer{},
	}
	if p.pool != nil {
		o.BaseEndpoint = aws.String("https://localhost")
		t.TLSClientConfig = &tls.Config{RootCAs: p.pool}
		t.ForceAttemptHTTP2 = true
	}
	for _, f := range change {
		f(t, &o)
	}
	o.HTTPClient = &http.Client{Transport: t}
	p.Cleanup(t.CloseIdleConnections)
	return kinesis.New(o)
}

// do sends a plain request and returns the whole answer.
func (p *proxied) do(method, path, body string, header ...string) (*http.Response, string) {
	p.Helper()
	return p.send(method, path, strings.NewReader(body), header...)
}

func (p *proxied) send(method, path string, body io.Reader, header ...string) (*http.Response, string) {
	p.Helper()
	r, err := http.NewRequest(method, "http://localhost"+path, body)
	if err != nil {
		p.Error(err)
		return &http.Response{}, ""
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	t := p.net.transport()
	defer t.CloseIdleConnections()
	answer, err := t.RoundTrip(r)
	if err != nil {
		p.Error(err)
		return &http.Response{}, ""
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		p.Error(err)
	}
	return answer, string(text)
}

// roundTrip is an upstream.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answerOf is what an upstream answers.
func answerOf(r *http.Request, status int, body string, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Add(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: h,
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r}
}

func must[T any](t *testing.T) func(T, error) T {
	return func(out T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}
