package proxy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/google/go-cmp/cmp"

	"github.com/kplkit/kplkit/internal/kinesisfake"
)

const arn = "arn:aws:kinesis:us-east-1:000000000000:stream/s"

// before puts a proxy before an embedded Kinesis with the stream s.
func before(t *testing.T, opts kinesisfake.Options, cfg Config, secure bool, change ...func(*Handler)) (*proxied, *kinesisfake.Server) {
	s := kinesisfake.New(opts)
	t.Cleanup(s.Close)
	cfg.Transport = s.Transport()
	r, _ := http.NewRequest(http.MethodPost, "http://kinesis.test", strings.NewReader(`{"StreamName":"s","ShardCount":1}`))
	r.Header.Set("X-Amz-Target", "Kinesis_20131202.CreateStream")
	if a, err := s.Transport().RoundTrip(r); err != nil || a.StatusCode != 200 {
		t.Fatal(a, err)
	}
	return serve(t, cfg, secure, change...), s
}

// TestSDK: the real SDK puts, reads, subscribes and gets AWS's errors through the proxy, by each protocol.
func TestSDK(t *testing.T) {
	for _, tt := range []struct {
		name   string
		secure bool
		change func(*http.Transport, *kinesis.Options)
		proto  int
	}{
		{"HTTP/1.1", false, func(*http.Transport, *kinesis.Options) {}, 1},
		{"HTTP/2 without TLS", false, unencryptedHTTP2, 2},
		{"TLS", true, func(*http.Transport, *kinesis.Options) {}, 2},
		{"TLS, HTTP/1.1", true, func(t *http.Transport, _ *kinesis.Options) {
			t.ForceAttemptHTTP2 = false
			t.TLSNextProto = map[string]func(string, *tlsConn) http.RoundTripper{}
		}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, _ := before(t, kinesisfake.Options{}, Config{}, tt.secure)
				proto := 0
				c := p.client(tt.change, func(_ *http.Transport, o *kinesis.Options) {
					o.APIOptions = append(o.APIOptions, sawProto(&proto))
				})
				useSDK(t, c)
				if proto != tt.proto {
					t.Errorf("HTTP/%d, want %d", proto, tt.proto)
				}
			})
		})
	}
}

func unencryptedHTTP2(t *http.Transport, _ *kinesis.Options) {
	t.Protocols = new(http.Protocols)
	t.Protocols.SetUnencryptedHTTP2(true)
}

func useSDK(t *testing.T, c *kinesis.Client) {
	ctx := t.Context()
	name := aws.String("s")
	put := must[*kinesis.PutRecordsOutput](t)(c.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: name, Records: []types.PutRecordsRequestEntry{
		{PartitionKey: name, Data: []byte("one")}, {PartitionKey: name, Data: bytes.Repeat([]byte("x"), 300<<10)}}}))
	if *put.FailedRecordCount != 0 {
		t.Error("records failed")
	}
	it := must[*kinesis.GetShardIteratorOutput](t)(c.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{
		StreamARN: aws.String(arn), ShardId: aws.String("shardId-000000000000"), ShardIteratorType: types.ShardIteratorTypeTrimHorizon}))
	got := must[*kinesis.GetRecordsOutput](t)(c.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: it.ShardIterator}))
	if len(got.Records) != 2 || string(got.Records[0].Data) != "one" || len(got.Records[1].Data) != 300<<10 {
		t.Errorf("%d records", len(got.Records))
	}
	_, err := c.DescribeStream(ctx, &kinesis.DescribeStreamInput{StreamName: aws.String("none")})
	if !errors.As(err, new(*types.ResourceNotFoundException)) || !strings.Contains(err.Error(), "RequestID: 00000000-0000-4000-8000") {
		t.Errorf("%v", err)
	}
	consumer := must[*kinesis.RegisterStreamConsumerOutput](t)(c.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{
		StreamARN: aws.String(arn), ConsumerName: aws.String("c")}))
	sub := must[*kinesis.SubscribeToShardOutput](t)(c.SubscribeToShard(ctx, &kinesis.SubscribeToShardInput{
		ConsumerARN: consumer.Consumer.ConsumerARN, ShardId: aws.String("shardId-000000000000"),
		StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon}}))
	stream, records, began := sub.GetStream(), 0, time.Now()
	defer stream.Close()
	for e := range stream.Events() {
		records += len(e.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent).Value.Records)
	}
	if took := time.Since(began); records != 2 || stream.Err() != nil || took < 5*time.Minute-time.Second || took > 5*time.Minute+time.Second {
		t.Errorf("a subscription of %v with %d records: %v", took, records, stream.Err())
	}
}

