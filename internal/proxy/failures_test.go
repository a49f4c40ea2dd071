package proxy

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"

	"github.com/kplkit/kplkit/internal/kinesisfake"
)

// rawUpstream is a server that gets bytes and answers bytes; it counts requests. What hold says is how long it waits.
type rawUpstream struct {
	net      *pipes
	requests atomic.Int64
}

func newRawUpstream(t *testing.T, answer func(net.Conn, int)) *rawUpstream {
	u := &rawUpstream{net: newPipes()}
	t.Cleanup(func() { u.net.Close() })
	go func() {
		for {
			c, err := u.net.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for {
					r, err := http.ReadRequest(newBufReader(c))
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, r.Body)
					answer(c, int(u.requests.Add(1)))
				}
			}()
		}
	}()
	return u
}

func (u *rawUpstream) transport(t *testing.T) *http.Transport {
	tr := newTransport(nil, defaultLimits())
	tr.DialContext, tr.Proxy = u.net.dial, nil
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

const okHead = "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\n"

// TestUpstreamFails: however the upstream fails, it was asked once, and the client gets AWS's error, or a broken answer
// that it can't take for a whole one. Nothing of what the upstream said gets into the log.
func TestUpstreamFails(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer func(net.Conn, int)
		broken bool // the answer has begun
	}{
		{"closes", func(c net.Conn, _ int) { c.Close() }, false},
		{"says nothing", func(net.Conn, int) { time.Sleep(time.Hour) }, false},
		{"is not HTTP", func(c net.Conn, _ int) { io.WriteString(c, "SECRET\r\n\r\n"); c.Close() }, false},
		{"has a header that is none", func(c net.Conn, _ int) { io.WriteString(c, "HTTP/1.1 200 OK\r\nSECRET\r\n\r\n"); c.Close() }, false},
		{"has a huge header", func(c net.Conn, _ int) {
			io.WriteString(c, okHead+strings.Repeat("X-A: "+strings.Repeat("SECRET", 100)+"\r\n", 1000)+"\r\n")
		}, false},
		{"switches protocols", func(c net.Conn, _ int) {
			io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n")
			c.Close()
		}, false},
		{"has a status that is none", func(c net.Conn, _ int) { io.WriteString(c, "HTTP/1.1 099 SECRET\r\nContent-Length: 0\r\n\r\n") }, false},
		{"cuts the answer", func(c net.Conn, _ int) { io.WriteString(c, okHead+"Content-Length: 100\r\n\r\nSECRET"); c.Close() }, true},
		{"cuts a chunk", func(c net.Conn, _ int) {
			io.WriteString(c, okHead+"Transfer-Encoding: chunked\r\n\r\n64\r\nSECRET")
			c.Close()
		}, true},
		{"chunks badly", func(c net.Conn, _ int) {
			io.WriteString(c, okHead+"Transfer-Encoding: chunked\r\n\r\n6\r\nSECRETSECRET\r\nzz\r\n")
			c.Close()
		}, true},
		{"stalls", func(c net.Conn, _ int) {
			io.WriteString(c, okHead+"Content-Length: 100\r\n\r\nSECRET")
			time.Sleep(time.Hour)
		}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := newRawUpstream(t, tt.answer)
				p := serve(t, Config{Transport: u.transport(t)}, false)
				began := time.Now()
				_, err := p.client().ListStreams(t.Context(), nil)
				e := smithy.APIError(nil)
				switch isAPI := errors.As(err, &e); {
				case err == nil, tt.broken == isAPI, isAPI && e.ErrorCode() != "ServiceUnavailable":
					t.Errorf("%v", err)
				case isAPI && !retry.RetryableHTTPStatusCode{Codes: retry.DefaultRetryableHTTPStatusCodes}.IsErrorRetryable(err).Bool():
					t.Errorf("the SDK does not try again: %v", err)
				}
				if took := time.Since(began); took > 2*time.Minute {
					t.Errorf("it took %v", took)
				}
				if n := u.requests.Load(); n != 1 {
					t.Errorf("upstream got %d requests", n)
				}
				synctest.Wait()
				if log := p.log.String(); strings.Contains(log, "SECRET") || !strings.Contains(log, `"error"`) {
					t.Errorf("the log: %s", log)
				}
				if n := p.Metrics.upstreamErrors.Load(); n != 1 {
					t.Errorf("%d upstream errors", n)
				}
				time.Sleep(2 * time.Hour) // whoever sleeps is done
			})
		})
	}
}

