package separate

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/kplkit/kplkit/internal/kplpipe"
	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
	"github.com/kplkit/kplkit/producer"
)

var worlds = flag.Int("worlds", 300, "seeded worlds of the parent")

// TestWorlds: whatever the children do, each Put has exactly one result, which is true, and the order and the memory
// hold. A bubble does not end while a goroutine is left.
func TestWorlds(t *testing.T) {
	var all tally
	for seed := range uint64(*worlds) {
		t.Run(fmt.Sprint("seed-", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { newWorld(t, seed).run(&all) })
		})
	}
	t.Logf("%+v", all)
	if *worlds >= 300 && (all.Restarts == 0 || all.SentAgain == 0 || all.Ignored == 0 || all.expired == 0 || all.failed == 0) {
		t.Error("the worlds are too kind")
	}
}

type tally struct {
	Stats
	expired, failed int // results
}

// world has one Parent, several goroutines that put, and children with fates drawn from a seed.
type world struct {
	*testing.T
	seed        uint64
	rand        *rand.Rand
	cfg         Config
	putters     int
	records     int // of each
	maxBuffered int64
	badChildren int // those that follow are in order

	mu       sync.Mutex
	children int
	held     int64
	acked    map[string]bool // said so
	got      map[string]bool // by a child
	seen     []int           // of each putter: the highest index that any child has got
	results  map[string]int
	tally
}

func newWorld(t *testing.T, seed uint64) *world {
	r := rand.New(rand.NewPCG(seed, 14))
	w := &world{T: t, seed: seed, rand: r, putters: 1 + r.IntN(3), records: 20 + r.IntN(150), maxBuffered: 4000 + r.Int64N(40_000), badChildren: r.IntN(8)}
	w.acked, w.got, w.results, w.seen = map[string]bool{}, map[string]bool{}, map[string]int{}, make([]int, w.putters)
	for i := range w.seen {
		w.seen[i] = -1
	}
	w.cfg = Config{
		Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("a", "s", ""), MaxBuffered: int(w.maxBuffered),
		RecordTTL: time.Duration(1+r.IntN(100)) * time.Second, Logger: slog.New(slog.DiscardHandler),
	}.withDefaults()
	return w
}

// drawFate is that of a child: in half of the worlds' children one thing is wrong, in some more.
func drawFate(r *rand.Rand) (f fate) {
	f.late = time.Duration(r.Int64N(int64(300 * time.Millisecond)))
	if r.IntN(4) == 0 {
		f.late = time.Duration(r.Int64N(int64(20 * time.Second)))
	}
	f.twice, f.lies, f.stays = r.IntN(3) == 0, r.IntN(3) == 0, r.IntN(5) == 0
	switch r.IntN(7) {
	case 0:
		f.dieRead = 1 + r.IntN(6000)
	case 1:
		f.dieWritten = 1 + r.IntN(3000)
	case 2:
		f.hang, f.deaf = 1+r.IntN(100), r.IntN(2) == 0
	case 3:
		f.garbage = 1 + r.IntN(100)
	case 4:
		f.slow = time.Duration(r.Int64N(int64(500 * time.Millisecond)))
	case 5:
		f.dieRead, f.slow = 1+r.IntN(3000), time.Duration(r.Int64N(int64(50*time.Millisecond)))
	}
	return f
}

func (w *world) launch(*kplpb.Credentials) (process, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.children++
	r := rand.New(rand.NewPCG(w.seed, uint64(100+w.children)))
	f := fate{late: 50 * time.Millisecond}
	if w.children <= w.badChildren {
		if f = drawFate(r); r.IntN(10) == 0 {
			return nil, errors.New("no such file")
		}
	}
	child := newScripted(w.children, f, r)
	last := make([]int, w.putters) // that this child has got, of each putter
	for i := range last {
		last[i] = -1
	}
	go child.play(func(p kplpipe.Put) { w.put(child, last, p) })
	return child, nil
}

// put is called by a child for each record that it reads, in their order.
func (w *world) put(child *scripted, last []int, p kplpipe.Put) {
	payload := string(p.Data)
	putter, index := where(payload)
	if w.mu.Lock(); index <= last[putter] {
		w.Errorf("child %d got %s after %d", child.number, payload, last[putter])
	}
	if index < w.seen[putter] && !w.got[payload] {
		w.Errorf("child %d got %s, which no child had before, after %d", child.number, payload, w.seen[putter])
	}
	last[putter], w.seen[putter], w.got[payload] = index, max(w.seen[putter], index), true
	w.mu.Unlock()
	delay := time.Duration(child.rand.Int64N(int64(child.late) + 1))
	lie := child.rand.Uint64()
	go func() { // out of order
		time.Sleep(delay)
		if child.isDead() {
			return
		}
		w.mu.Lock()
		w.acked[payload] = true
		w.mu.Unlock()
		if child.lies {
			child.stored(lie)
		}
		child.stored(p.ID)
		if child.twice {
			child.stored(p.ID)
		}
	}()
}

