package vmwarekcl_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/config"

	"github.com/kplkit/kplkit/internal/sim"
	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/kclcompat/vmwarekcl"
	"github.com/kplkit/kplkit/producer/aggregator"
)

// application is what all workers of a test share: what they have processed.
type application struct {
	fanOut string // the ARN of the consumer, for enhanced fan-out

	mu        sync.Mutex
	processed []string
	ended     []string
}

func (a *application) add(text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.processed = append(a.processed, text)
}

func (a *application) texts() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.processed)
}

// recorder processes user records one by one, with a checkpoint after each.
type recorder struct {
	app     *application
	shardID string
	after   func(text string) error // called behind each checkpoint
}

func (r *recorder) ProcessRecords(ctx context.Context, b kclcompat.Batch, c *kclcompat.Checkpointer) error {
	for _, u := range b.Records {
		r.app.add(string(u.Data))
		c.Done(u)
		if _, err := c.Checkpoint(ctx); err != nil {
			return err
		}
		if err := r.after(string(u.Data)); err != nil {
			return err
		}
	}
	return nil
}

func (r *recorder) Shutdown(_ context.Context, reason kclcompat.Reason, _ *kclcompat.Checkpointer) error {
	if reason == kclcompat.ShardEnded {
		r.app.mu.Lock()
		defer r.app.mu.Unlock()
		r.app.ended = append(r.app.ended, r.shardID)
	}
	return nil
}

func newConfig(workerID string) *config.KinesisClientLibConfiguration {
	return config.NewKinesisClientLibConfig("app", "s", "us-east-1", workerID).
		WithInitialPositionInStream(config.TRIM_HORIZON).
		WithShardSyncIntervalMillis(1000).WithFailoverTimeMillis(10_000).WithIdleTimeBetweenReadsInMillis(200).
		WithLogger(quiet{})
}

func startWorker(t *testing.T, app *application, h *sim.Host, workerID string, after func(string) error) *vmwarekcl.Worker {
	cfg := newConfig(workerID)
	if app.fanOut != "" {
		cfg.WithEnhancedFanOutConsumerARN(app.fanOut)
	}
	w := vmwarekcl.NewWorker(cfg, h.AWS(), func(shardID string) kclcompat.Processor {
		return &recorder{app, shardID, after}
	})
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	return w
}

// putAggregates stores n aggregates of m user records "aI.J".
func putAggregates(t *testing.T, cfg aws.Config, n, m int) (texts []string) {
	client := kinesis.NewFromConfig(cfg)
	for i := range n {
		var e aggregator.Encoder
		for j := range m {
			text := fmt.Sprintf("a%d.%d", i, j)
			texts = append(texts, text)
			if ok, err := e.Add(aggregator.Record{PartitionKey: text, Data: []byte(text)}); !ok || err != nil {
				t.Fatal(ok, err)
			}
		}
		_, err := client.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: aws.String("s"), PartitionKey: aws.String("k"), Data: e.AppendTo(nil)})
		if err != nil {
			t.Fatal(err)
		}
	}
	return texts
}

func lease(t *testing.T, cfg aws.Config, shard string) map[string]string {
	out, err := dynamodb.NewFromConfig(cfg).GetItem(t.Context(), &dynamodb.GetItemInput{
		TableName: aws.String("app"), Key: map[string]ddbtypes.AttributeValue{"ShardID": &ddbtypes.AttributeValueMemberS{Value: shard}}})
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for k, v := range out.Item {
		if s, ok := v.(*ddbtypes.AttributeValueMemberS); ok {
			texts[k] = s.Value
		}
	}
	return texts
}

const shard0 = "shardId-000000000000"

// TestResumesInsideAggregate kills a worker after each of the user records in turn; the next one goes on behind it.
func TestResumesInsideAggregate(t *testing.T) { resumes(t, false) }

// TestResumesInsideAggregateByFanOut is the same with enhanced fan-out.
func TestResumesInsideAggregateByFanOut(t *testing.T) { resumes(t, true) }

