package vmwarekcl_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	chk "github.com/vmware/vmware-go-kcl-v2/clientlibrary/checkpoint"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/config"
	par "github.com/vmware/vmware-go-kcl-v2/clientlibrary/partition"

	"github.com/kplkit/kplkit/internal/sim"
	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/kclcompat/vmwarekcl"
	"github.com/kplkit/kplkit/seqnum"
)

// TestLateRenewal: a renewal that comes late does not shorten the lease.
func TestLateRenewal(t *testing.T) {
	sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
		again := &twice{what: renewal}
		w.Intercept(sim.DynamoDB, func(table http.RoundTripper) http.RoundTripper {
			again.next = table
			return again
		})
		w.CreateStream("s", 1)
		(&calls{}).run(w.T, w.Host("one"), newConfig("one"))
		for again.count() <= 3 {
			time.Sleep(10 * time.Millisecond)
		}
		until, err := time.Parse(time.RFC3339Nano, lease(w.T, w.Control(), shard0)["LeaseTimeout"])
		if left := time.Until(until); err != nil || left < 1900*time.Millisecond {
			w.T.Errorf("the lease lasts for %v (%v)", left, err)
		}
	})
}

// TestLateCheckpoint: a checkpoint that comes late does not put the lease back.
func TestLateCheckpoint(t *testing.T) {
	sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
		again := &twice{what: "kplkitWrites < :ifkplkitWrites"}
		w.Intercept(sim.DynamoDB, func(table http.RoundTripper) http.RoundTripper {
			again.next = table
			return again
		})
		w.CreateStream("s", 1)
		putAggregates(w.T, w.Control(), 3, 2)
		(&calls{}).run(w.T, w.Host("one"), newConfig("one").WithMaxRecords(1))
		time.Sleep(20 * time.Second)
		last := w.Kinesis.Records("s")[shard0][2].SequenceNumber
		if item := lease(w.T, w.Control(), shard0); again.count() != 4 || item["Checkpoint"] != last {
			w.T.Errorf("%d checkpoints, the last one at %s: %v", again.count()-1, last, item)
		}
	})
}

// TestTakesOverInFirstPass: a worker that starts has looked at the leases before its first pass, and takes one then that
// nobody renews.
func TestTakesOverInFirstPass(t *testing.T) {
	sim.Worlds(t, 4, sim.Faults{}, func(w *sim.World) {
		w.CreateStream("s", 1)
		putAggregates(w.T, w.Control(), 1, 2)
		old := w.Host("old")
		(&calls{}).run(w.T, old, newConfig("old"))
		time.Sleep(10 * time.Second)
		old.Kill()
		app := &calls{}
		app.run(w.T, w.Host("new"), newConfig("new").WithShardSyncIntervalMillis(20_000))
		time.Sleep(31 * time.Second)
		if made, _, _ := app.counts(); made != 1 {
			w.T.Errorf("%d Processors after one pass", made)
		}
	})
}

// What requests to DynamoDB hold that renew a lease.
const renewal = `"SET LeaseTimeout = :toLeaseTimeout "`

// twice sends the first request of a kind once more, after the third one.
type twice struct {
	next  http.RoundTripper
	what  string
	mu    sync.Mutex
	seen  int
	first *http.Request
	body  []byte
}

func (a *twice) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.seen
}

func (a *twice) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	a.mu.Lock() // requests here take no time
	defer a.mu.Unlock()
	if strings.Contains(string(body), a.what) {
		if a.seen++; a.seen == 1 {
			a.first, a.body = r.Clone(r.Context()), body
		}
	}
	response, err := a.next.RoundTrip(r)
	if a.seen == 3 {
		a.seen++
		a.first.Body = io.NopCloser(bytes.NewReader(a.body))
		late, err := a.next.RoundTrip(a.first.WithContext(r.Context()))
		if err != nil {
			return nil, err
		}
		late.Body.Close()
	}
	return response, err
}

