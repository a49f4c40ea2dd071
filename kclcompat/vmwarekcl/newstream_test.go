package vmwarekcl_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/vmware/vmware-go-kcl-v2/logger"

	"github.com/kplkit/kplkit/internal/sim"
	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/kclcompat/vmwarekcl"
)

// warnings keeps what is logged as a warning or an error.
type warnings struct {
	quiet
	mu    sync.Mutex
	lines []string
}

func (l *warnings) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
}

func (l *warnings) Warnf(format string, args ...any)       { l.add(format, args...) }
func (l *warnings) Errorf(format string, args ...any)      { l.add(format, args...) }
func (l *warnings) WithFields(logger.Fields) logger.Logger { return l }

func (l *warnings) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines)
}

// makeAnew deletes the stream and makes it again.
func makeAnew(w *sim.World, shards int32) {
	ctx, client := context.Background(), kinesis.NewFromConfig(w.Control())
	if _, err := client.DeleteStream(ctx, &kinesis.DeleteStreamInput{StreamName: aws.String("s"), EnforceConsumerDeletion: aws.Bool(true)}); err != nil {
		w.T.Fatal(err)
	}
	time.Sleep(time.Second)
	if _, err := client.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String("s"), ShardCount: &shards}); err != nil {
		w.T.Fatal(err)
	}
}

// change changes a lease as an operator or a worker without kplkit does.
func change(w *sim.World, shard, expression string, values map[string]ddbtypes.AttributeValue) {
	_, err := dynamodb.NewFromConfig(w.Control()).UpdateItem(context.Background(), &dynamodb.UpdateItemInput{
		TableName: aws.String("app"), Key: map[string]ddbtypes.AttributeValue{"ShardID": &ddbtypes.AttributeValueMemberS{Value: shard}},
		UpdateExpression: &expression, ExpressionAttributeValues: values,
	})
	if err != nil {
		w.T.Fatal(err)
	}
}

// leaseOfOld is how the lease of the old stream's shard stands when the new stream is there.
var leaseOfOld = map[string]struct {
	split bool // it is finished: SHARD_END
	bare  bool // nothing of kplkit's is in it
	late  bool // the start can't know it
}{
	"a number":                  {},
	"a number without kplkit":   {bare: true},
	"SHARD_END":                 {split: true},
	"SHARD_END without a birth": {split: true, bare: true, late: true},
}

// oldApplication reads a first stream, whose leases stay, and makes the stream anew.
func oldApplication(w *sim.World, split, bare bool, after time.Duration) {
	w.CreateStream("s", 1)
	putAggregates(w.T, w.Control(), 2, 2)
	if split {
		<-w.Reshard("s", 1, time.Second)
	}
	worker := (&calls{}).run(w.T, w.Host("old"), newConfig("old"))
	time.Sleep(20 * time.Second)
	worker.Shutdown()
	if bare {
		change(w, shard0, "REMOVE kplkitBirth, kplkitPosition, kplkitToken, kplkitWrites", nil)
	}
	time.Sleep(after)
	makeAnew(w, 1)
}

// TestNewStream: the lease of a shard of another stream is noticed: by Start, or by one warning that says what to do.
// With StartAgain the new shard is read from its first record.
func TestNewStream(t *testing.T) {
	for name, c := range leaseOfOld {
		for _, again := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", start again ", again), func(t *testing.T) {
				sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
					oldApplication(w, c.split, c.bare, 0)
					all := putAggregates(w.T, w.Control(), 2, 2)
					app, log := &calls{}, &warnings{}
					app.process = func(context.Context, kclcompat.Batch, *kclcompat.Checkpointer) error { return nil }
					var opts []vmwarekcl.Option
					if again {
						opts = append(opts, vmwarekcl.OnNewStream(vmwarekcl.StartAgain))
					}
					worker := vmwarekcl.NewWorker(newConfig("new").WithFailoverTimeMillis(2000).WithLogger(log), w.Host("new").AWS(), app.create, opts...)
					err := worker.Start()
					if wanted := !again && !c.late; wanted != (err != nil) || wanted && !errors.Is(err, vmwarekcl.ErrNewStream) {
						w.T.Fatalf("Start: %v", err)
					}
					if err != nil {
						says(w, err.Error())
						return
					}
					time.Sleep(time.Minute)
					_, texts, _ := app.counts()
					if again && !slices.Equal(texts, all) || !again && len(texts) > 0 {
						w.T.Errorf("delivered %q of %q", texts, all)
					}
					if lines := log.all(); len(lines) != 1 {
						w.T.Errorf("%d warnings: %q", len(lines), lines)
					} else {
						says(w, lines[0])
					}
				})
			})
		}
	}
}

