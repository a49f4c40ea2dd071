package userview_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"

	"github.com/kplkit/kplkit/internal/userview"
)

// answers is an upstream that answers everything with a body.
type answers struct {
	body   []byte
	length int64 // -1: it does not say
	err    error // at the end of the body
	asked  int
}

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	a.asked++
	body := io.Reader(bytes.NewReader(a.body))
	if a.err != nil {
		body = io.MultiReader(body, failing{a.err})
	}
	return &http.Response{StatusCode: 200, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r, ContentLength: a.length,
		Header: http.Header{"X-Amz-Crc32": {"1"}, "Content-Type": {"application/x-amz-json-1.1"}}, Body: io.NopCloser(body)}, nil
}

type failing struct{ error }

func (f failing) Read([]byte) (int, error) { return 0, f.error }

// call sends a request through a proxy, and returns status and body.
func (p proxied) call(t testing.TB, operation, body string) (int, string) {
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/", strings.NewReader(body))
	r.Header.Set("X-Amz-Target", "Kinesis_20131202."+operation)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	answer, err := inProcess{p.handler}.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Error(err)
	}
	if answer.Header.Get("X-Amz-Crc32") != "" {
		t.Error("a checksum of another body")
	}
	return answer.StatusCode, string(text)
}

// TestUnchanged: an answer without aggregates passes byte for byte, odd spacing and unknown fields included.
func TestUnchanged(t *testing.T) {
	body := ` {"New":[1,{"a":null}], "NextShardIterator" : "AAA", "Records":[ {"PartitionKey":"\u00e9","Data":"eA==","SequenceNumber":"7","X":1} ],"MillisBehindLatest":0}` + "\n"
	up := &answers{body: []byte(body), length: -1}
	p := newWorld(t).proxyBefore(up, userview.Config{})
	if status, got := p.call(t, "GetRecords", `{"ShardIterator":"AAA"}`); status != 200 || got != body {
		t.Errorf("%d %s", status, got)
	}
	if m := p.handler.Metrics; m.UserRecords.Load() != 1 || m.StoredRecords.Load() != 1 || m.Unusual.Load() != 0 {
		t.Errorf("%d %d", m.UserRecords.Load(), m.StoredRecords.Load())
	}
}

// TestUnusualAnswers: what can't be read is not passed on, for it may hold aggregates: the client gets an error that its SDK
// tries again, once a minute one is logged, and none of it is in the log.
func TestUnusualAnswers(t *testing.T) {
	w := newWorld(t)
	up := &answers{length: -1}
	p := w.proxyBefore(up, userview.Config{})
	bodies := []string{"", "<html>", "[]", `{"Records":[{"SequenceNumber":"7","PartitionKey":"a"}]}`, `{"Records":[],"Records":[]}`,
		`{"R\u0065cords":[]}`, `{"Records":[{"SequenceNumber":"7","PartitionKey":"a","Data":"84mawgpSECRET*"}]}`, `{"Records":[]`, "\xa0\xa0"}
	for _, body := range bodies {
		up.body = []byte(body)
		status, got := p.call(t, "GetRecords", `{"ShardIterator":"AAA"}`)
		if status != http.StatusServiceUnavailable || !strings.Contains(got, "ServiceUnavailable") {
			t.Errorf("%q: %d %s", body, status, got)
		}
	}
	if n := p.handler.Metrics.Unusual.Load(); n != uint64(len(bodies)) {
		t.Errorf("%d are counted, want %d", n, len(bodies))
	}
	if log := w.log.String(); strings.Count(log, "is not in a form that kplkit proxy knows") != 1 || strings.Contains(log, "SECRET") {
		t.Error(log)
	}
	if p.view.Held() != 0 {
		t.Errorf("%d bytes are held", p.view.Held())
	}
}

