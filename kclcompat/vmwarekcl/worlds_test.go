package vmwarekcl_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/kplkit/kplkit/internal/sim"
)

// The worlds: writers, splits and merges, and three workers one after the other or side by side, of which the first two
// are stopped hard in the middle of their work. What has to hold in each of them is in worlds_table_test.go, for the
// lease table, and worlds_ledger_test.go, for what is delivered.
//
// With those in worlds_loop_test.go the ordinary test run has hundreds; -sim.worlds=N runs N of each kind.
const worldsOfEachKind = 16

func TestWorldsClean(t *testing.T) {
	worlds(t, sim.Faults{MinLatency: 2 * time.Millisecond, MaxLatency: 40 * time.Millisecond}, scenario{})
}

func TestWorldsFaults(t *testing.T) { worlds(t, sim.Usual(), scenario{}) }

func TestWorldsManyFaults(t *testing.T) { worlds(t, many(), scenario{outages: true}) }

func TestWorldsStalls(t *testing.T) { worlds(t, sim.Usual(), scenario{together: true, stalls: true}) }

// TestWorldsOneID: two workers have the same worker id, as after a mistake in the configuration.
func TestWorldsOneID(t *testing.T) {
	worlds(t, sim.Usual(), scenario{together: true, stalls: true, oneID: true})
}

func TestWorldsStealing(t *testing.T) {
	worlds(t, sim.Usual(), scenario{together: true, stealing: true})
}

func TestWorldsFanOut(t *testing.T) {
	f := sim.Usual()
	f.Cut = 0.5
	worlds(t, f, scenario{fanOut: true})
}

// TestWorldsLatest: what is put once every shard is being read is read, though nothing may be checkpointed yet.
func TestWorldsLatest(t *testing.T) { worlds(t, sim.Usual(), scenario{latest: true}) }

// TestWorldsLatestAfterSplits: an application that is new to a stream with a past reads nothing of it.
func TestWorldsLatestAfterSplits(t *testing.T) {
	worlds(t, sim.Usual(), scenario{latest: true, past: true})
}

// TestWorldsRollback: the second worker is vmware's without kplkit, the third has kplkit again.
func TestWorldsRollback(t *testing.T) {
	worlds(t, sim.Faults{MinLatency: 2 * time.Millisecond, MaxLatency: 40 * time.Millisecond}, scenario{bareSecond: true})
}

func TestWorldsRollbackWithFaults(t *testing.T) {
	worlds(t, many(), scenario{bareSecond: true, outages: true})
}

// TestWorldsRollingUpgrade: workers with and without kplkit run side by side.
func TestWorldsRollingUpgrade(t *testing.T) {
	worlds(t, sim.Usual(), scenario{together: true, stalls: true, bareSecond: true})
}

// TestWorldsSilence: services do not answer for a while, and half of what they do not answer happens; asking for an
// iterator takes longer than a lease lasts, now and then; and so do many batches.
func TestWorldsSilence(t *testing.T) { worlds(t, slow(), scenario{silences: true, slowBatches: true}) }

// TestWorldsSkew: the same, with workers side by side whose clocks differ by up to half a lease.
func TestWorldsSkew(t *testing.T) {
	worlds(t, slow(), scenario{together: true, stalls: true, silences: true, slowBatches: true, skew: true})
}

// TestWorldsSkewBesideBare: ... and one of them without kplkit, which goes by the wall clock.
func TestWorldsSkewBesideBare(t *testing.T) {
	worlds(t, sim.Usual(), scenario{together: true, stalls: true, slowBatches: true, skew: true, bareSecond: true})
}

// TestWorldsSlowFanOut: with enhanced fan-out, batches take longer than a lease lasts.
func TestWorldsSlowFanOut(t *testing.T) {
	worlds(t, slow(), scenario{fanOut: true, together: true, silences: true, slowBatches: true, skew: true})
}

func slow() sim.Faults {
	f := sim.Usual()
	f.Slow = []sim.Slow{{Operation: "GetShardIterator", Rate: 0.2, Longest: 9 * time.Second}}
	return f
}

// many returns the usual faults, several times as often.
func many() sim.Faults {
	f := sim.Usual()
	f.Drop, f.LoseResponse, f.Throttle = 0.08, 0.12, 0.06
	return f
}

// scenario is what a kind of world has that others have not.
type scenario struct {
	together    bool // the second worker starts while the first one runs
	stalls      bool // processes stop for a while, longer than their leases last
	outages     bool // they are cut off from DynamoDB or Kinesis for a while
	oneID       bool // all workers have one id
	stealing    bool // lease stealing is on
	fanOut      bool // enhanced fan-out
	latest      bool // the application starts at LATEST
	past        bool // ... on a stream that has records and splits behind it
	silences    bool // services do not answer for a while
	slowBatches bool // batches take longer than a lease lasts, often
	skew        bool // the clocks of hosts differ by up to half a lease
	bareSecond  bool // the second worker is vmware's without kplkit
}