// TestSendStalls: a call on behalf of another one is given up with it.
func TestSendStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newRawUpstream(t, func(c net.Conn, _ int) {
			io.WriteString(c, okHead+"Content-Length: 100\r\n\r\nSECRET")
			time.Sleep(time.Hour)
		})
		p := serve(t, Config{Transport: u.transport(t), Change: func(ctx context.Context, c *Call) error {
			a, err := c.Send(ctx, "GetShardIterator", nil)
			if err != nil {
				return err
			}
			defer a.Body.Close()
			_, err = io.ReadAll(a.Body)
			return err
		}}, false)
		began := time.Now()
		if a, body := p.do("POST", "/", "", "X-Amz-Target", targetPrefix+"GetRecords"); a.StatusCode != 503 || time.Since(began) > 61*time.Second {
			t.Errorf("after %v: %d %s", time.Since(began), a.StatusCode, body)
		}
		time.Sleep(2 * time.Hour)
	})
}

// TestNeverTwice: a connection that the upstream closes after use does not make a request go there twice.
func TestNeverTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newRawUpstream(t, func(c net.Conn, n int) {
			if n%2 == 0 {
				c.Close() // it had come
				return
			}
			io.WriteString(c, okHead+"Content-Length: 2\r\n\r\n{}")
		})
		p := serve(t, Config{Transport: u.transport(t)}, false)
		for _, tt := range []struct{ method, header string }{{"POST", "X-A"}, {"POST", "Idempotency-Key"}, {"GET", "X-Idempotency-Key"}} {
			from := u.requests.Load()
			for range 2 {
				p.do(tt.method, "/", "", tt.header, "x", "X-Amz-Target", targetPrefix+"PutRecord")
			}
			if n := u.requests.Load() - from; n != 2 {
				t.Errorf("%s %s: two requests made %d", tt.method, tt.header, n)
			}
		}
	})
}

// TestUpstreamDown: nobody listens there.
func TestUpstreamDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newRawUpstream(t, nil)
		u.net.Close()
		p := serve(t, Config{Transport: u.transport(t)}, false)
		for _, tt := range []struct{ header, value, kind, body string }{
			{"X-A", "", "application/x-amz-json-1.1", `{"__type":"ServiceUnavailable","message":"kplkit proxy: Kinesis gives no answer; the proxy's log says why"}`},
			{"Content-Type", "application/x-amz-cbor-1.1", "application/x-amz-cbor-1.1", "\xa2\x79\x00\x06__type\x79\x00\x12ServiceUnavailable\x79\x00\x07message\x79\x00\x40kplkit proxy: Kinesis gives no answer; the proxy's log says why"},
			{"Smithy-Protocol", "rpc-v2-cbor", "application/cbor", "\xa2\x79\x00\x06__type"},
		} {
			a, body := p.do("POST", "/", "", tt.header, tt.value)
			if a.StatusCode != 503 || a.Header.Get("Content-Type") != tt.kind || !strings.HasPrefix(body, tt.body) && len(body) != len(tt.body) || len(a.Header.Get("X-Amzn-Requestid")) != 36 {
				t.Errorf("%s: %d %v %q", tt.value, a.StatusCode, a.Header, body)
			}
		}
		if !strings.Contains(p.log.String(), "connection refused") {
			t.Errorf("the log: %s", p.log)
		}
	})
}

