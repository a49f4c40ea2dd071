package producer_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/internal/sim"
	"github.com/kplkit/kplkit/producer"
)

// outcome is what a world's records came to.
type outcome struct {
	mu     sync.Mutex
	stored map[string]int // results without an error, by data
	failed map[string]error
}

func (o *outcome) done(r producer.Record, res producer.Result) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if res.Err != nil {
		o.failed[string(r.Data)] = res.Err
	}
	o.stored[string(r.Data)]++
}

// world puts records while shards are split and merged, and holds what the package promises: each record gets exactly
// one result, and what is acknowledged is read back under both policies.
func world(w *sim.World, exactlyOnce bool) {
	rnd := w.Rand("script")
	w.CreateStream("s", 1+rnd.IntN(4))
	resharded := w.Reshard("s", 1+rnd.IntN(5), 10*time.Second)
	p, err := producer.New(kinesis.NewFromConfig(w.Host("producer").AWS()), "s")
	if err != nil {
		w.T.Fatal(err)
	}
	o := &outcome{stored: map[string]int{}, failed: map[string]error{}}
	const records = 400
	for i := range records {
		r := producer.Record{PartitionKey: fmt.Sprint("key-", rnd.IntN(50)), Data: fmt.Appendf(nil, "record-%d", i)}
		if err := p.Put(context.Background(), r, o.done); err != nil {
			w.T.Fatal(err)
		}
		if rnd.IntN(4) == 0 {
			// Never a round figure: what is due at one instant comes in any order, and a replay would differ.
			time.Sleep(time.Duration(rnd.IntN(200_000_000)) | 1)
		}
	}
	if err := p.Close(context.Background()); err != nil {
		w.T.Error(err)
	}
	<-resharded
	for data, n := range o.stored {
		if n != 1 {
			w.T.Errorf("%s has %d results", data, n)
		}
	}
	if len(o.stored) != records {
		w.T.Errorf("%d of %d records have a result", len(o.stored), records)
	}
	ranges, ancestors := lineage(w.T, kinesis.NewFromConfig(w.Control()), "s")
	for name, policy := range map[string]deagg.Policy{"KCL": deagg.KCL, "Lossless": deagg.Lossless} {
		read := map[string]int{}
		for shard, held := range w.Kinesis.Records("s") {
			d := deagg.Decoder{Policy: policy, HashRange: ranges[shard], Ancestors: ancestors[shard]}
			for u := range d.UserRecords(storedRecords(held)...) {
				read[string(u.Data)]++
			}
		}
		for data := range o.stored {
			n, failed := read[data], o.failed[data] != nil
			if !failed && n == 0 || exactlyOnce && !failed && n != 1 {
				w.T.Errorf("%s: %s is acknowledged and read %d times", name, data, n)
			}
		}
	}
	if exactlyOnce && len(o.failed) > 0 {
		w.T.Errorf("%d records failed", len(o.failed))
	}
}

// TestWorldsReshard: without faults, what is acknowledged is read exactly once, whatever happens to the shards.
func TestWorldsReshard(t *testing.T) {
	sim.Worlds(t, 250, sim.Faults{StatusDelay: time.Second}, func(w *sim.World) { world(w, true) })
}

// TestWorldsFaults: with requests and answers lost, repeated and refused, nothing acknowledged is lost.
func TestWorldsFaults(t *testing.T) {
	sim.Worlds(t, 250, sim.Usual(), func(w *sim.World) { world(w, false) })
}

// TestReplay: a world goes the same way twice.
func TestReplay(t *testing.T) {
	for _, seed := range []uint64{1, 2, 3} {
		sim.Replay(t, seed, sim.Usual(), func(w *sim.World) { world(w, false) })
	}
}