func where(payload string) (putter, index int) {
	a, b, _ := strings.Cut(payload, "/")
	putter, _ = strconv.Atoi(a)
	index, _ = strconv.Atoi(strings.TrimSpace(b))
	return putter, index
}

func (w *world) run(all *tally) {
	ctx := context.Background()
	p, err := start(ctx, w.cfg, w.launch)
	for ; err != nil; p, err = start(ctx, w.cfg, w.launch) {
		if w.children > w.badChildren {
			w.Fatalf("child %d is in order: %v", w.children, err)
		}
	}
	var putting sync.WaitGroup
	for putter := range w.putters {
		r := rand.New(rand.NewPCG(w.seed, uint64(50+putter)))
		putting.Go(func() { w.putAll(ctx, p, putter, r) })
	}
	putting.Wait()
	if w.rand.IntN(2) == 0 {
		if err := p.Flush(ctx); err != nil {
			w.Errorf("Flush: %v", err)
		}
		w.checkComplete("Flush")
	}
	stats := w.close(p)
	w.checkComplete("Close")
	if err := p.Put(ctx, "orders", producer.Record{PartitionKey: "k"}, nil); !errors.Is(err, producer.ErrClosed) {
		w.Errorf("Put after Close: %v", err)
	}
	if n := int64(w.putters * w.records); stats.Puts != n || stats.Results != n || stats.Outstanding != 0 {
		w.Errorf("%+v, want %d puts and results", stats, n)
	}
	all.add(stats, w.tally)
	time.Sleep(time.Minute) // children that are dead notice it
}

// close is in a hurry in some worlds.
func (w *world) close(p *Parent) Stats {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	hasty := w.rand.IntN(4) == 0
	if hasty {
		time.AfterFunc(time.Duration(w.rand.Int64N(int64(time.Second))), cancel)
	}
	if err := p.Close(ctx); err != nil && (!hasty || !errors.Is(err, context.Canceled)) {
		w.Errorf("Close: %v", err)
	}
	return p.Stats()
}

func (w *world) putAll(ctx context.Context, p *Parent, putter int, r *rand.Rand) {
	for i := range w.records {
		payload := fmt.Sprintf("%d/%-*d", putter, 1+r.IntN(500), i)
		record := producer.Record{PartitionKey: "k", Data: []byte(payload)}
		cost := costOf("orders", record)
		err := p.Put(ctx, "orders", record, func(rec producer.Record, res producer.Result) {
			w.result(payload, cost, rec, res)
		})
		if err != nil {
			w.Errorf("Put: %v", err)
			return
		}
		w.hold(cost)
		if r.IntN(5) == 0 {
			time.Sleep(time.Duration(r.Int64N(int64(100 * time.Millisecond))))
		}
	}
}

func (w *world) hold(bytes int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.held += bytes; w.held > w.maxBuffered {
		w.Errorf("%d bytes are held, %d may be", w.held, w.maxBuffered)
	}
}

func (w *world) result(payload string, cost int64, rec producer.Record, res producer.Result) {
	defer w.hold(-cost) // the record counts until then
	w.mu.Lock()
	defer w.mu.Unlock()
	w.results[payload]++
	switch {
	case string(rec.Data) != payload:
		w.Errorf("%s has the result of %s", payload, rec.Data)
	case res.Err == nil && (!w.acked[payload] || !res.Position.Whole() || res.ShardID == "" || res.Attempts != 1):
		w.Errorf("%s: %+v, which no child said", payload, res)
	case errors.Is(res.Err, producer.ErrExpired):
		w.expired++
	case errors.Is(res.Err, producer.ErrClosed):
		w.failed++
	case res.Err != nil:
		w.Errorf("%s: %v", payload, res.Err)
	}
	rec.Data[0] = '?' // it is the caller's again
}

func (w *world) checkComplete(when string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for payload, n := range w.results {
		if n != 1 {
			w.Errorf("%s has %d results", payload, n)
		}
	}
	if n := w.putters * w.records; len(w.results) != n {
		w.Errorf("%d of %d records have a result after %s", len(w.results), n, when)
	}
}

func (a *tally) add(s Stats, t tally) {
	a.Puts += s.Puts
	a.Results += s.Results
	a.Restarts += s.Restarts
	a.SentAgain += s.SentAgain
	a.Ignored += s.Ignored
	a.expired += t.expired
	a.failed += t.failed
}