// TestForwarding: what the proxy does not know passes byte for byte, in both directions.
func TestForwarding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var seen *http.Request
		var seenBody string
		p := serve(t, Config{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			body, _ := io.ReadAll(r.Body)
			mu.Lock()
			defer mu.Unlock()
			seen, seenBody = r, string(body)
			a := answerOf(r, 418, "\x00\xffthe answer", "X-Amzn-Requestid", "id", "Content-Type", "odd/type", "X-Two", "1", "X-Two", "2", "Connection", "X-Hop", "X-Hop", "gone", "Keep-Alive", "9")
			a.ContentLength = -1
			a.Trailer = http.Header{"X-Trailer": {"last"}}
			return a, nil
		})}, false)
		for _, tt := range []struct {
			method, path, body string
			header             []string
		}{
			{"POST", "/", `{"StreamName":"s"}`, []string{"X-Amz-Target", "Kinesis_20131202.NewOperation"}},
			{"POST", "/", "\xa0\xff\x00", []string{"X-Amz-Target", "Kinesis_20131202.GetRecords", "Content-Type", "application/x-amz-cbor-1.1"}},
			{"POST", "/service/Kinesis_20131202/operation/PutRecord", "\xa0", []string{"Smithy-Protocol", "rpc-v2-cbor", "Content-Type", "application/cbor"}},
			{"PUT", "/a%2Fb/../c//d", "x", nil},
			{"GET", "/?b=2&a=1%20", "", nil},
			{"DELETE", "/", "", []string{"Accept-Encoding", "gzip"}},
			{"POST", "/", "x", []string{"Expect", "100-continue", "Upgrade", "h2c", "Connection", "Upgrade"}},
			{"OPTIONS", "/", "", []string{"X-Amz-Security-Token", "the client's", "X-Amz-Content-Sha256", "the client's"}},
		} {
			header := append([]string{"Authorization", "the client's", "X-Amz-Date", "the client's", "X-Odd", "kept", "User-Agent", "mine/1", "Connection", "X-Hop", "X-Hop", "gone"}, tt.header...)
			answer, body := p.do(tt.method, tt.path, tt.body, header...)
			if answer.StatusCode != 418 || body != "\x00\xffthe answer" || answer.Trailer.Get("X-Trailer") != "last" {
				t.Errorf("%s %s: %d %q %v", tt.method, tt.path, answer.StatusCode, body, answer.Trailer)
			}
			answer.Header.Del("Date")
			want := http.Header{"X-Amzn-Requestid": {"id"}, "Content-Type": {"odd/type"}, "X-Two": {"1", "2"}}
			if diff := cmp.Diff(want, answer.Header); diff != "" {
				t.Errorf("%s %s: header -want +got\n%s", tt.method, tt.path, diff)
			}
			if seen.Method != tt.method || seen.URL.RequestURI() != tt.path || seenBody != tt.body {
				t.Errorf("upstream saw %s %s %q, want %s %s %q", seen.Method, seen.URL.RequestURI(), seenBody, tt.method, tt.path, tt.body)
			}
			for i := 0; i < len(tt.header); i += 2 {
				hop := tt.header[i] == "Expect" || tt.header[i] == "Upgrade" || tt.header[i] == "Connection"
				if got := seen.Header.Get(tt.header[i]); hop && got != "" || !hop && got != tt.header[i+1] && tt.header[i+1] != "the client's" {
					t.Errorf("%s came as %q", tt.header[i], got)
				}
			}
			if seen.Header.Get("X-Odd") != "kept" || seen.Header.Get("X-Hop") != "" || seen.Header.Get("User-Agent") != "mine/1" {
				t.Errorf("%v", seen.Header)
			}
			checkSigned(t, seen, tt.body)
		}
	})
}

// TestSignedInQuery: a signature of the client's in the query does not go upstream, where there may be one alone.
func TestSignedInQuery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := serve(t, Config{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			checkSigned(t, r, "")
			return answerOf(r, 200, r.URL.RawQuery), nil
		})}, false)
		if _, got := p.do("POST", "/?X-Amz-Signature=1&a=1&X-Amz-Credential=2&X-Amz-Date=3", ""); got != "a=1" {
			t.Error(got)
		}
	})
}

