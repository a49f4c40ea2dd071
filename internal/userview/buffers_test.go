package userview_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"weak"

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

// resetting is a client that resets its stream of HTTP/2. Then net/http's Write returns while another goroutine may still be
// reading what was to be written.
type resetting struct {
	header http.Header
	kept   []byte
}

func (r *resetting) Header() http.Header         { return r.header }
func (r *resetting) WriteHeader(int)             {}
func (r *resetting) Write(p []byte) (int, error) { r.kept = p; return 0, errors.New("stream closed") }

// TestGoneClients: a buffer of an answer that a client has not taken is nobody else's, and it is held no longer.
func TestGoneClients(t *testing.T) {
	p := newWorld(t).proxyBefore(echo{t}, userview.Config{})
	for i := range 20 {
		says := fmt.Sprintf("%s-%d", []string{"plain", "aggregate"}[i%2], 1000+i)
		gone := &resetting{header: http.Header{}}
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/", strings.NewReader(`{"ShardIterator":"`+says+`"}`))
		r.Header.Set("X-Amz-Target", "Kinesis_20131202.GetRecords")
		p.handler.ServeHTTP(gone, r)
		before := bytes.Clone(gone.kept)
		for range 4 {
			p.call(t, "GetRecords", `{"ShardIterator":"`+strings.Replace(says, "-1", "-2", 1)+`"}`)
		}
		if !bytes.Contains(before, []byte(says)) || !bytes.Equal(gone.kept, before) {
			t.Errorf("%s: what was to be written to it is now another answer", says)
		}
		if n := p.view.Held(); n != 0 {
			t.Errorf("%d bytes are held", n)
		}
	}
}

// TestPieces: an answer that takes many buffers, records that are larger than one and such that take more than was made room
// for among them, is whole; where there is no memory for all of it, it is an error that is tried again. Nothing stays held.
func TestPieces(t *testing.T) {
	var a aggregator.Encoder
	var want, stored []string
	alone := "" // the key of a user record that is alone in its stored record
	store := func() {
		stored = append(stored, fmt.Sprintf(`{"SequenceNumber":"%d","PartitionKey":%q,"Data":%q}`, len(stored)+1, alone, base64.StdEncoding.EncodeToString(a.AppendTo(nil))))
		a.Reset()
	}
	for i := range 1040 {
		key, size := strings.Repeat("\x01", 256), 10 // each is six bytes in JSON
		if i < 40 {
			key, size = fmt.Sprint("key-", i), []int{10, 10_000, 300_000, 100_000}[i/10]
		}
		data := bytes.Repeat([]byte{byte('a' + i%26)}, size)
		record := aggregator.Record{PartitionKey: key, Data: data}
		ok, err := a.Add(record)
		if !ok && err == nil {
			store()
			ok, err = a.Add(record)
		}
		if !ok || err != nil {
			t.Fatal(ok, err)
		}
		if i < 40 {
			alone = key
		}
		want = append(want, key+" "+string(data))
	}
	store()
	body := `{"Records":[` + strings.Join(stored, ",") + `],"NextShardIterator":"AAA","MillisBehindLatest":0}`
	p := newWorld(t).proxyBefore(&answers{body: []byte(body), length: int64(len(body))}, userview.Config{})
	_, _, _, enough := userview.DefaultBounds()
	came, failed := 0, 0
	for all := int64(len(body)); all < 8*int64(len(body)); all += 3<<20 + 1234 {
		p.view.SetAll(all, enough)
		status, got := p.call(t, "GetRecords", `{"ShardIterator":"AAA"}`)
		switch {
		case status == 503 && came == 0:
			failed++
		case status == 200:
			came++
			var answer struct {
				Records []struct {
					PartitionKey string
					Data         []byte
				}
			}
			if err := json.Unmarshal([]byte(got), &answer); err != nil || len(answer.Records) != len(want) {
				t.Fatal(err, len(answer.Records))
			}
			for i, r := range answer.Records {
				if r.PartitionKey+" "+string(r.Data) != want[i] {
					t.Errorf("record %d is another", i)
				}
			}
		default:
			t.Errorf("with %d bytes: %d %.100s", all, status, got)
		}
		if n := p.view.Held(); n != 0 {
			t.Fatalf("with %d bytes: %d are held", all, n)
		}
	}
	if came == 0 || failed < 3 {
		t.Errorf("%d came, %d failed", came, failed)
	}
}

// TestForget: a batch that waits for another answer keeps nothing of the last one, which may have had megabytes.
func TestForget(t *testing.T) {
	body := []byte(eventText("7", base64.StdEncoding.EncodeToString(aggregate(t, "A", 3))))
	pinned := weak.Make(&body[0])
	b, err := userview.Forgotten(body)
	if err != nil {
		t.Fatal(err)
	}
	body = nil
	runtime.GC()
	if pinned.Value() != nil {
		t.Error("the body is pinned")
	}
	runtime.KeepAlive(b)
}

// TestSizes: buffers have few sizes, each at most a quarter larger than what was asked for, and one that is released is
// one of them.
func TestSizes(t *testing.T) {
	for size := 1; size < 1<<30; size += 1 + size/100 {
		rounded, kind := userview.SizeOfBuffer(size)
		again, same := userview.SizeOfBuffer(rounded)
		if rounded < size || rounded > max(size+size/4+1, 4<<10) || again != rounded || same != kind || kind >= userview.Kinds {
			t.Fatalf("%d: %d of kind %d, and again %d of kind %d", size, rounded, kind, again, same)
		}
		if _, next := userview.SizeOfBuffer(rounded + 1); next == kind {
			t.Fatalf("%d and %d are of kind %d", rounded, rounded+1, kind)
		}
	}
}
