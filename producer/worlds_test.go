package producer_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/internal/sim"
	"github.com/kplkit/kplkit/producer"
)

// The worlds: a producer with drawn options puts records while shards are split and merged, and more goes wrong by kind.
// What has to hold in each of them is in worlds_ledger_test.go and worlds_api_test.go.
const worldsOfEachKind = 125

// scenario is what a kind of world has that others have not.
type scenario struct {
	faulty   bool // requests are lost, and so on: records may fail, and be stored twice
	expires  bool // credentials expire for a while
	large    bool // some worlds have records of up to 110,000 bytes, which fill the buffer
	switches bool // the stream becomes service-managed for a while, and is again
	anew     bool // the stream is deleted, and one of its name made, with another number of shards
}

// TestWorldsReshard: without faults, what is put is read exactly once, whatever happens to the shards.
func TestWorldsReshard(t *testing.T) { worlds(t, clean, scenario{}) }

// TestWorldsFaults: with requests and answers lost, repeated and refused, nothing acknowledged is lost.
func TestWorldsFaults(t *testing.T) { worlds(t, sim.Usual(), scenario{faulty: true, expires: true}) }

// TestWorldsThrottled: the same with a full buffer, shards with rates, and many faults.
func TestWorldsThrottled(t *testing.T) {
	worlds(t, many(), scenario{faulty: true, expires: true, large: true})
}

// TestWorldsStrategy: the stream is switched to AUTO and back.
func TestWorldsStrategy(t *testing.T) { worlds(t, sim.Usual(), scenario{faulty: true, switches: true}) }

// TestWorldsAnew: the stream is deleted and made anew under its name, without faults and with them. What was acknowledged
// into the one that was deleted is gone with it, and nothing else.
func TestWorldsAnew(t *testing.T) {
	for _, faulty := range []bool{false, true} {
		t.Run(fmt.Sprintf("faulty=%v", faulty), func(t *testing.T) { worlds(t, brief(faulty), scenario{faulty: faulty, anew: true}) })
	}
}

// brief are few faults or none where a stream is soon deleted and made.
func brief(faulty bool) sim.Faults {
	f := clean
	if faulty {
		f = sim.Usual()
	}
	f.StatusDelay = 300 * time.Millisecond
	return f
}

// TestReplay: a world goes the same way twice.
func TestReplay(t *testing.T) {
	for _, s := range []scenario{{}, {faulty: true, expires: true}, {faulty: true, expires: true, large: true}, {faulty: true, switches: true}, {anew: true}, {faulty: true, anew: true}} {
		f := clean
		switch {
		case s.anew:
			f = brief(s.faulty)
		case s.faulty:
			f = many()
		}
		for seed := range uint64(2) {
			sim.Replay(t, seed+1, f, func(w *sim.World) { newWorld(w, s).run() })
		}
	}
}

var clean = sim.Faults{MinLatency: 2 * time.Millisecond, MaxLatency: 40 * time.Millisecond, StatusDelay: time.Second}

// many returns the usual faults, several times as often, and the rates of shards.
func many() sim.Faults {
	f := sim.Usual()
	f.Drop, f.LoseResponse, f.Throttle, f.FailEntry, f.RateLimits = 0.08, 0.12, 0.06, 0.1, true
	return f
}

func worlds(t *testing.T, f sim.Faults, s scenario) {
	sim.Worlds(t, worldsOfEachKind, f, func(w *sim.World) { newWorld(w, s).run() })
	t.Log(&totals)
}

// world is a sim.World with a stream "s" and a producer.
type world struct {
	*sim.World
	scenario
	*ledger
	rnd      *rand.Rand // of the script
	born     time.Time
	host     *sim.Host
	strict   bool
	inFlight int // at most
	producer *producer.Producer

	quiet     bool          // the stream is made anew while nothing is put
	resharded chan struct{} // closed when it may be
	renewed   chan struct{} // closed when it is
	gone      []stream
}

func newWorld(sw *sim.World, s scenario) *world {
	w := &world{World: sw, scenario: s, rnd: sw.Rand("script"), born: time.Now(), host: sw.Host("producer")}
	w.ledger = newLedger()
	w.large = w.large && w.rnd.IntN(5) == 0
	w.strict, w.inFlight = w.rnd.IntN(3) == 0, pick(w.rnd, 1, 3, 24)
	w.quiet = w.anew && w.rnd.IntN(2) == 0
	w.resharded, w.renewed = make(chan struct{}), make(chan struct{})
	return w
}

func pick[T any](rnd *rand.Rand, from ...T) T { return from[rnd.IntN(len(from))] }

// run is the script of every world.
func (w *world) run() {
	w.CreateStream("s", 1+w.rnd.IntN(4))
	var err error
	api := &watchedAPI{Client: kinesis.NewFromConfig(w.host.AWS())}
	if w.producer, err = producer.New(api, "s", w.options()...); err != nil {
		w.T.Fatal(err)
	}
	changed := make(chan struct{})
	go func() { defer close(changed); w.change() }()
	w.put()
	if err := w.producer.Close(context.Background()); err != nil {
		w.T.Error(err)
	}
	<-changed
	api.check(w)
	w.check()
}

const maxBuffered = 2 << 20