// TestLimits: too much is refused in AWS's form, and what is held is given back.
func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		p := serve(t, Config{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.Header.Get("X-Hold") != "" {
				<-hold
			}
			return answerOf(r, 200, ""), nil
		})}, false, func(h *Handler) {
			h.limits.body, h.limits.bodies, h.limits.requests = 1<<20, 3<<19, 3
		})
		mega := strings.Repeat("x", 1<<20)
		if a, _ := p.do("POST", "/", mega); a.StatusCode != 200 {
			t.Errorf("as much as is allowed: %d", a.StatusCode)
		}
		if a, body := p.do("POST", "/", mega+"x"); a.StatusCode != 413 || !strings.Contains(body, "RequestEntityTooLargeException") {
			t.Errorf("more than is allowed: %d %s", a.StatusCode, body)
		}
		if a, body := p.send("POST", "/", io.MultiReader(strings.NewReader(mega+"x"))); a.StatusCode != 413 || !strings.Contains(body, "RequestEntityTooLargeException") {
			t.Errorf("more, in chunks: %d %s", a.StatusCode, body)
		}
		go p.do("POST", "/", mega, "X-Hold", "1")
		synctest.Wait()
		if a, body := p.do("POST", "/", mega); a.StatusCode != 503 || !strings.Contains(body, "ServiceUnavailable") {
			t.Errorf("too much at a time: %d %s", a.StatusCode, body)
		}
		go p.do("POST", "/", "", "X-Hold", "1")
		go p.do("POST", "/", "", "X-Hold", "1")
		synctest.Wait()
		if a, body := p.do("POST", "/", ""); a.StatusCode != 503 || !strings.Contains(body, "ServiceUnavailable") {
			t.Errorf("too many at a time: %d %s", a.StatusCode, body)
		}
		close(hold)
		synctest.Wait()
		if held, n := p.budget.held.Load(), p.Metrics.requests.Load(); held != 0 || n != 0 {
			t.Errorf("%d bytes and %d requests are still held", held, n)
		}
		if n := p.Metrics.refusals.Load(); n != 4 {
			t.Errorf("%d refusals", n)
		}
		if a, _ := p.do("POST", "/", mega); a.StatusCode != 200 {
			t.Errorf("after all: %d", a.StatusCode)
		}
	})
}

// TestSlowClients: whoever does not go on is disconnected, in time.
func TestSlowClients(t *testing.T) {
	for _, tt := range []struct {
		name, sends string
		within      time.Duration
		reads       bool
		want        string
	}{
		{"says nothing", "", 11 * time.Second, true, ""},
		{"stops in the header", "POST / HTTP/1.1\r\nHost: x\r\nX-A: ", 11 * time.Second, true, ""},
		{"stops in the body", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n123", 62 * time.Second, true, "RequestTimeoutException"},
		{"stops in a chunk", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n123", 62 * time.Second, true, "RequestTimeoutException"},
		{"does not read", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 4 * time.Minute, false, ""},
		{"is idle", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 4 * time.Minute, true, "200 OK"},
		{"has a huge header", "POST / HTTP/1.1\r\nHost: x\r\nX-A: " + strings.Repeat("x", 100<<10), 11 * time.Second, true, "431"},
		{"wants a tunnel", "CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n", 11 * time.Second, true, "UnknownOperationException"},
		{"is HTTP/2 and stops", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 4 * time.Minute, true, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := serve(t, Config{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
					return answerOf(r, 200, strings.Repeat("x", 1<<20)), nil
				})}, false)
				c := must[net.Conn](t)(p.net.dial(t.Context(), "", ""))
				defer c.Close()
				began := time.Now()
				go io.WriteString(c, tt.sends)
				if !tt.reads {
					time.Sleep(tt.within)
				}
				text, _ := io.ReadAll(c)
				if took := time.Since(began); took > tt.within+time.Second || !strings.Contains(string(text), tt.want) {
					t.Errorf("disconnected after %v: %.300q", took, text)
				}
				synctest.Wait()
				if n, c := p.Metrics.requests.Load(), p.Metrics.connections.Load(); n != 0 || c != 0 {
					t.Errorf("%d requests, %d connections", n, c)
				}
			})
		})
	}
}

// TestLaterRequest: time-outs of a request do not fall on the next one on its connection.
func TestLaterRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := serve(t, Config{Transport: roundTrip(func(r *http.Request) (*http.Response, error) { return answerOf(r, 200, ""), nil })}, false)
		c := must[net.Conn](t)(p.net.dial(t.Context(), "", ""))
		defer c.Close()
		from := newBufReader(c)
		for range 3 {
			io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
			for _, body := range []string{"{}", ""} { // it is sent after 100
				a, err := http.ReadResponse(from, nil)
				if err != nil || body != "" && a.StatusCode != 100 || body == "" && a.StatusCode != 200 {
					t.Fatalf("%v %v", a, err)
				}
				io.WriteString(c, body)
			}
			time.Sleep(150 * time.Second)
		}
	})
}

