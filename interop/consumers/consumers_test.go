package consumers

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	harlow "github.com/harlow/kinesis-consumer"
	"github.com/sirupsen/logrus"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/config"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/interfaces"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/worker"
	vmwarelog "github.com/vmware/vmware-go-kcl-v2/logger"

	"github.com/kplkit/kplkit/internal/cli"
)

const stream = "orders"

// TestThroughASplitAndAMerge has all consumers read one stream while it is resharded.
func TestThroughASplitAndAMerge(t *testing.T) {
	servers := startLocal(t)
	client := kinesis.NewFromConfig(servers.aws(), func(o *kinesis.Options) { o.BaseEndpoint = &servers.Kinesis })
	all := map[string]*delivered{
		"vmware-go-kcl-v2 v1.0.0, polling":          startVMware(t, servers, "polling", ""),
		"vmware-go-kcl-v2 v1.0.0, enhanced fan-out": startVMware(t, servers, "fan-out", "fan-out-consumer"),
		"harlow/kinesis-consumer v0.5.0":            startHarlow(t, client),
	}
	want := write(t, client)
	// harlow looks for new shards every 30 seconds.
	for deadline := time.Now().Add(90 * time.Second); time.Now().Before(deadline) && !complete(all, want); {
		time.Sleep(100 * time.Millisecond)
	}
	for name, d := range all {
		t.Run(name, func(t *testing.T) { d.check(t, want) })
	}
}

// servers is a kplkit local.
type servers struct{ Kinesis, DynamoDB string }

func (s servers) aws() aws.Config {
	return aws.Config{Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("any", "any", "")}
}

// startLocal runs kplkit local until the test ends.
func startLocal(t *testing.T) (s servers) {
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	code := make(chan int, 1)
	go func() {
		args := []string{"local", "--json", "--kinesis-port=0", "--dynamodb-port=0", "--stream", stream + ":2"}
		code <- cli.Run(ctx, args, cli.Streams{Out: in, Err: t.Output()})
		in.Close()
	}()
	t.Cleanup(func() {
		cancel()
		if c := <-code; c != 0 {
			t.Errorf("kplkit local: exit code %d", c)
		}
	})
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(line, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// write puts records before, between and behind a split and a merge, and returns their data in the order of put.
func write(t *testing.T, client *kinesis.Client) (written []string) {
	ctx := t.Context()
	put := func(phase string) {
		for range 4 {
			in := &kinesis.PutRecordsInput{StreamName: aws.String(stream)}
			for range 50 {
				data := fmt.Sprintf("%s-%d", phase, len(written))
				in.Records = append(in.Records, types.PutRecordsRequestEntry{PartitionKey: &data, Data: []byte(data)})
				written = append(written, data)
			}
			out, err := client.PutRecords(ctx, in)
			if err != nil || *out.FailedRecordCount != 0 {
				t.Fatalf("PutRecords: %v", err)
			}
			time.Sleep(250 * time.Millisecond)
		}
	}
	put("before")
	_, err := client.SplitShard(ctx, &kinesis.SplitShardInput{
		StreamName: aws.String(stream), ShardToSplit: aws.String("shardId-000000000000"),
		NewStartingHashKey: aws.String("85070591730234615865843651857942052864"), // 2^126, the middle of the lower half
	})
	if err != nil {
		t.Fatal(err)
	}
	put("between")
	_, err = client.MergeShards(ctx, &kinesis.MergeShardsInput{ // the upper child and the shard above it
		StreamName: aws.String(stream), ShardToMerge: aws.String("shardId-000000000003"), AdjacentShardToMerge: aws.String("shardId-000000000001"),
	})
	if err != nil {
		t.Fatal(err)
	}
	put("behind")
	return written
}

// delivered is what a consumer was given.
type delivered struct {
	mu       sync.Mutex
	data     map[string]int      // how often
	sequence map[string][]string // sequence numbers by shard, in the order of delivery
}

func newDelivered() *delivered {
	return &delivered{data: map[string]int{}, sequence: map[string][]string{}}
}

func (d *delivered) add(shard string, r types.Record) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.data[string(r.Data)]++
	d.sequence[shard] = append(d.sequence[shard], *r.SequenceNumber)
}

func complete(all map[string]*delivered, want []string) bool {
	for _, d := range all {
		d.mu.Lock()
		missing := len(d.data) < len(want)
		d.mu.Unlock()
		if missing {
			return false
		}
	}
	return true
}

// check wants each record once, the order of each shard, and all five shards.
func (d *delivered) check(t *testing.T, want []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, data := range want {
		if d.data[data] != 1 {
			t.Errorf("%s was delivered %d times", data, d.data[data])
		}
	}
	for shard, numbers := range d.sequence {
		if !slices.IsSorted(numbers) { // all have 56 digits
			t.Errorf("%s was not read in order", shard)
		}
	}
	if len(d.sequence) != 5 {
		t.Errorf("records came from %d shards, want 5", len(d.sequence))
	}
}

func startHarlow(t *testing.T, client *kinesis.Client) *delivered {
	c, err := harlow.New(stream, harlow.WithClient(client), harlow.WithShardIteratorType("TRIM_HORIZON"))
	if err != nil {
		t.Fatal(err)
	}
	d, ended := newDelivered(), make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		ended <- c.Scan(ctx, func(r *harlow.Record) error {
			d.add(r.ShardID, r.Record)
			return nil
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("harlow: %v", err)
		}
	})
	return d
}

// startVMware starts a worker: by enhanced fan-out if consumer is named, else polling.
func startVMware(t *testing.T, s servers, application, consumer string) *delivered {
	creds := s.aws().Credentials
	cfg := config.NewKinesisClientLibConfigWithCredentials(application, stream, "us-east-1", "worker-1", creds, creds).
		WithKinesisEndpoint(s.Kinesis).WithDynamoDBEndpoint(s.DynamoDB).
		WithInitialPositionInStream(config.TRIM_HORIZON).
		WithShardSyncIntervalMillis(500).WithIdleTimeBetweenReadsInMillis(300).
		WithLogger(quiet())
	cfg.ParentShardPollIntervalMillis = 300
	if consumer != "" {
		cfg = cfg.WithEnhancedFanOutConsumerName(consumer)
	}
	d := newDelivered()
	w := worker.NewWorker(factory{d}, cfg)
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Shutdown)
	return d
}

func quiet() vmwarelog.Logger {
	l := logrus.New()
	l.SetOutput(io.Discard)
	return vmwarelog.NewLogrusLogger(l)
}

type factory struct{ *delivered }

func (f factory) CreateProcessor() interfaces.IRecordProcessor {
	return &processor{delivered: f.delivered}
}

// processor notes what it is given, and checkpoints at the end of a shard, as it must.
type processor struct {
	*delivered
	shard string
}

func (p *processor) Initialize(in *interfaces.InitializationInput) { p.shard = in.ShardId }

func (p *processor) ProcessRecords(in *interfaces.ProcessRecordsInput) {
	for _, r := range in.Records {
		p.add(p.shard, r)
	}
}

func (p *processor) Shutdown(in *interfaces.ShutdownInput) {
	if in.ShutdownReason == interfaces.TERMINATE {
		_ = in.Checkpointer.Checkpoint(nil) // should it fail, the children are never read, and the test does
	}
}
