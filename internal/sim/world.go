// Package sim runs tests in seeded worlds: the real AWS SDK, and whatever is built on it, against an in-process Kinesis
// and DynamoDB inside a testing/synctest bubble. Time is virtual, there are no sockets, hosts are killed in the middle
// of a request, and everything that goes wrong follows from one number, so that a failure can be seen again.
//
//	func TestConsumer(t *testing.T) {
//		sim.Worlds(t, 1000, sim.Usual(), func(w *sim.World) {
//			w.CreateStream("s", 2)
//			resharded := w.Reshard("s", 3, time.Minute)
//			first := w.Host("consumer-1")
//			go consume(first.AWS())
//			time.Sleep(10 * time.Second)
//			first.Kill()
//			go consume(w.Host("consumer-2").AWS())
//			<-resharded
//			// Wait, and compare with w.Acknowledged("s") and w.Kinesis.Records("s").
//		})
//	}
//
// A failing world prints the command that runs it alone. Three flags belong to the package, and come behind the name of
// the package under test: -sim.seed=N (this world, or the first one), -sim.worlds=N (that many), and -sim.trace (what
// happened in a world that fails).
//
// # What makes a world the same every time
//
// What befalls a request is drawn from the seed, the host, the operation, the request's canonical body and how often
// that host sent that body before; never from a shared sequence, whose draws would depend on who comes first. Every
// request takes a drawn jitter below a millisecond each way, because the runtime orders what is due at the same
// instant at random. The code under test has to do its part: no random map order, and a priority where two channels of
// a select may be ready together. Replay tells whether it does.
package sim

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/kplkit/kplkit/internal/dynamofake"
	"github.com/kplkit/kplkit/internal/kinesisfake"
)

const (
	realLimit = 2 * time.Minute  // worlds take milliseconds
	drainTime = 10 * time.Minute // virtual: longer than any timer that a host may leave behind
)

// World is what a test sees of one run. Its methods may be called from every goroutine of the bubble.
type World struct {
	T        *testing.T // the bubble's
	Seed     uint64
	Kinesis  *kinesisfake.Server // what is really stored
	DynamoDB *dynamofake.Server

	faults   Faults
	services map[Service]http.RoundTripper
	control  *Host
	start    time.Time
	end      chan struct{} // closed when the test is over: what hangs, unwinds

	mu           sync.Mutex
	hosts        []*Host
	occurrences  map[[32]byte]uint64 // requests sent, by host, operation and body
	taken        map[time.Duration]bool
	acknowledged map[stored]bool
	trace        []Event
	large        bool   // see RunLarge
	requests     uint64 // of a large world
	over         bool   // nothing is added to the trace any more
}

// Run runs fn in the world of the seed, and kills its hosts when it returns. All goroutines that fn starts, and those
// of the code under test, must end then: a request on any host unwinds its goroutine by runtime.Goexit.
//
// crypto/rand is seeded for the rest of t, so t can't be parallel. A world that does not end by itself is ended after
// two minutes of real time, together with the test binary.
func Run(t *testing.T, seed uint64, f Faults, fn func(*World)) {
	t.Helper()
	run(t, seed, f, fn)
}

// RunLarge is Run for a world of millions of requests, which may take hours and whose memory is measured: it remembers
// nothing of a request. So it has no trace, Acknowledged finds nothing, what befalls a request follows from its place in
// the order of arrival, and the world ends with the test's own timeout. Bury the hosts that are killed in it.
func RunLarge(t *testing.T, f Faults, fn func(*World)) {
	t.Helper()
	cryptotest.SetGlobalRandom(t, 1)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, f)
		w.large = true
		defer w.drain()
		fn(w)
	})
}

