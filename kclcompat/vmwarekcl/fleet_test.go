package vmwarekcl_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/config"

	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/internal/sim"
	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/kclcompat/vmwarekcl"
)

// listings changes answers of ListShards, and counts them by host.
type listings struct {
	next http.RoundTripper

	mu     sync.Mutex
	n      map[string]int
	change func(host string, n int, shards []map[string]any) []map[string]any // n counts the host's from 1
	refuse func(host string, n int) bool
}

func watchListings(w *sim.World) *listings {
	l := &listings{n: map[string]int{}}
	w.Intercept(sim.Kinesis, func(stream http.RoundTripper) http.RoundTripper {
		l.next = stream
		return l
	})
	return l
}

func (l *listings) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := l.next.RoundTrip(r)
	if err != nil || !strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".ListShards") {
		return response, err
	}
	host := r.Header.Get(kinesisfake.HostHeader)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n[host]++
	if l.refuse != nil && l.refuse(host, l.n[host]) {
		body := `{"__type":"LimitExceededException","message":"Slow down."}`
		response.StatusCode, response.Status, response.ContentLength = 400, "400 Bad Request", int64(len(body))
		response.Body = io.NopCloser(strings.NewReader(body))
		return response, nil
	}
	if l.change == nil {
		return response, nil
	}
	var answer struct{ Shards []map[string]any }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return nil, err
	}
	answer.Shards = l.change(host, l.n[host], answer.Shards)
	body, err := json.Marshal(answer)
	response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return response, err
}

func (l *listings) count(host string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.n[host]
}

func without(shards []map[string]any, id string) []map[string]any {
	return slices.DeleteFunc(shards, func(s map[string]any) bool { return s["ShardId"] == id })
}

// TestForgetfulListing: one listing that lacks a shard costs nobody's lease, and so no record where all start at LATEST.
func TestForgetfulListing(t *testing.T) {
	sim.Run(t, 1, sim.Faults{MinLatency: time.Millisecond, MaxLatency: 10 * time.Millisecond}, func(w *sim.World) {
		l := watchListings(w)
		w.CreateStream("s", 2)
		app := &application{}
		for _, id := range []string{"one", "two"} {
			worker := vmwarekcl.NewWorker(newConfig(id).WithInitialPositionInStream(config.LATEST), w.Host(id).AWS(), func(shard string) kclcompat.Processor {
				return &recorder{app, shard, func(string) error { return nil }}
			})
			if err := worker.Start(); err != nil {
				w.T.Fatal(err)
			}
		}
		time.Sleep(30 * time.Second)
		from := l.count("two") + 3
		l.mu.Lock()
		l.change = func(host string, n int, shards []map[string]any) []map[string]any {
			if host == "two" && n == from {
				return without(shards, shard0)
			}
			return shards
		}
		l.mu.Unlock()
		client := kinesis.NewFromConfig(w.Control())
		var all []string
		for i := range 200 {
			text := fmt.Sprint("p", i)
			all = append(all, text)
			_, err := client.PutRecord(w.T.Context(), &kinesis.PutRecordInput{StreamName: aws.String("s"), PartitionKey: &text, Data: []byte(text)})
			if err != nil {
				w.T.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(time.Minute)
		got := app.texts()
		slices.Sort(got)
		slices.Sort(all)
		if !slices.Equal(got, all) || l.count("two") < from {
			w.T.Errorf("%d of %d delivered; %d listings", len(got), len(all), l.count("two"))
		}
	})
}

// TestRefusedListingWhileJudging: where a lease seems another stream's and the shards can't be listed just then, it is
// looked at again.
func TestRefusedListingWhileJudging(t *testing.T) {
	sim.Run(t, 1, sim.Faults{MinLatency: time.Millisecond, MaxLatency: 10 * time.Millisecond}, func(w *sim.World) {
		l := watchListings(w)
		oldApplication(w, true, false, time.Minute)
		all := putAggregates(w.T, w.Control(), 2, 2)
		l.refuse = func(host string, n int) bool { return host == "new" && n >= 2 && n <= 5 }
		app := &calls{}
		app.run(w.T, w.Host("new"), newConfig("new").WithShardSyncIntervalMillis(60_000), vmwarekcl.OnNewStream(vmwarekcl.StartAgain))
		time.Sleep(time.Minute)
		if _, texts, _ := app.counts(); !slices.Equal(texts, all) {
			w.T.Errorf("%q of %q", texts, all)
		}
	})
}

// TestChildrenFollow: the children of a shard that has ended here begin at once, however rarely shards are listed.
func TestChildrenFollow(t *testing.T) {
	sim.Run(t, 1, sim.Faults{MinLatency: time.Millisecond, MaxLatency: 10 * time.Millisecond}, func(w *sim.World) {
		w.CreateStream("s", 1)
		var mu sync.Mutex
		began := map[string]time.Time{}
		worker := vmwarekcl.NewWorker(newConfig("one").WithShardSyncIntervalMillis(600_000), w.Host("one").AWS(), func(shard string) kclcompat.Processor {
			mu.Lock()
			defer mu.Unlock()
			began[shard] = time.Now()
			return (&calls{}).create(shard)
		})
		if err := worker.Start(); err != nil {
			w.T.Fatal(err)
		}
		time.Sleep(time.Minute)
		<-w.Reshard("s", 1, time.Second)
		split := time.Now()
		time.Sleep(time.Minute)
		mu.Lock()
		defer mu.Unlock()
		for _, child := range []string{"shardId-000000000001", "shardId-000000000002"} {
			if d := began[child].Sub(split); d > 4*time.Second || began[child].IsZero() {
				w.T.Errorf("%s began %v after the split", child, d)
			}
		}
	})
}

// TestQuietWhileProcessorEnds: a Processor that takes long to end after its lease was lost is no reason to log in every tick.
func TestQuietWhileProcessorEnds(t *testing.T) {
	sim.Run(t, 1, sim.Faults{MinLatency: time.Millisecond, MaxLatency: 10 * time.Millisecond}, func(w *sim.World) {
		const shards = 5
		w.CreateStream("s", shards)
		log, host := &warnings{}, w.Host("one")
		worker := vmwarekcl.NewWorker(newConfig("one").WithLogger(log), host.AWS(), func(string) kclcompat.Processor { return slowEnd{} })
		if err := worker.Start(); err != nil {
			w.T.Fatal(err)
		}
		time.Sleep(30 * time.Second)
		host.Silence(sim.DynamoDB, 14*time.Second, false)
		time.Sleep(90 * time.Second)
		if n := len(log.all()); n < shards || n > 4*shards {
			w.T.Errorf("%d warnings: %q", n, log.all())
		}
	})
}

// slowEnd is a Processor whose end takes long.
type slowEnd struct{}

func (slowEnd) ProcessRecords(context.Context, kclcompat.Batch, *kclcompat.Checkpointer) error {
	return nil
}

func (slowEnd) Shutdown(context.Context, kclcompat.Reason, *kclcompat.Checkpointer) error {
	time.Sleep(30 * time.Second)
	return nil
}
