package sim

import (
	"context"
	"net/http"
	"runtime"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
)

// Host is a process, as far as others can tell: what it sends, and when it stops.
type Host struct {
	name      string
	world     *World
	faultless bool
	dead      chan struct{}
	once      sync.Once
	buried    chan struct{}
	burial    sync.Once

	mu      sync.Mutex
	stalled time.Time             // requests wait until then
	expired time.Time             // until then its credentials are refused
	outages map[Service]time.Time // by service: until then nothing comes back
	silent  map[Service]silence   // by service: what is sent until then is never answered
	skew    time.Duration         // how far its wall clock runs ahead
}

type silence struct {
	until   time.Time
	arrives bool
}

// AWS returns the host's configuration: credentials, region, in-process HTTP client, and a retryer of four attempts
// whose delays do not depend on chance.
func (h *Host) AWS() aws.Config {
	return aws.Config{
		Region: "us-east-1",
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "any", SecretAccessKey: "any"}, nil
		}),
		HTTPClient: &http.Client{Transport: transport{h}},
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.MaxAttempts = 4
				o.Backoff = retry.BackoffDelayerFunc(func(attempt int, _ error) (time.Duration, error) {
					return 50 * time.Millisecond << min(attempt, 8), nil
				})
			})
		},
	}
}

// Kill ends the host as a power failure does. Its requests, those under way too, block until the test is over and
// then end their goroutine by runtime.Goexit; what they ask for may have happened or not. So never kill a host whose
// requests are made on fn's own goroutine.
func (h *Host) Kill() {
	h.die()
	h.trace("killed")
}

func (h *Host) die() { h.once.Do(func() { close(h.dead) }) }

// Dead tells whether the host was killed.
func (h *Host) Dead() bool {
	select {
	case <-h.dead:
		return true
	default:
		return false
	}
}

// Live returns if the host lives, and does what its requests do if it was killed. Code of a host that does nothing on
// the network between a kill and something the test counts, such as a record processor, calls it before that.
func (h *Host) Live() {
	if h.Dead() {
		select {
		case <-h.world.end:
		case <-h.buried:
		}
		runtime.Goexit()
	}
}

// Bury ends the goroutines of a killed host before the test is over, each at its next request or call of Live, so that a
// large world does not keep the memory of all who have died in it.
func (h *Host) Bury() {
	h.die()
	h.burial.Do(func() { close(h.buried) })
}

// Stall holds the host's requests back for a time, as a long pause of its process does.
func (h *Host) Stall(d time.Duration) {
	h.mu.Lock()
	h.stalled = time.Now().Add(d)
	h.mu.Unlock()
	h.trace("stalled for " + d.String())
}

// Outage cuts the host off from a service, Kinesis or DynamoDB, for a time: every request, or its response, is lost.
func (h *Host) Outage(s Service, d time.Duration) {
	h.mu.Lock()
	if h.outages == nil {
		h.outages = map[Service]time.Time{}
	}
	h.outages[s] = time.Now().Add(d)
	h.mu.Unlock()
	h.trace("cut off from " + string(s) + " for " + d.String())
}

// Silence has a service never answer what the host sends for a time: the client waits until it gives up. With
// arrives, what it sends still happens: it is cut off one-way.
func (h *Host) Silence(s Service, d time.Duration, arrives bool) {
	h.mu.Lock()
	if h.silent == nil {
		h.silent = map[Service]silence{}
	}
	h.silent[s] = silence{time.Now().Add(d), arrives}
	h.mu.Unlock()
	h.trace("hears nothing of " + string(s) + " for " + d.String())
}

// Skew puts the host's wall clock ahead, or back. It shows in the times that the host exchanges with DynamoDB in text,
// such as a LeaseTimeout. Call it before the first request.
func (h *Host) Skew(d time.Duration) { h.skew = d }

// Expire lets the host's credentials be expired for a time: every request is refused, by every service.
func (h *Host) Expire(d time.Duration) {
	h.mu.Lock()
	h.expired = time.Now().Add(d)
	h.mu.Unlock()
	h.trace("its credentials are expired for " + d.String())
}

// suffer makes a fate as bad as the host's state wants it.
func (h *Host) suffer(s Service, d *fate) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.faultless {
		d.outcome, d.cut = passed, 0
	}
	if time.Now().Before(h.expired) {
		d.outcome, d.code = refused, "ExpiredTokenException"
	}
	if time.Now().Before(h.outages[s]) {
		d.outcome = dropped
		if d.jitter.IntN(2) == 0 {
			d.outcome = lostResponse
		}
	}
	if d.silent = time.Now().Before(h.silent[s].until); d.silent {
		d.outcome = dropped
		if h.silent[s].arrives {
			d.outcome = lostResponse
		}
	}
	d.there += max(0, time.Until(h.stalled))
}

func (h *Host) trace(text string) { h.world.add(h.name, text) }
