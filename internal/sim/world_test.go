package sim_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/internal/sim"
)

func put(cfg aws.Config, data string) error {
	_, err := kinesis.NewFromConfig(cfg).PutRecord(context.Background(), &kinesis.PutRecordInput{
		StreamName: aws.String("s"), PartitionKey: aws.String("k"), Data: []byte(data),
	})
	return err
}

// Faults that never befall anything would make every world a pass.
func TestUsualFaultsHappen(t *testing.T) {
	seen := map[string]bool{}
	splits, merges := 0, 0
	for seed := range uint64(5) {
		sim.Run(t, seed, sim.Usual(), func(w *sim.World) {
			_ = journey(w, none)
			for _, e := range w.Trace() {
				fields := strings.Fields(e.Text)
				seen[fields[len(fields)-1]] = true
			}
			out, err := kinesis.NewFromConfig(w.Control()).ListShards(context.Background(), &kinesis.ListShardsInput{StreamName: aws.String("s")})
			if err != nil {
				w.T.Fatal(err)
			}
			for _, sh := range out.Shards {
				switch len(parents(sh)) {
				case 1:
					splits++
				case 2:
					merges++
				}
			}
		})
	}
	for _, want := range []string{
		"200", "dropped", "lost", "duplicated", "killed",
		"ProvisionedThroughputExceededException", "InternalFailure", "ExpiredIteratorException",
	} {
		if !seen[want] {
			t.Errorf("no request of five worlds ended with %s", want)
		}
	}
	if splits == 0 || merges == 0 {
		t.Errorf("five worlds had %d children of splits and %d of merges", splits, merges)
	}
}

func TestThrottling(t *testing.T) {
	sim.Run(t, 1, sim.Faults{Throttle: 1}, func(w *sim.World) {
		cfg, ctx := w.Host("h").AWS(), context.Background()
		_, err := kinesis.NewFromConfig(cfg).ListShards(ctx, &kinesis.ListShardsInput{StreamName: aws.String("s")})
		if !errors.As(err, new(*types.LimitExceededException)) {
			w.T.Errorf("ListShards: %v", err)
		}
		if err := put(cfg, "a"); !errors.As(err, new(*types.ProvisionedThroughputExceededException)) {
			w.T.Errorf("PutRecord: %v", err)
		}
		_, err = dynamodb.NewFromConfig(cfg).Scan(ctx, &dynamodb.ScanInput{TableName: aws.String("t")})
		if !errors.As(err, new(*dynamotypes.ProvisionedThroughputExceededException)) {
			w.T.Errorf("Scan: %v", err)
		}
	})
}

func TestLostResponseIsStoredButNotAcknowledged(t *testing.T) {
	sim.Run(t, 1, sim.Faults{LoseResponse: 1}, func(w *sim.World) {
		w.CreateStream("s", 1)
		if err := put(w.Host("h").AWS(), "a"); !errors.Is(err, syscall.ECONNRESET) {
			w.T.Errorf("got %v", err)
		}
		if err := put(w.Control(), "b"); err != nil {
			w.T.Error(err)
		}
		const shard = "shardId-000000000000"
		stored, acknowledged := w.Kinesis.Records("s")[shard], w.Acknowledged("s")[shard]
		if len(stored) != 5 || len(acknowledged) != 1 || string(acknowledged[0].Data) != "b" {
			w.T.Errorf("stored %d records, want 4 attempts and b; acknowledged %v, want b", len(stored), acknowledged)
		}
	})
}

func TestKilledHostNeverHearsOfItsRequest(t *testing.T) {
	var unwound, returned bool
	sim.Run(t, 1, sim.Faults{MinLatency: time.Second, MaxLatency: time.Second}, func(w *sim.World) {
		w.CreateStream("s", 1)
		h := w.Host("h")
		go func() {
			defer func() { unwound = true }()
			_ = put(h.AWS(), "a")
			returned = true
		}()
		time.Sleep(1500 * time.Millisecond) // it is stored, and its answer is on the way
		h.Kill()
		time.Sleep(time.Hour)
		if n := len(w.Kinesis.Records("s")["shardId-000000000000"]); n != 1 || unwound || returned {
			w.T.Errorf("stored %d; an hour later the request ended: %v", n, unwound)
		}
		if len(w.Acknowledged("s")["shardId-000000000000"]) != 0 {
			w.T.Error("a dead host was told")
		}
	})
	if !unwound || returned {
		t.Errorf("after the end: unwound %v, returned %v", unwound, returned)
	}
}