func worlds(t *testing.T, f sim.Faults, s scenario) {
	sim.Worlds(t, worldsOfEachKind, f, func(w *sim.World) { newWorld(w, s).run() })
	t.Log(&totals)
}

// world is a sim.World with a stream "s" and an application "app".
type world struct {
	*sim.World
	scenario
	born     time.Time
	rnd      *rand.Rand // of the script
	ledger   *ledger
	leases   *leases
	consumer string // ARN, for enhanced fan-out
	ended    func(shard string) bool

	checkpointRate     float64       // after each user record
	checkpointInterval time.Duration // between two of their writes in a batch
	forwarded          bool          // stored records have keys of their own; else the KPL's mark
}

func newWorld(sw *sim.World, s scenario) *world {
	w := &world{World: sw, scenario: s, born: time.Now(), rnd: sw.Rand("script")}
	w.ledger = newLedger(w)
	w.leases = watchLeases(w)
	w.ended = func(shard string) bool { return w.leases.of(shard).Checkpoint == "SHARD_END" }
	w.checkpointRate = []float64{0.01, 0.03, 0.1, 0.3}[w.rnd.IntN(4)]
	w.forwarded = w.rnd.IntN(2) == 0
	w.checkpointInterval = []time.Duration{0, 0, 100 * time.Millisecond, time.Second, time.Hour}[sw.Rand("at most every").IntN(5)]
	return w
}

const storedRecords = 30

// run is the script of every world.
func (w *world) run() {
	w.CreateStream("s", 1+w.rnd.IntN(3))
	if w.fanOut {
		w.consumer = register(w.World)
	}
	if w.past {
		w.write("past", storedRecords/4)
		<-w.Reshard("s", 1+w.rnd.IntN(2), 5*time.Second)
		w.write("later-past", storedRecords/4)
		time.Sleep(5 * time.Second)
		w.ledger.forget()
	}
	var written <-chan struct{}
	if !w.latest {
		written = w.writeAndReshard()
	}
	first := w.start("w1", false)
	if w.latest {
		w.untilAllRead()
		written = w.writeAndReshard()
	}
	w.succeed(first)
	third := w.start("w3", false)
	<-written
	w.untilComplete()
	if w.rnd.IntN(2) == 0 {
		third.stop()
	}
	w.check()
}

// succeed runs the second worker, beside the first one or after it, until both have been killed or have had their time.
func (w *world) succeed(first *process) {
	first.killAfter(1 + w.rnd.IntN(2*storedRecords))
	if w.together {
		time.Sleep(w.upTo(8 * time.Second))
		second := w.start("w2", w.bareSecond)
		second.killAfter(1 + w.rnd.IntN(2*storedRecords))
		first.wait(time.Minute)
		second.wait(time.Minute)
		if w.bareSecond || w.rnd.IntN(2) == 0 {
			second.stop()
		}
		return
	}
	first.wait(time.Minute)
	first.stop()
	second := w.start("w2", w.bareSecond)
	second.killAfter(1 + w.rnd.IntN(2*storedRecords))
	second.wait(30 * time.Second)
	if w.bareSecond || w.rnd.IntN(2) == 0 {
		second.stop()
	}
}

func (w *world) upTo(d time.Duration) time.Duration { return time.Duration(w.rnd.Int64N(int64(d))) }

// process is one worker on a host of its own.
type process struct {
	*sim.Host
	name   string
	bare   bool
	worker interface {
		Start() error
		Shutdown()
	}
	world *world

	delivered int       // user records
	returned  time.Time // when its last call into a consumer was over
	deadline  int       // user records after which it is killed
	dead      chan struct{}
}

// wait waits until the process is killed, at most d.
func (p *process) wait(d time.Duration) {
	select {
	case <-p.dead:
	case <-time.After(d):
	}
}

// stop ends the process if it lives: hard, or by vmware's Shutdown and then hard.
func (p *process) stop() {
	if p.Dead() {
		return
	}
	if p.worker != nil && p.world.rnd.IntN(2) == 0 {
		go p.shutdown()
		time.Sleep(p.world.upTo(20 * time.Second))
	}
	p.Kill()
	totals.add(func(n *figures) { n.kills++ })
}

// shutdown shuts the worker down. With kplkit that takes no longer than a lease after the last consumer has returned.
func (p *process) shutdown() {
	began := time.Now()
	p.worker.Shutdown()
	p.world.ledger.mu.Lock()
	defer p.world.ledger.mu.Unlock()
	if p.bare || p.Dead() {
		return
	}
	if p.returned.After(began) {
		began = p.returned
	}
	if d := time.Since(began); d > failover {
		p.world.T.Errorf("%v: its shutdown took %v longer than its consumers", p, d)
	}
	totals.add(func(n *figures) { n.shutdowns++ })
}

func (p *process) String() string { return fmt.Sprintf("worker %s", p.name) }