// TestSameWorkerID: of two processes with one worker id the second gets nothing that the first one renews, and says why.
func TestSameWorkerID(t *testing.T) {
	sim.Run(t, 1, sim.Faults{MinLatency: time.Millisecond, MaxLatency: 20 * time.Millisecond}, func(w *sim.World) {
		w.CreateStream("s", 1)
		all := putAggregates(w.T, w.Control(), 3, 2)
		log := &warnings{}
		slow := func(context.Context, kclcompat.Batch, *kclcompat.Checkpointer) error {
			time.Sleep(20 * time.Second)
			return nil
		}
		first, second := &calls{process: slow}, &calls{process: slow}
		first.run(w.T, w.Host("a"), newConfig("one").WithMaxRecords(1))
		time.Sleep(5 * time.Second)
		second.run(w.T, w.Host("b"), newConfig("one").WithLogger(log))
		time.Sleep(5 * time.Minute)
		_, texts, _ := first.counts()
		made, _, _ := second.counts()
		if lines := log.all(); made != 0 || !slices.Equal(texts, all) || len(lines) != 1 || !strings.Contains(lines[0], "another process") {
			w.T.Errorf("%q, and %d Processors; %q", texts, made, lines)
		}
	})
}

// TestClaimOfWorkerThatIsGone: the wall clock that a lease was written by does not decide how long a claim counts.
func TestClaimOfWorkerThatIsGone(t *testing.T) {
	sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
		w.CreateStream("s", 1)
		putAggregates(w.T, w.Control(), 2, 2)
		host := w.Host("one")
		host.Skew(24 * time.Hour)
		(&calls{}).run(w.T, host, newConfig("one"))
		time.Sleep(10 * time.Second)
		change(w, shard0, "SET ClaimRequest = :v", map[string]ddbtypes.AttributeValue{":v": &ddbtypes.AttributeValueMemberS{Value: "gone"}})
		host.Kill()
		putAggregates(w.T, w.Control(), 1, 1)
		app := &calls{}
		app.run(w.T, w.Host("two"), newConfig("two"))
		time.Sleep(10 * time.Minute)
		if _, texts, _ := app.counts(); len(texts) != 1 {
			w.T.Errorf("%q", texts)
		}
	})
}

// TestOddLease: a lease that was edited by hand is taken, or its error says what to do.
func TestOddLease(t *testing.T) {
	text := func(s string) ddbtypes.AttributeValue { return &ddbtypes.AttributeValueMemberS{Value: s} }
	number, null := &ddbtypes.AttributeValueMemberN{Value: "7"}, &ddbtypes.AttributeValueMemberNULL{Value: true}
	for _, attribute := range []string{"AssignedTo", "LeaseTimeout", "Checkpoint", "kplkitToken", "kplkitBirth", "kplkitFailures", "ClaimRequest"} {
		for name, value := range map[string]ddbtypes.AttributeValue{"empty": text(""), "odd": text("|odd|"), "a number": number, "null": null} {
			t.Run(attribute+" "+name, func(t *testing.T) {
				sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
					w.CreateStream("s", 1)
					putAggregates(w.T, w.Control(), 2, 2)
					old := w.Host("old")
					(&calls{}).run(w.T, old, newConfig("old"))
					time.Sleep(10 * time.Second)
					old.Kill()
					change(w, shard0, "SET "+attribute+" = :v", map[string]ddbtypes.AttributeValue{":v": value})
					all := putAggregates(w.T, w.Control(), 1, 1)
					app, log := &calls{}, &warnings{}
					app.run(w.T, w.Host("new"), newConfig("new").WithLogger(log))
					time.Sleep(3 * time.Minute)
					_, texts, _ := app.counts()
					lines := log.all()
					told := attribute == "Checkpoint" && len(texts) == 0 && len(lines) > 0 && strings.Contains(lines[0], "set its Checkpoint to TRIM_HORIZON")
					if !told && !slices.Equal(texts, all) {
						w.T.Errorf("%q; %.2q", texts, lines)
					}
				})
			})
		}
	}
}