// TestStreams: a connection with HTTP/2 has so many requests at a time, and clients make another one.
func TestStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		p := serve(t, Config{Transport: roundTrip(func(r *http.Request) (*http.Response, error) { <-hold; return answerOf(r, 200, "{}"), nil })}, false,
			func(h *Handler) { h.limits.streams = 2 })
		c := p.client(unencryptedHTTP2)
		for range 3 {
			go c.ListStreams(t.Context(), nil)
			synctest.Wait()
		}
		if n := p.Metrics.connections.Load(); n != 2 {
			t.Errorf("%d connections", n)
		}
		close(hold)
		synctest.Wait()
	})
}

// TestTransport: upstream is not asked for what the client has not asked for.
func TestTransport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newPipes()
		s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, r.Header["Accept-Encoding"], r.Header["User-Agent"])
		})}
		go s.Serve(u)
		defer s.Close()
		tr := newTransport(nil, defaultLimits())
		tr.DialContext, tr.Proxy = u.dial, nil
		defer tr.CloseIdleConnections()
		p := serve(t, Config{Transport: tr}, false)
		if _, got := p.do("POST", "/", "", "User-Agent", ""); got != "[] []" {
			t.Error(got)
		}
	})
}

// TestConnections: one too many is closed at once, and there is room again when one is gone.
func TestConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := serve(t, Config{}, false, func(h *Handler) { h.limits.connections = 2 })
		first := must[net.Conn](t)(p.net.dial(t.Context(), "", ""))
		defer must[net.Conn](t)(p.net.dial(t.Context(), "", "")).Close()
		third := must[net.Conn](t)(p.net.dial(t.Context(), "", ""))
		if _, err := third.Read(make([]byte, 1)); err != io.EOF {
			t.Error(err)
		}
		first.Close()
		synctest.Wait()
		if n := p.Metrics.connections.Load(); n != 1 {
			t.Errorf("%d connections", n)
		}
	})
}

// TestEnding: at the end a subscription ends after a whole event, calls finish, and no new ones are taken.
func TestEnding(t *testing.T) {
	t.Run("HTTP/1.1", func(t *testing.T) { testEnding(t, false, func(*http.Transport, *kinesis.Options) {}) })
	t.Run("HTTP/2 by TLS", func(t *testing.T) { testEnding(t, true, func(*http.Transport, *kinesis.Options) {}) })
	t.Run("HTTP/2 without TLS", func(t *testing.T) { testEnding(t, false, unencryptedHTTP2) })
}

func testEnding(t *testing.T, secure bool, protocol func(*http.Transport, *kinesis.Options)) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(r kinesisfake.Request) (f kinesisfake.Fault) {
			if r.Operation == "ListStreams" {
				f.Delay = 5 * time.Second
			}
			return f
		}
		p, _ := before(t, kinesisfake.Options{Fault: slow}, Config{}, secure)
		c := p.client(protocol)
		ctx := context.Background()
		consumer := must[*kinesis.RegisterStreamConsumerOutput](t)(c.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{StreamARN: aws.String(arn), ConsumerName: aws.String("c")}))
		sub := must[*kinesis.SubscribeToShardOutput](t)(c.SubscribeToShard(ctx, &kinesis.SubscribeToShardInput{
			ConsumerARN: consumer.Consumer.ConsumerARN, ShardId: aws.String("shardId-000000000000"),
			StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeLatest}}))
		listed := make(chan error, 1)
		go func() { _, err := c.ListStreams(ctx, nil); listed <- err }()
		time.Sleep(time.Second)
		began := time.Now()
		p.stop()
		for range sub.GetStream().Events() {
		}
		if err := sub.GetStream().Err(); err != nil || time.Since(began) > time.Second {
			t.Errorf("the subscription ended after %v: %v", time.Since(began), err)
		}
		if err := <-listed; err != nil {
			t.Errorf("a call under way: %v", err)
		}
		if err := <-p.ended; err != nil || time.Since(began) > 6*time.Second {
			t.Errorf("the end came after %v: %v", time.Since(began), err)
		}
		p.ended <- nil
		if _, err := p.client(protocol).ListStreams(ctx, nil); err == nil {
			t.Error("it still answers")
		}
	})
}