func (w *world) options() []producer.Option {
	rates := []float64{0, 0.05, 1.5}
	if w.large {
		rates = []float64{0, 1, 1.5}
	}
	opts := []producer.Option{
		producer.WithLinger(pick[time.Duration](w.rnd, 20, 100, 300) * time.Millisecond),
		producer.WithMaxAggregate(pick(w.rnd, 500, 5_000, 51_200), pick[uint32](w.rnd, 4, 1_000_000)),
		producer.WithMaxBatch(pick(w.rnd, 1<<16, 5<<20), pick(w.rnd, 2, 500)),
		producer.WithRateLimit(pick(w.rnd, rates...)),
		producer.WithRefresh(pick[time.Duration](w.rnd, 1, 3, 60) * time.Second),
		producer.WithMaxBuffered(maxBuffered), producer.WithMaxInFlight(w.inFlight), producer.WithTrace(producer.Trace{Retry: w.ledger.retry}),
	}
	if w.strict {
		opts = append(opts, producer.WithStrictOrder())
	}
	if w.faulty {
		opts = append(opts, producer.WithTimeToLive(pick[time.Duration](w.rnd, 10, 30, 60)*time.Second))
	}
	return opts
}

// put puts records in bursts. Pauses are never a round figure: what is due at one instant comes in any order, and a
// replay would differ.
func (w *world) put() {
	records, ctx := 250, context.Background()
	if w.large {
		records = 45
	}
	for i := range records {
		if w.quiet && i == records/2 {
			<-w.resharded
			if err := w.producer.Flush(ctx); err != nil {
				w.T.Error(err)
			}
			w.makeAnew(w.rnd)
		}
		r := w.record(i)
		err := w.producer.Put(ctx, r, w.done)
		if err != nil {
			w.T.Fatal(err)
		}
		w.took(r)
		if w.switches && w.rnd.IntN(20) == 0 { // a record that only a service-managed stream takes
			r := producer.Record{Data: fmt.Appendf(nil, "keyless-%d", i)}
			if w.producer.TryPut(r, w.done) == nil {
				w.took(r)
			}
		}
		switch n := w.rnd.IntN(100); {
		case n < 10:
			time.Sleep(time.Duration(w.rnd.IntN(500_000_000)) | 1)
		case n == 10:
			if err := w.producer.Flush(ctx); err != nil {
				w.T.Error(err)
			}
		}
		time.Sleep(time.Duration(w.rnd.IntN(1000)) | 1) // else it depends on the scheduler what a batch holds
	}
}

// record is the i-th record to put.
func (w *world) record(i int) producer.Record {
	key := w.rnd.IntN(50)
	r := producer.Record{PartitionKey: fmt.Sprint("key-", key), Data: fmt.Appendf(nil, "record-%d", i)}
	if key%5 == 0 {
		r.ExplicitHashKey = fmt.Sprintf("%d%037d", 1+key%3, key)
	}
	if w.large {
		r.Data = append(r.Data, strings.Repeat(".", w.rnd.IntN(110_000))...)
	}
	return r
}

// change is what happens to stream and host while records are put.
func (w *world) change() {
	rnd := w.Rand("change")
	expired := make(chan struct{})
	go func() {
		defer close(expired)
		if rnd := w.Rand("expire"); w.expires && rnd.IntN(2) == 0 {
			time.Sleep(time.Duration(rnd.Int64N(int64(5*time.Second))) | 1)
			w.host.Expire(time.Duration(rnd.Int64N(int64(20*time.Second))) | 1)
			totals.add(func(n *figures) { n.expiries++ })
		}
	}()
	if w.switches {
		<-w.Reshard("s", rnd.IntN(3), time.Second)
		w.manage(rnd)
	}
	if w.anew {
		<-w.Reshard("s", rnd.IntN(3), time.Second)
		if close(w.resharded); !w.quiet {
			time.Sleep(time.Duration(rnd.Int64N(int64(2*time.Second))) | 1)
			w.makeAnew(rnd)
		}
		<-w.renewed
	}
	<-w.Reshard("s", 1+rnd.IntN(5), 6*time.Second)
	<-expired
}

// makeAnew deletes the stream, keeps what was in it, and makes one of its name.
func (w *world) makeAnew(rnd *rand.Rand) {
	client := kinesis.NewFromConfig(w.Control())
	if _, err := client.DeleteStream(context.Background(), &kinesis.DeleteStreamInput{StreamName: aws.String("s")}); err != nil {
		w.T.Fatal(err)
	}
	time.Sleep(60 * time.Millisecond) // what it took before has been answered
	w.gone = append(w.gone, w.stream())
	time.Sleep(300 * time.Millisecond)
	w.CreateStream("s", 1+rnd.IntN(6))
	close(w.renewed)
}

// manage makes the stream service-managed for a while. Meanwhile its shards can't be split.
func (w *world) manage(rnd *rand.Rand) {
	client, ctx := kinesis.NewFromConfig(w.Control()), context.Background()
	mode := func(m types.StreamMode) {
		_, err := client.UpdateStreamMode(ctx, &kinesis.UpdateStreamModeInput{
			StreamARN: aws.String(streamARN), StreamModeDetails: &types.StreamModeDetails{StreamMode: m},
		})
		if err != nil {
			w.T.Error(err)
		}
	}
	strategy := func(s types.RecordDistributionStrategy) {
		_, err := client.UpdateStreamRecordDistributionStrategy(ctx, &kinesis.UpdateStreamRecordDistributionStrategyInput{
			StreamARN: aws.String(streamARN), RecordDistributionStrategy: s,
		})
		if err != nil {
			w.T.Error(err)
		}
		time.Sleep(time.Duration(rnd.Int64N(int64(2*time.Second))) | 1)
	}
	mode(types.StreamModeOnDemand)
	strategy(types.RecordDistributionStrategyAuto)
	strategy(types.RecordDistributionStrategyUserPartitionKey)
	mode(types.StreamModeProvisioned)
	totals.add(func(n *figures) { n.switches++ })
}