func TestOutageStallAndExpiry(t *testing.T) {
	sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
		h := w.Host("h")
		db := dynamodb.NewFromConfig(h.AWS())
		list := func() error {
			_, err := db.ListTables(context.Background(), &dynamodb.ListTablesInput{})
			return err
		}
		h.Outage(sim.DynamoDB, time.Minute)
		if err := list(); !errors.Is(err, syscall.ECONNRESET) {
			w.T.Errorf("during an outage: %v", err)
		}
		if err := put(h.AWS(), "a"); !errors.As(err, new(*types.ResourceNotFoundException)) {
			w.T.Errorf("the other service: %v", err)
		}
		time.Sleep(time.Minute)
		h.Stall(time.Minute)
		begin := time.Now()
		if err := list(); err != nil || time.Since(begin) < time.Minute {
			w.T.Errorf("stalled for a minute, it took %v: %v", time.Since(begin), err)
		}
		h.Expire(time.Minute)
		if err := put(h.AWS(), "a"); !strings.Contains(fmt.Sprint(err), "ExpiredTokenException") {
			w.T.Errorf("with expired credentials: %v", err)
		}
		time.Sleep(time.Minute)
		if err := list(); err != nil {
			w.T.Errorf("with new ones: %v", err)
		}
	})
}

// TestFanOut reads one shard by enhanced fan-out while every subscription breaks and the host is killed.
func TestFanOut(t *testing.T) {
	sim.Replay(t, 1, sim.Faults{Cut: 1, MaxLatency: 10 * time.Millisecond}, func(w *sim.World) {
		w.CreateStream("s", 1)
		consumer, err := kinesis.NewFromConfig(w.Control()).RegisterStreamConsumer(context.Background(), &kinesis.RegisterStreamConsumerInput{
			StreamARN: aws.String("arn:aws:kinesis:us-east-1:000000000000:stream/s"), ConsumerName: aws.String("c"),
		})
		if err != nil {
			w.T.Fatal(err)
		}
		f := &fanOut{arn: consumer.Consumer.ConsumerARN}
		first := w.Host("reader-1")
		go f.read(first)
		for i := range 100 {
			if i == 50 {
				first.Kill()
				go f.read(w.Host("reader-2"))
			}
			if err := put(w.Control(), string(rune('A'+i))); err != nil {
				w.T.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		time.Sleep(time.Minute)
		var want []string
		for _, r := range w.Kinesis.Records("s")["shardId-000000000000"] {
			want = append(want, string(r.Data))
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		if got := strings.Join(f.data, ""); len(want) != 100 || got != strings.Join(want, "") {
			w.T.Errorf("delivered %s, stored %d: %s", got, len(want), strings.Join(want, ""))
		}
		if f.broken < 2 {
			w.T.Errorf("%d subscriptions broke", f.broken)
		}
	})
}

type fanOut struct {
	arn *string

	mu     sync.Mutex
	after  *string
	data   []string
	broken int
}

func (f *fanOut) read(h *sim.Host) {
	client := kinesis.NewFromConfig(h.AWS())
	for {
		f.mu.Lock()
		from := &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon}
		if f.after != nil {
			from = &types.StartingPosition{Type: types.ShardIteratorTypeAfterSequenceNumber, SequenceNumber: f.after}
		}
		f.mu.Unlock()
		out, err := client.SubscribeToShard(context.Background(), &kinesis.SubscribeToShardInput{
			ConsumerARN: f.arn, ShardId: aws.String("shardId-000000000000"), StartingPosition: from,
		})
		if err != nil {
			time.Sleep(time.Second)
			continue
		}
		stream := out.GetStream()
		for e := range stream.Events() {
			f.take(e.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent).Value)
		}
		h.Live()
		f.mu.Lock()
		if stream.Err() != nil {
			f.broken++
		}
		f.mu.Unlock()
		stream.Close()
	}
}

func (f *fanOut) take(e types.SubscribeToShardEvent) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range e.Records {
		f.data = append(f.data, string(r.Data))
	}
	f.after = e.ContinuationSequenceNumber
}

const inChild = "KPLKIT_SIM_CHILD"

// TestInChild holds worlds that fail, for TestFailuresAreReported.
func TestInChild(t *testing.T) {
	switch os.Getenv(inChild) {
	case "fails":
		sim.Worlds(t, 1, sim.Faults{}, func(w *sim.World) {
			w.CreateStream("s", 1)
			w.Tracef("it was here")
			w.T.Error("a failure")
		})
	case "varies":
		runs := 0
		sim.Replay(t, 1, sim.Faults{}, func(w *sim.World) {
			w.Tracef("as ever")
			runs++
			w.Tracef("run %d", runs)
		})
	default:
		t.Skip("TestFailuresAreReported runs it in a process of its own")
	}
}

func TestFailuresAreReported(t *testing.T) {
	for kind, want := range map[string][]string{
		"fails":  {"a failure", "go test github.com/kplkit/kplkit/internal/sim -run '^TestInChild$' -sim.seed=7", "it was here", "control: CreateStream"},
		"varies": {"event 1 was", "run 1", "and then", "run 2"},
	} {
		child := exec.Command(os.Args[0], "-test.run=^TestInChild$", "-sim.seed=7", "-sim.trace")
		child.Env = append(os.Environ(), inChild+"="+kind)
		out, err := child.CombinedOutput()
		if err == nil {
			t.Errorf("%s: the child passed:\n%s", kind, out)
		}
		for _, w := range want {
			if !strings.Contains(string(out), w) {
				t.Errorf("%s: the child does not say %q:\n%s", kind, w, out)
			}
		}
	}
}
