package scale

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/config"

	"github.com/kplkit/kplkit/internal/sim"
)

// fleet is an application: workers of one engine over one stream.
type fleet struct {
	*cloud
	engine    engine
	ledger    *ledger
	book      *book
	configure func(*config.KinesisClientLibConfiguration) // what a scenario configures; nil: nothing

	mu          sync.Mutex
	made        int
	members     []*member // that are to work
	startErrors int
}

// member is one worker process.
type member struct {
	*sim.Host
	fleet  *fleet
	name   string
	cfg    *config.KinesisClientLibConfiguration
	worker worker
	ended  chan struct{} // closed when the process is no more
}

// worker is what both engines have.
type worker interface {
	Start() error
	Shutdown()
}

const (
	failover = 10 * time.Second // vmware's default
	grace    = 30 * time.Second // after SIGTERM, before SIGKILL: what Kubernetes gives by default
	decay    = time.Minute      // until a killed host's goroutines are ended
)

func newFleet(w *sim.World, e engine) *fleet {
	return &fleet{cloud: newCloud(w), engine: e, ledger: newLedger(), book: &book{}}
}

// start starts n workers at once. Those that can't start try again each second, as under a supervisor.
func (f *fleet) start(n int) {
	for range n {
		m := f.newMember()
		go m.run()
	}
}

func (f *fleet) newMember() *member {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.made++
	name := fmt.Sprintf("worker-%d", f.made)
	m := &member{Host: f.Host(name), fleet: f, name: name, ended: make(chan struct{})}
	m.cfg = config.NewKinesisClientLibConfig("app", stream, "us-east-1", name).
		WithInitialPositionInStream(config.TRIM_HORIZON).WithLogger(silent{})
	if f.configure != nil {
		f.configure(m.cfg)
	}
	m.worker = f.engine.make(m)
	f.members = append(f.members, m)
	return m
}

func (m *member) run() {
	for m.worker.Start() != nil {
		m.fleet.mu.Lock()
		m.fleet.startErrors++
		m.fleet.mu.Unlock()
		time.Sleep(time.Second)
	}
}

// failedStarts is how often some member's Start has failed.
func (f *fleet) failedStarts() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.startErrors
}

// live are the members that are to work, the oldest first.
func (f *fleet) live() []*member {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.members)
}

func (f *fleet) dismiss(m *member) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.members = slices.DeleteFunc(f.members, func(other *member) bool { return other == m })
}

// kill ends a member as a power failure does.
func (f *fleet) kill(m *member) {
	f.dismiss(m)
	m.Kill()
	f.ledger.gone(m)
	close(m.ended)
	go func() {
		time.Sleep(decay)
		m.Bury()
	}()
}

// terminate ends a member as SIGTERM does: by Shutdown, after which the process ends; where that takes too long, by SIGKILL.
func (f *fleet) terminate(m *member) {
	f.dismiss(m)
	down := make(chan struct{})
	go func() {
		defer close(down)
		m.worker.Shutdown()
	}()
	go func() {
		select {
		case <-down:
		case <-time.After(grace):
		}
		f.kill(m)
	}()
}

// isGone tells whether the member's process has ended.
func (m *member) isGone() bool {
	select {
	case <-m.ended:
		return true
	default:
		return false
	}
}

// until waits until it holds, and tells how long that took: never, if it does not hold within the limit.
func until(limit time.Duration, holds func() bool) time.Duration {
	for began := time.Now(); time.Since(began) < limit; time.Sleep(250 * time.Millisecond) {
		if holds() {
			return time.Since(began)
		}
	}
	return never
}

// patience is how long a scenario waits for what should take seconds.
const patience = time.Hour

// never is the time after which something has not happened.
const never = time.Duration(-1)

// setUp makes a stream with a record in every shard, starts the workers, and waits until they have settled.
func (f *fleet) setUp(s size) {
	f.CreateStream(stream, s.shards)
	f.seed(s.shards)
	f.start(s.workers)
	f.settle(s.shards)
	f.ledger.lap()
}

// settle waits until all shards have an owner, and then for half a minute.
func (f *fleet) settle(shards int) {
	f.hurry(2000)
	until(settleLimit, func() bool { return f.ledger.owned() >= shards })
	f.hurry(config.DefaultShardSyncIntervalMillis)
	time.Sleep(30 * time.Second)
}

// settleLimit bounds set-ups. What can't be set up within it is measured as it is.
const settleLimit = 90 * time.Minute

// hurry changes the sync interval of workers that heed it: those of vmware alone, which would take hours to settle.
func (f *fleet) hurry(milliseconds int) {
	if !f.engine.heeds {
		return
	}
	for _, m := range f.live() {
		m.cfg.ShardSyncIntervalMillis = milliseconds
	}
}