func resumes(t *testing.T, fanOut bool) {
	for stop := range 15 {
		sim.Run(t, uint64(stop), sim.Faults{}, func(w *sim.World) {
			w.CreateStream("s", 1)
			all := putAggregates(w.T, w.Control(), 3, 5)
			app := &application{}
			if fanOut {
				app.fanOut = register(w)
			}
			first := w.Host("first")
			startWorker(w.T, app, first, "first", func(text string) error {
				if text == all[stop] {
					first.Kill()
					first.Live()
				}
				return nil
			})
			time.Sleep(30 * time.Second)
			item := lease(w.T, w.Control(), shard0)
			if strings.Contains(item["Checkpoint"], ":") {
				w.T.Errorf("workers without kplkit can't read the checkpoint %q", item["Checkpoint"])
			}
			startWorker(w.T, app, w.Host("second"), "second", func(string) error { return nil })
			time.Sleep(30 * time.Second)
			if got := app.texts(); !slices.Equal(got, all) {
				w.T.Errorf("stopped after %s: %q", all[stop], got)
			}
		})
	}
}

// TestUserRecordsComeAsTheyWere: wherever a worker goes on, a Processor is told of each user record which one of its aggregate it is,
// and of the last one that it is that.
func TestUserRecordsComeAsTheyWere(t *testing.T) {
	for stop := range 4 {
		sim.Run(t, uint64(stop), sim.Faults{}, func(w *sim.World) {
			w.CreateStream("s", 1)
			putAggregates(w.T, w.Control(), 1, 4)
			seen := &application{}
			for i := range 2 {
				name := fmt.Sprint("worker-", i)
				host := w.Host(name)
				app := &calls{process: func(ctx context.Context, b kclcompat.Batch, c *kclcompat.Checkpointer) error {
					for _, u := range b.Records {
						seen.add(fmt.Sprint(string(u.Data), " ", u.SubSequenceNumber, u.Aggregated, u.Last))
						c.Done(u)
						if i == 0 && u.SubSequenceNumber == int64(stop) {
							if _, err := c.Checkpoint(ctx); err != nil {
								w.T.Error(err)
							}
							host.Kill()
							host.Live()
						}
					}
					return nil
				}}
				app.run(w.T, host, newConfig(name))
				time.Sleep(10 * time.Second)
			}
			want := []string{"a0.0 0 true false", "a0.1 1 true false", "a0.2 2 true false", "a0.3 3 true true"}
			if got := seen.texts(); !slices.Equal(got, want) {
				w.T.Errorf("stopped after %d: %q", stop, got)
			}
		})
	}
}

// TestStopsTwiceInsideOneAggregate: the second worker starts inside the aggregate in which it is stopped too.
func TestStopsTwiceInsideOneAggregate(t *testing.T) {
	sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
		w.CreateStream("s", 1)
		all := putAggregates(w.T, w.Control(), 2, 6)
		app := &application{}
		for i, stop := range []string{"a1.1", "a1.3", ""} {
			name := fmt.Sprint("worker-", i)
			host := w.Host(name)
			startWorker(w.T, app, host, name, func(text string) error {
				if text == stop {
					host.Kill()
					host.Live()
				}
				return nil
			})
			time.Sleep(time.Minute)
		}
		if got := app.texts(); !slices.Equal(got, all) {
			w.T.Errorf("%q", got)
		}
	})
}

// TestProcessorError: a shard whose Processor fails is given up and read again from its last checkpoint.
func TestProcessorError(t *testing.T) {
	sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
		w.CreateStream("s", 1)
		all := putAggregates(w.T, w.Control(), 3, 5)
		app, failed := &application{}, false
		worker := startWorker(w.T, app, w.Host("one"), "one", func(text string) error {
			if text == "a1.2" && !failed {
				failed = true
				return fmt.Errorf("a fault of the application")
			}
			return nil
		})
		time.Sleep(5 * time.Minute)
		worker.Shutdown()
		if got := app.texts(); !slices.Equal(got, all) || !failed {
			w.T.Errorf("failed %v: %q", failed, got)
		}
	})
}

// TestShardEnd: after a split the children start when the parent is finished, and not before.
func TestShardEnd(t *testing.T) {
	sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
		w.CreateStream("s", 1)
		before := putAggregates(w.T, w.Control(), 2, 3)
		<-w.Reshard("s", 1, time.Second)
		app := &application{}
		worker := startWorker(w.T, app, w.Host("one"), "one", func(string) error { return nil })
		time.Sleep(time.Minute)
		after := putAggregates(w.T, w.Control(), 2, 3)
		time.Sleep(time.Minute)
		worker.Shutdown()
		if got := app.texts(); !slices.Equal(got, slices.Concat(before, after)) {
			w.T.Errorf("%q", got)
		}
		if item := lease(w.T, w.Control(), shard0); item["Checkpoint"] != "SHARD_END" || !slices.Equal(app.ended, []string{shard0}) {
			w.T.Errorf("parent: %v, ended %q", item, app.ended)
		}
	})
}
