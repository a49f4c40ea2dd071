package proxy

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// inPieces is an answer's body that writes itself.
type inPieces struct {
	net.Buffers
	closed bool
}

func (p *inPieces) Close() error { p.closed = true; return nil }

// written is a proxy whose answers are pieces.
func written(t *testing.T, n, size int) (*proxied, *inPieces) {
	made := new(inPieces)
	for range n {
		made.Buffers = append(made.Buffers, bytes.Repeat([]byte("x"), size))
	}
	return serve(t, Config{
		Transport: roundTrip(func(r *http.Request) (*http.Response, error) { return answerOf(r, 200, "theirs"), nil }),
		Change: func(_ context.Context, c *Call) error {
			c.Answer = func(a *http.Response) error {
				a.Body, a.ContentLength = made, int64(n*size)
				a.Header.Del("Content-Length")
				return nil
			}
			return nil
		}}, false), made
}

const getRecords = "POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: Kinesis_20131202.GetRecords\r\nContent-Length: 2\r\n\r\n{}"

// TestWritten: an answer that writes itself comes whole to a client that takes each piece in time, however long all of
// it takes; one that takes nothing is given up, as elsewhere. The body is closed.
func TestWritten(t *testing.T) {
	const n, size = 8, 64 << 10
	for _, pause := range []time.Duration{0, 30 * time.Second, 4 * time.Minute} {
		t.Run(pause.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, body := written(t, n, size)
				c := must[net.Conn](t)(p.net.dial(t.Context(), "", ""))
				defer c.Close()
				go io.WriteString(c, getRecords)
				got := 0
				a, err := http.ReadResponse(newBufReader(c), nil)
				if err != nil {
					t.Fatal(err)
				}
				for err == nil {
					time.Sleep(pause)
					m := 0
					m, err = io.ReadFull(a.Body, make([]byte, size))
					got += m
				}
				whole := pause < 2*time.Minute
				if whole != (got == n*size) || whole != (err == io.EOF) {
					t.Errorf("%d bytes of %d, %v", got, n*size, err)
				}
				synctest.Wait()
				if !body.closed || p.Metrics.requests.Load() != 0 {
					t.Error("it is not given up")
				}
				if log := p.log.String(); whole == strings.Contains(log, `"error"`) {
					t.Errorf("the log: %s", log)
				}
				p.stop()
			})
		})
	}
}

// TestRest: memory is given back once nothing is under way for three seconds, and not while something is.
func TestRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		forced := func() uint32 {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.NumForcedGC
		}
		p := serve(t, Config{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.Header.Get("X-Amz-Target") != "" {
				time.Sleep(20 * time.Second)
			}
			return answerOf(r, 200, ""), nil
		})}, false)
		time.Sleep(5 * time.Second) // after the start, too
		before := forced()
		p.do("POST", "/", "")
		time.Sleep(2 * time.Second)
		if n := forced(); n != before {
			t.Errorf("%d times within two seconds", n-before)
		}
		time.Sleep(2 * time.Second)
		if n := forced(); n != before+1 {
			t.Errorf("%d times after four seconds, want 1", n-before)
		}
		go p.do("POST", "/", "", "X-Amz-Target", targetPrefix+"ListStreams")
		time.Sleep(time.Second)
		p.do("POST", "/", "")
		time.Sleep(10 * time.Second)
		if n := forced(); n != before+1 {
			t.Errorf("%d times while a request is under way", n-before-1)
		}
		time.Sleep(20 * time.Second)
		if n := forced(); n != before+2 {
			t.Errorf("%d times at the end, want 2", n-before)
		}
		p.do("POST", "/", "", "Connection", "close") // and no connection is idle afterwards
		time.Sleep(4 * time.Second)
		if n := forced(); n != before+3 {
			t.Errorf("%d times after a connection that closes, want 3", n-before)
		}
		must[net.Conn](t)(p.net.dial(t.Context(), "", "")).Close() // as a load balancer looks whether something listens
		time.Sleep(4 * time.Second)
		if n := forced(); n != before+3 {
			t.Errorf("%d times after a connection without a request, want 3", n-before)
		}
	})
}