// between calls f when the shards are listed.
type between struct {
	vmwarekcl.ShardLister
	f func()
}

func (b *between) ListShards(ctx context.Context, in *kinesis.ListShardsInput, opts ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error) {
	if f := b.f; f != nil {
		b.f = nil
		f()
	}
	return b.ShardLister.ListShards(ctx, in, opts...)
}

// TestAcquiredBetween: while a worker acquires a lease, another one has it, checkpoints and hands it back. The first one
// does not go on from what it has read before.
func TestAcquiredBetween(t *testing.T) {
	sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
		w.CreateStream("s", 1)
		putAggregates(w.T, w.Control(), 12, 4)
		records := w.Kinesis.Records("s")[shard0]
		stream := &between{ShardLister: kinesis.NewFromConfig(w.Control())}
		first := vmwarekcl.NewLeaseTable(newConfig("a"), dynamodb.NewFromConfig(w.Control()), stream)
		if err := first.Init(); err != nil {
			w.T.Fatal(err)
		}
		shard := &par.ShardStatus{ID: shard0, Mux: &sync.RWMutex{}}
		if err := first.Offer(w.T.Context(), shard0); err != nil {
			w.T.Fatal(err)
		}
		if err := first.FetchCheckpoint(shard); err != chk.ErrSequenceIDNotFound {
			w.T.Fatal(err)
		}
		stream.f = func() {
			second := vmwarekcl.NewLeaseTable(newConfig("b"), dynamodb.NewFromConfig(w.Control()), kinesis.NewFromConfig(w.Control()))
			shard := &par.ShardStatus{ID: shard0, Mux: &sync.RWMutex{}}
			if err := second.Offer(w.T.Context(), shard0); err != nil {
				w.T.Error(err)
			}
			if err := second.FetchCheckpoint(shard); err != chk.ErrSequenceIDNotFound {
				w.T.Error(err)
			}
			if err := second.GetLease(shard, "b"); err != nil {
				w.T.Error(err)
			}
			if err := second.Write(w.T.Context(), shard0, seqnum.MustParse(records[9].SequenceNumber)); err != nil {
				w.T.Error(err)
			}
			if err := second.RemoveLeaseOwner(shard0); err != nil {
				w.T.Error(err)
			}
		}
		if err := first.GetLease(shard, "a"); !errors.As(err, &chk.ErrLeaseNotAcquired{}) {
			w.T.Errorf("acquired on what has changed since: %v", err)
		}
	})
}

// TestLatestWithClockAhead: an application that starts at LATEST goes by Kinesis's clock where that is behind.
func TestLatestWithClockAhead(t *testing.T) {
	sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
		const by = 2 * time.Minute
		w.Intercept(sim.Kinesis, func(stream http.RoundTripper) http.RoundTripper {
			return roundTrip(func(r *http.Request) (*http.Response, error) {
				response, err := stream.RoundTrip(r)
				if err == nil {
					response.Header.Set("Date", time.Now().Add(-by).UTC().Format(http.TimeFormat))
				}
				return response, err
			})
		})
		w.CreateStream("s", 1)
		(&calls{}).run(w.T, w.Host("one"), newConfig("one").WithInitialPositionInStream(config.LATEST))
		began := time.Now()
		time.Sleep(10 * time.Second)
		ms, err := strconv.ParseInt(strings.TrimPrefix(lease(w.T, w.Control(), shard0)["kplkitStart"], "AT_TIMESTAMP:"), 10, 64)
		if start := time.UnixMilli(ms); err != nil || start.After(began.Add(10*time.Second-by)) || start.Before(began.Add(-by-2*time.Second)) {
			w.T.Errorf("it starts at %v, %v after the worker (%v)", start, start.Sub(began), err)
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