// TestBrokenAnswers: an answer that breaks off, is too large, or for which there is no memory, is an error that is tried
// again, and nothing of it stays.
func TestBrokenAnswers(t *testing.T) {
	whole := `{"Records":[` + strings.Repeat(" ", 200_000) + `]}`
	for name, c := range map[string]struct {
		up    answers
		all   int64
		body  int
		works bool
	}{
		"whole":                {up: answers{length: -1}, all: 1 << 20, body: 1 << 20, works: true},
		"whole, of its length": {up: answers{length: int64(len(whole))}, all: 1 << 20, body: len(whole), works: true},
		"broken":               {up: answers{length: -1, err: io.ErrUnexpectedEOF}, all: 1 << 20, body: 1 << 20},
		"too large":            {up: answers{length: -1}, all: 1 << 20, body: len(whole) - 1},
		"too large, and says":  {up: answers{length: int64(len(whole))}, all: 1 << 20, body: len(whole) - 1},
		"no memory":            {up: answers{length: -1}, all: 100_000, body: 1 << 20},
	} {
		c.up.body = []byte(whole)
		p := newWorld(t).proxyBefore(&c.up, userview.Config{})
		p.view.SetAll(c.all, c.body)
		status, got := p.call(t, "GetRecords", `{"ShardIterator":"AAA"}`)
		if c.works != (status == 200) || !c.works && status != 503 || c.up.asked != 1 || p.view.Held() != 0 {
			t.Errorf("%s: %d %.100s, asked %d times, %d bytes are held", name, status, got, c.up.asked, p.view.Held())
		}
	}
}

// TestRefusedRequests: what is not a position or an iterator is AWS's error, and does not go upstream.
func TestRefusedRequests(t *testing.T) {
	up := &answers{}
	p := newWorld(t).proxyBefore(up, userview.Config{})
	for _, c := range []struct{ operation, body, code string }{
		{"GetRecords", `{"ShardIterator":"kplkitproxy1:x"}`, "InvalidArgumentException"},
		{"GetRecords", `{"ShardIterator":"kplkitproxy1:7:1*0/s/h/AAA"}`, "InvalidArgumentException"},
		{"GetRecords", `{"ShardIterator":"kplkitproxy1:x/s/h/AAA"}`, "InvalidArgumentException"},
		{"GetRecords", `{"ShardIterator":"AAA","ShardIterator":"AAA"}`, "SerializationException"},
		{"GetRecords", `{`, "SerializationException"},
		{"GetShardIterator", `{"ShardIteratorType":"AFTER_SEQUENCE_NUMBER","StartingSequenceNumber":"x"}`, "InvalidArgumentException"},
		{"GetShardIterator", `{"ShardIteratorType":"AFTER_SEQUENCE_NUMBER","StartingSequenceNumber":"SHARD_END"}`, "InvalidArgumentException"},
		{"GetShardIterator", `{"ShardIteratorType":"AT_SEQUENCE_NUMBER","StartingSequenceNumber":"7:"}`, "InvalidArgumentException"},
		{"SubscribeToShard", `{"StartingPosition":{"Type":"AFTER_SEQUENCE_NUMBER","SequenceNumber":"7:x"}}`, "InvalidArgumentException"},
	} {
		if status, got := p.call(t, c.operation, c.body); status != 400 || !strings.Contains(got, c.code) {
			t.Errorf("%s %s: %d %s", c.operation, c.body, status, got)
		}
	}
	if up.asked != 0 {
		t.Errorf("%d went upstream", up.asked)
	}
}

// TestNoDigits: a number that has no digits is refused, and said why.
func TestNoDigits(t *testing.T) {
	up := &answers{body: []byte(`{"Records":[{"SequenceNumber":"7","PartitionKey":"a","Data":"eA=="}],"MillisBehindLatest":0}`), length: -1}
	p := newWorld(t).proxyBefore(up, userview.Config{Digits: true})
	_, err := p.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: aws.String("AAA")})
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "ValidationException" || !strings.Contains(err.Error(), "version 2") {
		t.Error(err)
	}
}

