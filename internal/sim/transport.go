package sim

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/kplkit/kplkit/internal/kinesisfake"
)

// Service is one of the services that a world has, by the name that its requests carry.
type Service string

// The services of a world.
const (
	Kinesis  Service = "Kinesis_20131202"
	DynamoDB Service = "DynamoDB_20120810"
)

// transport is a host's way to the services.
type transport struct{ *Host }

// call is one request on its way.
type call struct {
	*http.Request
	host      *Host
	service   Service
	operation string
	body      []byte
	mark      [4]byte
	fate
}

// RoundTrip lets a request suffer its fate. Of a dead host it never returns.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	t.Live()
	c, err := t.newCall(r)
	if err != nil {
		return nil, err
	}
	if !c.travel(c.there) {
		return nil, r.Context().Err()
	}
	response, err := c.arrive()
	if c.silent {
		return nil, c.waitInVain()
	}
	if !c.travel(c.back) {
		if response != nil {
			response.Body.Close()
		}
		return nil, r.Context().Err()
	}
	if response != nil {
		c.acknowledge(response)
	}
	return response, err
}

func (t transport) newCall(r *http.Request) (*call, error) {
	c := &call{Request: r, host: t.Host}
	if r.Body != nil {
		defer r.Body.Close()
		var err error
		if c.body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	service, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if Service(service) == DynamoDB {
		c.body = shifted(c.body, t.skew)
	}
	c.service, c.operation = Service(service), operation
	rnd, mark := t.world.generatorFor(t.name, operation, c.body)
	c.mark, c.fate = mark, t.world.faults.draw(rnd, operation)
	t.suffer(c.service, &c.fate)
	return c, nil
}

// travel takes time; false if the client gave up meanwhile. It does not return if the host dies meanwhile.
func (c *call) travel(d time.Duration) bool {
	arrived := c.host.world.sleepUnique(c.Context().Done(), d)
	c.host.Live()
	return arrived
}

// waitInVain waits until the client gives up.
func (c *call) waitInVain() error {
	select {
	case <-c.Context().Done():
	case <-c.host.dead:
	}
	c.host.Live()
	return c.Context().Err()
}

// arrive is what happens at the service.
func (c *call) arrive() (*http.Response, error) {
	switch c.outcome {
	case dropped:
		c.trace(string(dropped))
		return nil, fmt.Errorf("sim: %w", syscall.ECONNRESET)
	case refused:
		c.trace(c.code)
		return c.refuse(), nil
	}
	response, err := c.serve()
	if err != nil {
		return nil, err
	}
	c.trace(strings.TrimSpace(fmt.Sprint(response.StatusCode, " ", c.outcome)))
	switch {
	case c.outcome == duplicated && c.operation != "SubscribeToShard":
		again, err := c.serve()
		if err != nil {
			return nil, err
		}
		again.Body.Close()
	case c.outcome == lostResponse:
		response.Body.Close()
		return nil, fmt.Errorf("sim: %w", syscall.ECONNRESET)
	}
	return response, nil
}

// serve lets the service answer.
func (c *call) serve() (*http.Response, error) {
	ctx, cancel := context.WithCancel(c.Context())
	r := c.Clone(ctx)
	r.Body = io.NopCloser(bytes.NewReader(c.body))
	if !c.host.faultless {
		r.Header.Set(kinesisfake.HostHeader, c.host.name)
	}
	service := c.host.world.services[c.service]
	if service == nil {
		cancel()
		return nil, fmt.Errorf("sim: this world has no service %q", c.service)
	}
	response, err := service.RoundTrip(r)
	if err == nil && c.operation == "SubscribeToShard" {
		response.Body = newSubscription(c, response.Body, cancel)
		return response, nil
	}
	cancel()
	if err == nil && c.service == DynamoDB && c.host.skew != 0 {
		err = unskew(response, c.host.skew)
	}
	return response, err
}

// refuse answers with the error of the call's fate.
func (c *call) refuse() *http.Response {
	status := http.StatusBadRequest
	if strings.HasPrefix(c.code, "Internal") {
		status = http.StatusInternalServerError
	}
	body := fmt.Sprintf(`{"__type":%q,"message":"A fault of this world."}`, c.code)
	return &http.Response{
		StatusCode: status, Status: fmt.Sprint(status, " ", http.StatusText(status)),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": c.Header["Content-Type"]},
		Body:   io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: c.Request,
	}
}

func (c *call) trace(text string) {
	if c.host.world.large {
		return
	}
	c.host.trace(fmt.Sprintf("%s %x %s", c.operation, c.mark, text))
}