// checkSigned checks a signature of the proxy's by the SDK's signer.
func checkSigned(t *testing.T, r *http.Request, body string) {
	t.Helper()
	if strings.Contains(fmt.Sprint(r.Header), "the client's") {
		t.Errorf("of the client's signature came %v", r.Header)
	}
	at := *r.URL
	again := &http.Request{Method: r.Method, URL: &at, Header: http.Header{}}
	_, names, _ := strings.Cut(r.Header.Get("Authorization"), "SignedHeaders=")
	names, _, _ = strings.Cut(names, ",")
	for name := range strings.SplitSeq(names, ";") {
		if name != "host" {
			again.Header[http.CanonicalHeaderKey(name)] = r.Header.Values(name)
		}
	}
	when, err := time.Parse(amzTime, r.Header.Get("X-Amz-Date"))
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256([]byte(body))
	creds := aws.Credentials{AccessKeyID: ourKey, SecretAccessKey: ourSecret}
	if err := v4.NewSigner().SignHTTP(t.Context(), creds, again, hex.EncodeToString(hash[:]), "kinesis", "us-east-1", when); err != nil {
		t.Fatal(err)
	}
	if got, want := r.Header.Get("Authorization"), again.Header.Get("Authorization"); got != want || !strings.Contains(got, "x-amz-date") {
		t.Errorf("signed %s, want %s", got, want)
	}
}

// TestSeam: calls that read a shard can be changed on both ways, and others sent on their behalf; no others are offered.
func TestSeam(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent []string
		upstream := roundTrip(func(r *http.Request) (*http.Response, error) {
			body, _ := io.ReadAll(r.Body)
			checkSigned(t, r, string(body))
			if r.Header.Get("X-Hop") != "" || strings.Contains(r.Header.Get("X-Amz-Target"), "GetRecords") == (r.Header.Get("Accept-Encoding") == "gzip") && string(body) != "first" {
				t.Errorf("%v", r.Header)
			}
			sent = append(sent, r.Header.Get("X-Amz-Target")[len(targetPrefix):]+r.URL.Path+" "+string(body))
			return answerOf(r, 200, "answer"), nil
		})
		p := serve(t, Config{Transport: upstream, Change: func(ctx context.Context, c *Call) error {
			switch string(c.Body) {
			case "refuse":
				return refusal("InvalidArgumentException", "no")
			case "fail":
				return errors.New("with \"data\" in it")
			}
			a, err := c.Send(ctx, "GetShardIterator", []byte("first"))
			if err != nil {
				return err
			}
			a.Body.Close()
			c.Body = append([]byte("changed "), c.Body...)
			c.Answer = func(a *http.Response) error {
				a.Body, a.ContentLength = io.NopCloser(strings.NewReader("new")), 3
				a.Header.Set("Content-Length", "3")
				c.Metrics.UserRecords.Add(7)
				return nil
			}
			return nil
		}}, false)
		target := func(op string) []string {
			return []string{"X-Amz-Target", targetPrefix + op, "Connection", "X-Hop", "X-Hop", "gone", "Accept-Encoding", "gzip"}
		}
		if a, body := p.do("POST", "/", "body", target("GetRecords")...); a.StatusCode != 200 || body != "new" {
			t.Errorf("%d %q", a.StatusCode, body)
		}
		if _, body := p.do("POST", "/", "body", target("PutRecord")...); body != "answer" {
			t.Errorf("%q", body)
		}
		if a, body := p.do("POST", "/", "refuse", target("SubscribeToShard")...); a.StatusCode != 400 || !strings.Contains(body, `"InvalidArgumentException"`) {
			t.Errorf("%d %q", a.StatusCode, body)
		}
		if a, body := p.do("POST", "/", "fail", target("GetShardIterator")...); a.StatusCode != 503 || strings.Contains(body, "data") {
			t.Errorf("%d %q", a.StatusCode, body)
		}
		want := []string{"GetShardIterator/ first", "GetRecords/ changed body", "PutRecord/ body"}
		if diff := cmp.Diff(want, sent); diff != "" {
			t.Error(diff)
		}
		if strings.Contains(p.log.String(), "data") {
			t.Errorf("the log quotes an error: %s", p.log)
		}
	})
}
