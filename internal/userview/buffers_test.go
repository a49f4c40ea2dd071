package userview_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/kplkit/kplkit/internal/userview"
	"github.com/kplkit/kplkit/producer/aggregator"
)

// echo is an upstream whose answer of GetRecords has what the iterator says, many times, plain or in one aggregate.
type echo struct{ t *testing.T }

func (e echo) RoundTrip(r *http.Request) (*http.Response, error) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	says := strings.Split(string(text), `"`)[3]
	var b bytes.Buffer
	b.WriteString(`{"NextShardIterator":"` + says + `","Records":[`)
	for i := range 20 {
		if i > 0 {
			b.WriteByte(',')
		}
		data := much(says)
		if strings.HasPrefix(says, "aggregate") {
			var a aggregator.Encoder
			for range 5 {
				if ok, err := a.Add(aggregator.Record{PartitionKey: says, Data: much(says)}); !ok || err != nil {
					e.t.Error(ok, err)
				}
			}
			data = a.AppendTo(nil)
		}
		fmt.Fprintf(&b, `{"SequenceNumber":"7","PartitionKey":%q,"Data":%q}`, says, base64.StdEncoding.EncodeToString(data))
	}
	b.WriteString(`],"MillisBehindLatest":0}`)
	return &http.Response{StatusCode: 200, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r, ContentLength: int64(b.Len()),
		Header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}}, Body: io.NopCloser(&b)}, nil
}

// much is some of many sizes that only says can be.
func much(says string) []byte { return bytes.Repeat([]byte(says), 1+len(says)%37) }

// TestBuffers: answers that are under way at a time, and one after the other, share buffers, and each has its own records.
func TestBuffers(t *testing.T) {
	p := newWorld(t).proxyBefore(echo{t}, userview.Config{})
	var clients sync.WaitGroup
	for c := range 16 {
		clients.Go(func() {
			for i := range 30 {
				kind, each := "plain", 20
				if (c+i)%2 == 0 {
					kind, each = "aggregate", 100
				}
				says := fmt.Sprintf("%s-%d-%d-%s", kind, c, i, strings.Repeat("x", c*i%150))
				status, got := p.call(t, "GetRecords", `{"ShardIterator":"`+says+`"}`)
				data := `"Data":"` + base64.StdEncoding.EncodeToString(much(says)) + `"`
				if n := strings.Count(got, data); status != 200 || n != each || strings.Count(got, `"Data"`) != each || strings.Count(got, `"PartitionKey":"`+says+`"`) != each {
					t.Errorf("%s: status %d, %d records, want %d", says[:min(len(says), 30)], status, n, each)
				}
			}
		})
	}
	clients.Wait()
	if n := p.view.Held(); n != 0 {
		t.Errorf("%d bytes are held", n)
	}
}