func run(t *testing.T, seed uint64, f Faults, fn func(*World)) (w *World) {
	cryptotest.SetGlobalRandom(t, seed)
	watchdog := time.AfterFunc(realLimit, func() { // outside the bubble: real time
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		fmt.Fprintf(os.Stderr, "%s\nsim: this world did not end within %v: %s\n", stacks, realLimit, replayCommand(t, seed))
		os.Exit(1)
	})
	defer watchdog.Stop()
	defer func() {
		if t.Failed() {
			t.Logf("replay this world: %s", replayCommand(t, seed))
			if *traceFlag && w != nil {
				t.Logf("trace:\n%s", lines(w.Trace()))
			}
		}
	}()
	synctest.Test(t, func(t *testing.T) {
		w = newWorld(t, seed, f)
		defer w.drain()
		fn(w)
	})
	return w
}

// replayCommand runs only the test of t with the seed. The package comes first: go test takes it for an argument of
// the test if it follows flags that it does not know.
func replayCommand(t *testing.T, seed uint64) string {
	pkg := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		pkg = strings.TrimSuffix(info.Path, ".test")
	}
	top, _, _ := strings.Cut(t.Name(), "/")
	return fmt.Sprintf("go test %s -run '^%s$' -sim.seed=%d -sim.trace", pkg, top, seed)
}

func newWorld(t *testing.T, seed uint64, f Faults) *World {
	w := &World{
		T: t, Seed: seed, faults: f, start: time.Now(), end: make(chan struct{}),
		occurrences:  map[[32]byte]uint64{},
		taken:        map[time.Duration]bool{},
		acknowledged: map[stored]bool{},
	}
	w.Kinesis = kinesisfake.New(kinesisfake.Options{
		StatusDelay: f.StatusDelay, RateLimits: f.RateLimits, Fault: w.failEntries,
	})
	w.DynamoDB = dynamofake.New()
	w.services = map[Service]http.RoundTripper{Kinesis: w.Kinesis.Transport(), DynamoDB: w.DynamoDB.Transport()}
	w.control = w.Host("control")
	w.control.faultless = true
	return w
}

// drain kills all hosts and lets the time pass that their last goroutines need.
func (w *World) drain() {
	w.mu.Lock()
	w.over = true
	for _, h := range w.hosts {
		h.die()
	}
	w.mu.Unlock()
	close(w.end)
	w.Kinesis.Close()
	time.Sleep(drainTime)
	synctest.Wait()
}

// Host starts a host. The name counts in what befalls its requests; it need not be new, as when a process of the same
// name is started again.
func (w *World) Host(name string) *Host {
	h := &Host{name: name, world: w, dead: make(chan struct{}), buried: make(chan struct{})}
	w.mu.Lock()
	w.hosts = append(w.hosts, h)
	w.mu.Unlock()
	return h
}

// Control returns a configuration that no fault ever befalls, for what the test itself does.
func (w *World) Control() aws.Config { return w.control.AWS() }

// Rand returns a generator for a part of the test's script. Each goroutine needs one of its own, by another name.
func (w *World) Rand(name string) *rand.Rand { return w.generator([]byte("script\x00" + name)) }

// Intercept puts a RoundTripper of the test's in front of a service. It sees every request that reaches the service, with
// the host's name in kinesisfake.HostHeader, in the instant in which it is carried out: it must not wait. Call it before
// the first request.
func (w *World) Intercept(s Service, wrap func(http.RoundTripper) http.RoundTripper) {
	w.services[s] = wrap(w.services[s])
}

// elapsed is the world's age.
func (w *World) elapsed() time.Duration { return time.Since(w.start) }

// sleepUnique sleeps at least d, until an instant at which no other request is due.
func (w *World) sleepUnique(done <-chan struct{}, d time.Duration) bool {
	w.mu.Lock()
	now := w.elapsed()
	at := now + max(d, 1)
	for w.taken[at] {
		at++
	}
	w.taken[at] = true
	w.mu.Unlock()
	timer := time.NewTimer(at - now)
	defer func() {
		timer.Stop()
		w.mu.Lock()
		delete(w.taken, at)
		w.mu.Unlock()
	}()
	select {
	case <-timer.C:
		return true
	case <-done:
		return false
	}
}
