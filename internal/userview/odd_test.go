package userview_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/kplkit/kplkit/internal/userview"
)

// TestOddUpstreams: whatever HTTP an upstream answers in, an aggregate comes as user records or not at all. Only an answer whose
// status says that it is an error passes as it came.
func TestOddUpstreams(t *testing.T) {
	body := fmt.Sprintf(`{"Records":[{"SequenceNumber":"7","PartitionKey":"a","Data":%q}],"NextShardIterator":"AAA","MillisBehindLatest":0}`,
		base64.StdEncoding.EncodeToString(aggregate(t, "A", 3)))
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	io.WriteString(z, body)
	z.Close()
	whole := fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
	chunked := fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", 100, body[:100], len(body)-100, body[100:])
	for _, tt := range []struct {
		name, answer string
		status       int
		records      int
		passes       string
	}{
		{"as Kinesis", "HTTP/1.1 200 OK\r\nDate: Sun, 29 Nov 2026 10:00:00 GMT\r\n" + whole, 200, 3, ""},
		{"no date", "HTTP/1.1 200 OK\r\n" + whole, 200, 3, ""},
		{"in chunks", "HTTP/1.1 200 OK\r\n" + chunked, 200, 3, ""},
		{"until it closes", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body, 200, 3, ""},
		{"HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\n" + body, 200, 3, ""},
		{"HTTP/1.0, cut", "HTTP/1.0 200 OK\r\n\r\n" + body[:len(body)-9], 503, 0, ""},
		{"changed on its way", "HTTP/1.1 203 Non-Authoritative\r\n" + whole, 203, 3, ""},
		{"compressed", fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", zipped.Len(), &zipped), 503, 0, ""},
		{"nothing", "HTTP/1.1 204 No Content\r\n\r\n", 503, 0, ""},
		{"a page", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", 503, 0, ""},
		{"a page of an error", "HTTP/1.1 500 Oops\r\nContent-Length: 6\r\n\r\n<html>", 500, 0, "<html>"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			here, there := net.Pipe()
			go func() {
				io.ReadAtLeast(there, make([]byte, 4096), 1)
				io.WriteString(there, tt.answer)
				there.Close()
			}()
			up := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return here, nil }, DisableCompression: true}
			defer up.CloseIdleConnections()
			p := newWorld(t).proxyBefore(up, userview.Config{})
			status, got := p.call(t, "GetRecords", `{"ShardIterator":"AAA"}`)
			if n := strings.Count(got, `"Data"`); status != tt.status || n != tt.records || !strings.Contains(got, tt.passes) || p.view.Held() != 0 {
				t.Errorf("status %d, %d records: %.300s", status, n, got)
			}
		})
	}
}

// TestWrongLimit: a Limit that upstream refuses goes there as it is, also where fewer records are to be asked for.
func TestWrongLimit(t *testing.T) {
	for _, limit := range []string{"0", "-1", "10001", `"5"`, "1.5", "3"} {
		var asked string
		up := roundTrip(func(r *http.Request) (*http.Response, error) {
			text, err := io.ReadAll(r.Body)
			if asked = string(text); err != nil {
				return nil, err
			}
			return (&answers{body: []byte(`{"Records":[]}`), length: -1}).RoundTrip(r)
		})
		p := newWorld(t).proxyBefore(up, userview.Config{})
		p.call(t, "GetRecords", `{"ShardIterator":"kplkitproxy1:7:1*2///AAA","Limit":`+limit+`}`)
		want := `"Limit":` + limit
		if limit == "3" {
			want = `"Limit":2`
		}
		if !strings.Contains(asked, want) || !strings.Contains(asked, `"AAA"`) {
			t.Errorf("upstream is asked %s, want %s", asked, want)
		}
	}
}

// roundTrip is an upstream.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