// TestClientGoes: a request whose client is gone is gone upstream, too, and nobody is blamed for it.
func TestClientGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := make(chan struct{})
		p := serve(t, Config{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			close(gone)
			return nil, r.Context().Err()
		})}, false)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := p.client().ListStreams(ctx, nil); err == nil {
			t.Error("there is an answer")
		}
		<-gone
		synctest.Wait()
		if log := p.log.String(); p.Metrics.upstreamErrors.Load() != 0 || strings.Contains(log, "WARN") || !strings.Contains(log, errGone.Error()) {
			t.Errorf("%d upstream errors: %s", p.Metrics.upstreamErrors.Load(), log)
		}
	})
}

// TestUpstreamHTTP2: AWS has subscriptions by HTTP/2 alone.
func TestUpstreamHTTP2(t *testing.T) {
	for _, client := range []aws.HTTPClient{nil, awshttp.NewBuildableClient()} {
		testUpstreamHTTP2(t, client)
	}
}

func testUpstreamHTTP2(t *testing.T, client aws.HTTPClient) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesisfake.New(kinesisfake.Options{})
		upstream := newPipes()
		certificate, pool := must2(kinesisfake.SelfSigned())
		s := &http.Server{TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}}, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.ProtoMajor != 2 {
				t.Errorf("it comes by %s", r.Proto)
			}
			k.ServeHTTP(w, r)
		})}
		go s.ServeTLS(upstream, "", "")
		tr := newTransport(client, defaultLimits())
		tr.DialContext, tr.Proxy, tr.TLSClientConfig = upstream.dial, nil, &tls.Config{RootCAs: pool}
		cfg := Config{Transport: tr}
		cfg.AWS.Region, cfg.AWS.BaseEndpoint = "us-east-1", aws.String("https://localhost")
		p := serve(t, cfg, false)
		t.Cleanup(func() { k.Close(); s.Close(); tr.CloseIdleConnections() })
		if _, err := p.client().CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("s"), ShardCount: aws.Int32(1)}); err != nil {
			t.Fatal(err)
		}
		useSDK(t, p.client())
	})
}

func must2[A, B any](a A, b B, err error) (A, B) {
	if err != nil {
		panic(err)
	}
	return a, b
}

// TestEndsAfterWholeEvent: wherever the end comes, what has been passed on are whole messages.
func TestEndsAfterWholeEvent(t *testing.T) {
	message := append([]byte{0, 0, 0, 20}, bytes.Repeat([]byte("m"), 16)...)
	all := bytes.Repeat(message, 3)
	for at := range len(all) + 1 {
		synctest.Test(t, func(t *testing.T) {
			ending, end := context.WithCancel(t.Context())
			ctx, cancel := context.WithCancelCause(t.Context())
			from := 0
			e := endWith(io.NopCloser(readerFunc(func(p []byte) (int, error) {
				if from == at {
					end()
					synctest.Wait()
				}
				if ctx.Err() != nil || from == len(all) {
					return 0, cmp.Or(ctx.Err(), io.EOF)
				}
				p[0] = all[from]
				from++
				return 1, nil
			})), ending, cancel)
			got, err := io.ReadAll(e)
			if want := (at + 19) / 20 * 20; err != nil || len(got) != want {
				t.Errorf("the end at %d: %d bytes, want %d: %v", at, len(got), want, err)
			}
			e.Close()
		})
	}
}

// TestGrace: what does not end in time is cut off.
func TestGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := serve(t, Config{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})}, false)
		failed := make(chan error, 1)
		go func() { _, err := p.client().ListStreams(context.Background(), nil); failed <- err }()
		synctest.Wait()
		began := time.Now()
		p.stop()
		if err := <-p.ended; err != nil || time.Since(began) > 11*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		p.ended <- nil
		if err := <-failed; err == nil {
			t.Error("the call has ended without an error")
		}
	})
}

