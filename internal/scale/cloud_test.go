package scale

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/internal/sim"
)

// faults makes a request take 10 to 20 ms, and gives shards the rates that AWS documents.
var faults = sim.Faults{MinLatency: 5 * time.Millisecond, MaxLatency: 9 * time.Millisecond, RateLimits: true}

// cloud is AWS for one fleet: what is asked of it is metered, and DynamoDB may refuse to answer.
type cloud struct {
	*sim.World
	meter *meter

	mu       sync.Mutex
	refusing time.Time // DynamoDB refuses until then
	capacity *capacity // of the lease table; nil: as much as is needed
}

func newCloud(w *sim.World) *cloud {
	c := &cloud{World: w, meter: newMeter()}
	watch := func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) { return c.serve(next, r) })
	}
	w.Intercept(sim.Kinesis, watch)
	w.Intercept(sim.DynamoDB, watch)
	return c
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// serve carries out and meters one request. Those of the test and its producer are none of the fleet's.
func (c *cloud) serve(next http.RoundTripper, r *http.Request) (*http.Response, error) {
	host := r.Header.Get(kinesisfake.HostHeader)
	if host == "" || host == producerHost {
		return next.RoundTrip(r)
	}
	service, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	c.meter.add(nameOf(operation, body))
	if sim.Service(service) == sim.DynamoDB && !c.admits(operation, body) {
		return refusal(r), nil
	}
	response, err := next.RoundTrip(r)
	if err == nil {
		c.charge(operation, body, response.ContentLength)
	}
	return response, err
}

// nameOf tells the pages of a Scan after its first one from Scans.
func nameOf(operation string, body []byte) string {
	if operation == "Scan" && bytes.Contains(body, []byte(`"ExclusiveStartKey"`)) {
		return nextPage
	}
	return operation
}

const nextPage = "Scan, next page"

func (c *cloud) admits(operation string, body []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !time.Now().Before(c.refusing) && c.capacity.admits(operation, body)
}

func (c *cloud) charge(operation string, body []byte, size int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.capacity.charge(operation, body, size)
}

// refuse has DynamoDB refuse everything for a time.
func (c *cloud) refuse(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refusing = time.Now().Add(d)
}

// refusal is how DynamoDB says that it is asked too much.
func refusal(r *http.Request) *http.Response {
	const body = `{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"Refused by the test."}`
	return &http.Response{
		StatusCode: http.StatusBadRequest, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": r.Header["Content-Type"]},
		Body:   io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}
}

// configOf is a host's configuration with the SDK's own retries.
func configOf(h *sim.Host) aws.Config {
	cfg := h.AWS()
	cfg.Retryer = nil
	return cfg
}
