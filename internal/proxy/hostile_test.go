package proxy

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var (
	hostile = flag.Int("hostile", 10_000, "how many hostile requests TestHostile sends, and as many answers")
	seed    = flag.Uint64("hostile.seed", 18, "what they are made from")
)

const (
	goodRequest = "POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: Kinesis_20131202.GetRecords\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: 18\r\n\r\n{\"ShardIterator\":1"
	goodChunks  = "POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: Kinesis_20131202.SubscribeToShard\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n5\r\n{\"a\":\r\n3;x=y\r\n 1}\r\n0\r\nX-T: 1\r\n\r\n"
	preface     = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	goodAnswer  = "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\nX-Amzn-RequestId: 1\r\nContent-Length: 2\r\n\r\n{}"
	goodEvents  = "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.amazon.eventstream\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n6\r\n\x00\x00\x00\x0aab\r\n4\r\nabcd\r\n0\r\nX-T: 1\r\n\r\n"
)

var pieces = []string{
	"\r\n", "\r\n\r\n", "\n", "\x00", " ", ": ", "Transfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked, identity\r\n", "Content-Length: 5\r\n",
	"Content-Length: 99999999999999999999\r\n", "Content-Length: -1\r\n", "Expect: 100-continue\r\n", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
	"Upgrade: \x01\r\nConnection: upgrade\r\n", "Connection: close\r\n", "ffffffffffffffff\r\n", "-1\r\n", "0\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n",
	"HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\n", "X-Amz-Target: Kinesis_20131202.PutRecord\r\n", "Origin: null\r\n", "Content-Encoding: gzip\r\n", "Te: trailers\r\n", "\xff\xfe", "GET http://evil.test/ HTTP/1.1\r\nHost: a\r\n\r\n",
	"CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test\r\n\r\n", "\x00\x00\x04\x08\x00\x00\x00\x00\x01\x00\x00\x00\x01", "\x00\x40\x00\x01\x05\x00\x00\x00\x01",
}

// spoil makes something hostile of bytes: pieces in and out, bits turned, cut, repeated, or none of them left.
func spoil(r *rand.Rand, good ...string) []byte {
	b := []byte(good[r.IntN(len(good))])
	for range r.IntN(4) {
		at := r.IntN(len(b) + 1)
		piece := pieces[r.IntN(len(pieces))]
		switch r.IntN(8) {
		case 0:
			b = b[:at]
		case 1, 2:
			b = append(b[:at:at], append([]byte(piece), b[at:]...)...)
		case 3:
			if at < len(b) {
				b[at] ^= 1 << r.IntN(8)
			}
		case 4:
			b = append(b[:at:at], append(bytes.Repeat([]byte(piece), r.IntN(3000)), b[at:]...)...)
		case 5:
			b = append(b, b[at:]...)
		case 6:
			n := r.IntN(40)
			for range n {
				b = append(b, byte(r.Uint32()))
			}
		case 7:
			b = append(b, good[r.IntN(len(good))]...)
		}
	}
	return b
}

// TestHostile: hostile clients before a hostile upstream. Nobody makes the proxy panic, leak or grow; whatever it says to
// a client is HTTP, and what it says by itself is an error of AWS's form. The bubble ends only when all goroutines have.
func TestHostile(t *testing.T) {
	log.SetOutput(io.Discard) // as kplkit proxy does: net/http writes there what it did not expect
	defer log.SetOutput(os.Stderr)
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(*seed, 0))
		statuses := map[int]int{}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		u := newRawUpstream(t, func(c net.Conn, n int) {
			r := rand.New(rand.NewPCG(*seed, uint64(n)))
			c.Write(spoil(r, goodAnswer, goodEvents))
			if r.IntN(2) == 0 {
				time.Sleep(time.Duration(r.IntN(100)) * time.Second)
			}
			c.Close()
		})
		p := serve(t, Config{Transport: u.transport(t)}, false)
		for range *hostile {
			c, err := p.net.dial(t.Context(), "", "")
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				c.Write(spoil(random, goodRequest, goodChunks, preface))
			}()
			checkAnswers(t, c, statuses)
			c.Close()
			synctest.Wait()
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if log := p.log.String(); strings.Contains(log, "panic") {
			t.Errorf("it panicked: %s", log[strings.Index(log, "panic"):])
		}
		*p.log = syncBuffer{}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 16<<20 {
			t.Errorf("it has grown by %d bytes", grown)
		}
		if held, n, c := p.budget.held.Load(), p.Metrics.requests.Load(), p.Metrics.connections.Load(); held != 0 || n != 0 || c != 0 {
			t.Errorf("still held: %d bytes, %d requests, %d connections", held, n, c)
		}
		t.Logf("answers by status: %v; upstream got %d requests", statuses, u.requests.Load())
		if u.requests.Load() < int64(*hostile/4) || statuses[200] == 0 || statuses[503] == 0 || statuses[400] == 0 {
			t.Error("hardly anything came through")
		}
	})
}

var ownID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// checkAnswers reads all that the proxy says on a connection.
func checkAnswers(t *testing.T, c net.Conn, statuses map[int]int) {
	from := bufio.NewReader(c)
	for {
		first, err := from.Peek(1)
		if err != nil {
			return
		}
		if first[0] == 0 { // frames of HTTP/2
			io.Copy(io.Discard, from)
			return
		}
		a, err := http.ReadResponse(from, nil)
		if err != nil {
			if !cutOff(err) {
				t.Errorf("not an answer: %v", err)
			}
			return
		}
		body, err := io.ReadAll(a.Body)
		statuses[a.StatusCode]++
		// What net/http itself refuses has no request id, what upstream has answered has another one.
		if own := ownID.MatchString(a.Header.Get("X-Amzn-Requestid")); err == nil && own {
			var e struct {
				Type string `json:"__type"`
			}
			if json.Unmarshal(body, &e) != nil || e.Type == "" || a.StatusCode < 400 {
				t.Errorf("%d %q", a.StatusCode, body)
			}
		}
	}
}

func cutOff(err error) bool {
	return err == io.ErrUnexpectedEOF || strings.Contains(fmt.Sprint(err), "closed pipe")
}

// FuzzClient: whatever a client sends, there is no panic, and what comes back is an answer.
func FuzzClient(f *testing.F) {
	for _, text := range append([]string{goodRequest, goodChunks, preface}, pieces...) {
		f.Add([]byte(text), []byte(goodAnswer))
		f.Add([]byte(goodRequest), []byte(text))
	}
	f.Add([]byte(goodRequest), []byte(goodEvents))
	f.Fuzz(func(t *testing.T, request, answer []byte) {
		synctest.Test(t, func(t *testing.T) {
			u := newRawUpstream(t, func(c net.Conn, _ int) { c.Write(answer); c.Close() })
			p := serve(t, Config{Transport: u.transport(t)}, false)
			c, err := p.net.dial(t.Context(), "", "")
			if err != nil {
				t.Fatal(err)
			}
			go c.Write(request)
			checkAnswers(t, c, map[int]int{})
			c.Close()
			if log := p.log.String(); strings.Contains(log, "panic serving") {
				t.Error(log)
			}
		})
	})
}