// TestMetrics: counts by operation, with names from a list alone, and health until the end.
func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := before(t, kinesisfake.Options{}, Config{}, false)
		useSDK(t, p.client())
		p.do("POST", "/", "12345", "X-Amz-Target", targetPrefix+"MadeUp")
		ctx, cancel := context.WithCancel(t.Context())
		l, ended := newPipes(), make(chan error)
		go func() { ended <- p.ServeMetrics(ctx, l) }()
		m := &proxied{T: t, net: l}
		a, text := m.do("GET", "/metrics", "")
		for _, want := range []string{
			"kplkit_proxy_answers_total{operation=\"DescribeStream\",code=\"4xx\"} 1\n",
			"kplkit_proxy_answers_total{operation=\"SubscribeToShard\",code=\"2xx\"} 1\n",
			"kplkit_proxy_request_duration_seconds_bucket{operation=\"SubscribeToShard\",le=\"0.1\"} 1\n",
			"kplkit_proxy_request_duration_seconds_bucket{operation=\"PutRecords\",le=\"+Inf\"} 1\n",
			"kplkit_proxy_request_duration_seconds_count{operation=\"other\"} 1\n",
			"kplkit_proxy_upstream_errors_total 0\n", "kplkit_proxy_requests 0\n", "kplkit_proxy_user_records_total 0\n",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("no %q in\n%s", want, text)
			}
		}
		if strings.Contains(text, "Made") || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/plain; version=0.0.4") {
			t.Errorf("%v\n%s", a.Header, text)
		}
		if a, text := m.do("GET", "/healthz", ""); a.StatusCode != 200 || text != "ok\n" {
			t.Errorf("health: %d %s", a.StatusCode, text)
		}
		p.End()
		if a, _ := m.do("GET", "/healthz", ""); a.StatusCode != 503 {
			t.Errorf("health at the end: %d", a.StatusCode)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestLog: a line for each request, with nothing that anyone sent in it: no data, names, keys, signatures.
func TestLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := before(t, kinesisfake.Options{}, Config{AccessKey: theirs}, false)
		c := p.client(func(_ *http.Transport, o *kinesis.Options) { o.Credentials = keyPair(theirs.id, theirs.secret) })
		useSDK(t, c)
		p.do("POST", "/SENT?SENT=SENT", "SENT", "X-Amz-Target", "SENT", "Authorization", "AWS4-HMAC-SHA256 Credential=SENT", "X-SENT", "SENT")
		p.stop()
		synctest.Wait()
		log := p.log.String()
		for _, secret := range []string{"SENT", theirs.id, theirs.secret, ourKey, ourSecret, "Signature=", "b25l", "stream/s", "xxxxx"} {
			if strings.Contains(log, secret) {
				t.Errorf("%q is in the log: %s", secret, log)
			}
		}
		if n := strings.Count(log, `"msg":"request"`); n != 7 {
			t.Errorf("%d lines: %s", n, log)
		}
		for _, want := range []string{`"operation":"SubscribeToShard","status":200`, `"operation":"DescribeStream","status":400`, `"request_id":"00000000-0000`, `"client":"pipe"`} {
			if !strings.Contains(log, want) {
				t.Errorf("no %s in %s", want, log)
			}
		}
	})
}

// TestDescribe: what an error quotes is left out.
func TestDescribe(t *testing.T) {
	for _, tt := range []struct{ err, want string }{
		{`malformed "SECRET \" SECRET" there`, `malformed "…" there`},
		{`dial tcp 10.0.0.1:443: connect: connection refused`, `dial tcp 10.0.0.1:443: connect: connection refused`},
	} {
		if got := describe(errors.New(tt.err)); got != tt.want {
			t.Errorf("%s, want %s", got, tt.want)
		}
		if got := describe(Unavailable(errors.New(tt.err), "x")); got != fmt.Sprintf("ServiceUnavailable: kplkit proxy: x: %s", tt.want) {
			t.Error(got)
		}
	}
}