// TestCutAnswers: an answer that would become too large is cut, whether or not there is a Limit, and nothing is lost.
func TestCutAnswers(t *testing.T) {
	w := newWorld(t)
	for i := range 5 {
		w.put("a", aggregate(t, fmt.Sprint("A", i), 30))
		w.put("k", []byte("plain"))
	}
	theirs := w.byDeaggaws()
	want := lines(read(t, iteratorAt(t, theirs, shard0, types.ShardIteratorTypeTrimHorizon, ""), 0, theirs))
	for _, cfg := range []userview.Config{{}, {StrictLimit: true}, {Shards: w.shards()}} {
		for _, bytes := range []int{1, 700, 3000, 20_000} {
			p := w.proxy(cfg)
			p.view.SetBounds(bytes, 1<<20)
			for _, limit := range []int32{0, 1, 3, 50} {
				before := w.count("GetRecords")
				got := lines(read(t, iteratorAt(t, p.Client, shard0, types.ShardIteratorTypeTrimHorizon, ""), limit, p.Client))
				same(t, got, want, "%+v, %d bytes, limit %d", cfg, bytes, limit)
				if bytes == 3000 && (limit == 0 || limit == 50) && w.count("GetRecords")-before > 20 {
					t.Errorf("%d calls", w.count("GetRecords")-before)
				}
			}
		}
	}
}

// TestStrictCosts: an answer that leaves a rest costs one call more, of GetShardIterator, and each stored record is asked for
// about once.
func TestStrictCosts(t *testing.T) {
	w := newWorld(t)
	for i := range 40 {
		w.put("a", aggregate(t, fmt.Sprint("A", i), 10))
	}
	up := &counted{RoundTripper: w.server.Transport()}
	p := w.proxyBefore(up, userview.Config{StrictLimit: true})
	from := iteratorAt(t, p.Client, shard0, types.ShardIteratorTypeTrimHorizon, "")
	calls, iterators := w.count("GetRecords"), w.count("GetShardIterator")
	if got := read(t, from, 25, p.Client); len(got) != 400 {
		t.Errorf("%d records", len(got))
	}
	calls, iterators = w.count("GetRecords")-calls, w.count("GetShardIterator")-iterators
	if up.records > 3*40 { // the first answer has 25 of them
		t.Errorf("%d stored records are asked for, of 40", up.records)
	}
	if calls > 400/25*3/2+1 || iterators > calls {
		t.Errorf("%d calls of GetRecords, %d of GetShardIterator", calls, iterators)
	}
}

// counted is an upstream that counts the stored records in its answers.
type counted struct {
	http.RoundTripper
	records int
}

func (c *counted) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := c.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(answer.Body)
	c.records += bytes.Count(body, []byte(`"SequenceNumber"`))
	answer.Body = io.NopCloser(bytes.NewReader(body))
	return answer, err
}

// TestLongNames: an iterator stays within 512 characters, whatever the names, and its rest comes without them.
func TestLongNames(t *testing.T) {
	up := &answers{body: []byte(`{"ShardIterator":"` + strings.Repeat("A", 232) + `"}`), length: -1}
	p := newWorld(t).proxyBefore(up, userview.Config{StrictLimit: true})
	for _, c := range []struct {
		stream string
		named  bool
	}{{"s", true}, {strings.Repeat("s", 128), true},
		{"arn:aws-us-gov:kinesis:us-gov-west-1:123456789012:stream/" + strings.Repeat("s", 100), true}, {strings.Repeat("s", 500), false}} {
		field := "StreamName"
		if strings.HasPrefix(c.stream, "arn:") {
			field = "StreamARN"
		}
		_, got := p.call(t, "GetShardIterator", `{"`+field+`":"`+c.stream+`","ShardId":"shardId-000000000000","ShardIteratorType":"AFTER_SEQUENCE_NUMBER",`+
			`"StartingSequenceNumber":"49680523304536297513748243888185500536114644917201928194:123456"}`)
		_, iterator, _ := strings.Cut(strings.TrimSuffix(got, `"}`), `{"ShardIterator":"`)
		if len(iterator) > 512 || strings.Contains(iterator, "/"+url.PathEscape(c.stream)+"/") != c.named || !strings.HasPrefix(iterator, "kplkitproxy1:4968") {
			t.Errorf("%d characters: %s", len(iterator), iterator)
		}
	}
}