// says checks that a text about a lease of another stream names what has to be known.
func says(w *sim.World, text string) {
	for _, word := range []string{"lease", "remove", shard0, "table app", "stream s"} {
		if !strings.Contains(text, word) {
			w.T.Errorf("%q is not in %q", word, text)
		}
	}
}

// TestNewStreamWhileRunning: the stream is made anew under a worker. Nothing of the new one is read until the lease is
// removed, or at once with StartAgain; children wait for the new parents, not for the old ones.
func TestNewStreamWhileRunning(t *testing.T) {
	for _, again := range []bool{false, true} {
		for _, shards := range []int32{1, 3} {
			for seed := range uint64(4) {
				sim.Run(t, seed, sim.Faults{MinLatency: time.Millisecond, MaxLatency: 20 * time.Millisecond}, func(w *sim.World) {
					runsOn(w, again, shards)
				})
			}
		}
	}
}

// TestNewStreamWithoutParents: a shard that was a child has no parent in the new stream, and waits for none.
func TestNewStreamWithoutParents(t *testing.T) {
	sim.Worlds(t, 8, sim.Faults{}, func(w *sim.World) {
		w.CreateStream("s", 1)
		putAggregates(w.T, w.Control(), 1, 2)
		<-w.Reshard("s", 1, time.Second)
		app := &calls{}
		app.run(w.T, w.Host("one"), newConfig("one"), vmwarekcl.OnNewStream(vmwarekcl.StartAgain))
		time.Sleep(20 * time.Second)
		makeAnew(w, 3)
		all := putEverywhere(w)
		time.Sleep(time.Minute)
		_, texts, _ := app.counts()
		for _, text := range all {
			if !slices.Contains(texts, text) {
				w.T.Errorf("%s was never delivered", text)
			}
		}
	})
}

// putEverywhere stores plain records in all shards.
func putEverywhere(w *sim.World) (texts []string) {
	for i := range 20 {
		text := fmt.Sprint("new-", i)
		texts = append(texts, text)
		_, err := kinesis.NewFromConfig(w.Control()).PutRecord(w.T.Context(), &kinesis.PutRecordInput{StreamName: aws.String("s"), PartitionKey: &text, Data: []byte(text)})
		if err != nil {
			w.T.Fatal(err)
		}
	}
	return texts
}

