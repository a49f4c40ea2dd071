package kpldaemon

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/kplkit/kplkit/internal/kplpipe"
	"github.com/kplkit/kplkit/producer"
)

// api is the Kinesis client, with the ids of streams.
type api struct {
	*kinesis.Client
	counters *counters

	mu  sync.Mutex
	ids map[string]string // by the stream's name
}

// Limits of what a client can make by naming ever new streams: how many ids, and their bytes.
const (
	maxIDs = 10 * maxStreams
	maxID  = 1024
)

func newAPI(s *settings, transport http.RoundTripper, keys aws.CredentialsProvider, counters *counters) *api {
	client := kinesis.New(kinesis.Options{
		Region: s.region, Credentials: keys, HTTPClient: &http.Client{Transport: transport},
		BaseEndpoint: present(s.endpoint),
	})
	return &api{Client: client, counters: counters, ids: map[string]string{}}
}

func present(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// newTransport returns the connections to Kinesis, at most max_connections. It looks for no proxy in the environment,
// as the KPL does not.
func newTransport(s *settings) (*http.Transport, error) {
	secure, err := tlsConfig(s)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: milliseconds(s.GetConnectTimeout()), KeepAlive: 30 * time.Second}
	t := &http.Transport{
		DialContext: dialer.DialContext, TLSClientConfig: secure, TLSHandshakeTimeout: milliseconds(s.GetConnectTimeout()),
		MaxConnsPerHost: int(s.GetMaxConnections()), MaxIdleConnsPerHost: int(s.GetMaxConnections()), IdleConnTimeout: 90 * time.Second,
	}
	if proxy := s.proxy(); proxy != nil {
		t.Proxy = func(*http.Request) (*url.URL, error) { return proxy, nil }
	}
	return t, nil
}

func (a *api) setStreamID(stream, id string) {
	if !kplpipe.IsStream(stream) || len(id) > maxID {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, known := a.ids[stream]; known || len(a.ids) < maxIDs {
		a.ids[stream] = id
	}
}

func (a *api) streamID(stream string) *string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return present(a.ids[stream])
}

// of returns what a stream's producer calls.
func (a *api) of(stream string) producer.API { return streamAPI{a, stream} }

// streamAPI counts requests, and sends the stream's id along.
type streamAPI struct {
	*api
	stream string
}

func (a streamAPI) PutRecords(ctx context.Context, in *kinesis.PutRecordsInput, opts ...func(*kinesis.Options)) (*kinesis.PutRecordsOutput, error) {
	in.StreamId = a.streamID(a.stream)
	began := time.Now()
	out, err := a.Client.PutRecords(ctx, in, opts...)
	a.counters.requested(a.stream, in, out, err, began)
	return out, err
}