func runsOn(w *sim.World, again bool, shards int32) {
	rnd := w.Rand("script")
	w.CreateStream("s", 1+rnd.IntN(3))
	putAggregates(w.T, w.Control(), 2, 2)
	<-w.Reshard("s", rnd.IntN(3), time.Second)
	app, log := &calls{}, &warnings{}
	app.process = func(context.Context, kclcompat.Batch, *kclcompat.Checkpointer) error { return nil }
	var opts []vmwarekcl.Option
	if again {
		opts = append(opts, vmwarekcl.OnNewStream(vmwarekcl.StartAgain))
	}
	worker := vmwarekcl.NewWorker(newConfig("one").WithFailoverTimeMillis(2000).WithLogger(log), w.Host("one").AWS(), app.create, opts...)
	if err := worker.Start(); err != nil {
		w.T.Fatal(err)
	}
	time.Sleep(time.Duration(rnd.Int64N(int64(30 * time.Second))))
	makeAnew(w, shards)
	_, old, _ := app.counts()
	all := putEverywhere(w)
	<-w.Reshard("s", rnd.IntN(3), time.Second)
	time.Sleep(20 * time.Second)
	if !again {
		for shard := range w.Kinesis.Records("s") {
			if item := lease(w.T, w.Control(), shard); item["kplkitPosition"]+item["Checkpoint"] != "" {
				_, err := dynamodb.NewFromConfig(w.Control()).DeleteItem(w.T.Context(), &dynamodb.DeleteItemInput{TableName: aws.String("app"),
					Key: map[string]ddbtypes.AttributeValue{"ShardID": &ddbtypes.AttributeValueMemberS{Value: shard}}})
				if err != nil {
					w.T.Fatal(err)
				}
			}
		}
	}
	time.Sleep(30 * time.Second)
	_, texts, _ := app.counts()
	for _, text := range all {
		if !slices.Contains(texts[len(old):], text) {
			w.T.Errorf("again %v, %d shards: %s was never delivered: %q; %q", again, shards, text, texts[len(old):], log.all())
		}
	}
}

// TestNewStreamSplitSoon: the new shard is split before anybody has looked. A lease without a birth that was last held
// before the shard was made is another stream's all the same.
func TestNewStreamSplitSoon(t *testing.T) {
	for _, bare := range []bool{true, false} {
		sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
			oldApplication(w, true, bare, time.Hour)
			all := putAggregates(w.T, w.Control(), 2, 2)
			<-w.Reshard("s", 1, time.Second)
			app := &calls{}
			app.run(w.T, w.Host("new"), newConfig("new"), vmwarekcl.OnNewStream(vmwarekcl.StartAgain))
			time.Sleep(time.Minute)
			if _, texts, _ := app.counts(); !slices.Equal(texts, all) {
				w.T.Errorf("bare %v: %q of %q", bare, texts, all)
			}
		})
	}
}

// TestListingLagsBehindSplit: a shard that has ended may still be listed as open for a moment. It is not another stream's.
func TestListingLagsBehindSplit(t *testing.T) {
	sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
		lag := &lagging{}
		w.Intercept(sim.Kinesis, func(stream http.RoundTripper) http.RoundTripper {
			lag.next = stream
			return lag
		})
		w.CreateStream("s", 1)
		putAggregates(w.T, w.Control(), 1, 2)
		lag.keep = true
		if _, err := kinesis.NewFromConfig(w.Control()).ListShards(w.T.Context(), &kinesis.ListShardsInput{StreamName: aws.String("s")}); err != nil {
			w.T.Fatal(err)
		}
		lag.keep = false
		<-w.Reshard("s", 1, time.Second)
		worker := (&calls{}).run(w.T, w.Host("old"), newConfig("old"))
		time.Sleep(20 * time.Second)
		worker.Shutdown()
		change(w, shard0, "REMOVE kplkitBirth", nil)
		lag.until = time.Now().Add(4 * time.Second)
		app, log := &calls{}, &warnings{}
		app.run(w.T, w.Host("new"), newConfig("new").WithLogger(log), vmwarekcl.OnNewStream(vmwarekcl.StartAgain))
		time.Sleep(time.Minute)
		if _, texts, _ := app.counts(); len(texts) > 0 || len(log.all()) > 0 {
			w.T.Errorf("read again: %q; %q", texts, log.all())
		}
	})
}

// lagging answers ListShards as it was kept, until a time.
type lagging struct {
	next  http.RoundTripper
	keep  bool
	old   []byte
	until time.Time
}

func (l *lagging) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := l.next.RoundTrip(r)
	if err != nil || !strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".ListShards") {
		return response, err
	}
	if l.keep {
		l.old, err = io.ReadAll(response.Body)
	}
	if l.keep || time.Now().Before(l.until) {
		response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(l.old)), int64(len(l.old))
	}
	return response, err
}
