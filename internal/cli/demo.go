package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/kplkit/kplkit/internal/dynamofake"
	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/matrix"
)

// demoPatience is for machines that are very slow: everything is awaited by what has happened, never by time.
const demoPatience = 3 * time.Minute

func newDemo(s Streams) *cobra.Command {
	var records int
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Shows what kplkit does, on this machine, in half a minute",
		Long: `Shows what kplkit does: kills consumers in the middle of an aggregated record, and a producer while it puts, and counts
what they lose.

It runs a Kinesis and a DynamoDB on the loopback interface and puts user records into four shards, packed into
aggregated records as the Kinesis Producer Library (KPL) does. Two shards are split meanwhile. Three consumers read
the stream, each with a lease table of its own; all three are vmware-go-kcl-v2, a worker for Go:

  on kplkit, with a checkpoint after every 10 user records
  alone, with the same checkpoints
  alone, with a checkpoint after each batch

The worker of each is a process, which is killed (SIGKILL) in the middle of an aggregate, after a checkpoint inside
it. Another process takes over. Every user record is told to this program before it counts as processed, so what is
lost and what comes twice is exact.

In the end this program puts as many user records through a process of its own, kplkit daemon, as package
producer/separate does. That process is killed 5 times while it puts. Then the stream is read and held to what was
acknowledged. "Working again" is the time from a kill until a user record that was put after it is stored (median).

Out: two tables, the rows of the usage matrix that were played, and three sentences; with --json one line for each
consumer, one for the producer, and a summary of the consumer on kplkit. The exit code is 1 if that consumer or the
producer lost anything. No AWS account is used, and nothing is left behind.`,
		Example: "  kplkit demo\n  kplkit demo --json",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if records < leastDemoRecords {
				return usageError{fmt.Errorf("--records %d: want %d or more", records, leastDemoRecords)}
			}
			ctx, stop := untilSignal(cmd.Context())
			defer stop()
			return runDemo(ctx, s, records, jsonFlag(cmd))
		},
	}
	f := cmd.Flags()
	f.IntVar(&records, "records", 20_000, "user records to put")
	_ = f.MarkHidden("records") // for tests
	return cmd
}

// demoConsumers returns the consumers that read the stream, the one on kplkit first.
func demoConsumers(records int) []*demoConsumer {
	row := func(via matrix.Via, checkpoint kclcompat.Style) matrix.Consumer {
		return matrix.Consumer{Language: "go", Via: via, Checkpoint: checkpoint}
	}
	consumers := []*demoConsumer{
		{name: "kplkit", worker: "vmware-go-kcl-v2 on kplkit", checkpoint: "every 10 records", plays: row(matrix.OnKplkit, kclcompat.RecordArgument)},
		{name: "alone", worker: "vmware-go-kcl-v2 alone", checkpoint: "every 10 records", plays: row(matrix.VMware, kclcompat.SequenceNumber)},
		{name: "alone-batches", worker: "vmware-go-kcl-v2 alone", checkpoint: "after each batch", plays: row(matrix.VMware, kclcompat.NoArguments)},
	}
	for _, c := range consumers {
		c.times = make([]int, records)
		c.began, c.killed = make(chan struct{}), make(chan struct{})
	}
	return consumers
}

// demo is a run of kplkit demo.
type demo struct {
	addresses
	aws       aws.Config
	ledger    *demoLedger
	consumers []*demoConsumer
	child     *demoChild

	mu sync.Mutex
	s  Streams
}

func runDemo(ctx context.Context, s Streams, records int, asJSON bool) error {
	d := &demo{s: s, ledger: newDemoLedger(records), consumers: demoConsumers(records), child: newDemoChild(records)}
	ctx, cancel := context.WithTimeoutCause(ctx, demoPatience, errDemoStuck)
	defer cancel()
	var l local
	defer l.close()
	server := kinesisfake.New(kinesisfake.Options{})
	defer server.Close()
	var err error
	if d.Kinesis, err = l.serve(server, "port", 0, s.Err); err != nil {
		return err
	}
	if d.DynamoDB, err = l.serve(dynamofake.New(), "port", 0, s.Err); err != nil {
		return err
	}
	d.aws = demoAWS(d.Kinesis)
	if err := d.run(ctx); err != nil {
		switch cause := context.Cause(ctx); {
		case errors.Is(cause, errDemoStuck):
			err = fmt.Errorf("%w: %s", cause, d.standing())
		case cause != nil:
			err = cause
		}
		return fmt.Errorf("demo: %w", err)
	}
	return d.report(asJSON)
}

var errDemoStuck = errors.New("it did not come to its end in 3 minutes")

// standing tells how far each consumer has come, once nothing runs any more.
func (d *demo) standing() string {
	var b strings.Builder
	for _, c := range d.consumers {
		fmt.Fprintf(&b, "[%s: %d user records delivered, at the end of %d of %d shards]", c.name, c.deliveries, c.ends, demoEnds)
	}
	fmt.Fprintf(&b, "[the producer's process: %d user records stored, %d kills]", d.child.counts().Stored, d.child.kills)
	return b.String()
}

// demoAWS needs no account, and reads no configuration of the user's.
func demoAWS(endpoint string) aws.Config {
	return aws.Config{Region: "us-east-1", BaseEndpoint: &endpoint, Credentials: aws.AnonymousCredentials{}}
}

// run has consumers read, and then a producer in a process of its own put.
func (d *demo) run(ctx context.Context) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	if err := d.runConsumers(ctx); err != nil {
		return err
	}
	d.tell("A producer in a process of its own puts, and is killed %d times.", demoKills)
	return d.child.run(ctx, d.aws, program, "daemon")
}

// runConsumers puts and reads at the same time, until every consumer has come to the end of every shard.
func (d *demo) runConsumers(ctx context.Context) error {
	d.tell("A Kinesis with 4 shards and a DynamoDB run on this machine; three consumers start.")
	g, ctx := errgroup.WithContext(ctx)
	p := &demoProducer{client: kinesis.NewFromConfig(d.aws), ledger: d.ledger}
	if err := p.create(ctx); err != nil {
		return err
	}
	g.Go(func() error { return d.put(ctx, p) })
	for _, c := range d.consumers {
		g.Go(func() error { return d.consume(ctx, c) })
	}
	return g.Wait()
}

// put puts all records in ten parts. A shard is split when all consumers read, another one when all were killed.
func (d *demo) put(ctx context.Context, p *demoProducer) error {
	const parts = 10
	for part := range parts {
		err := p.putPart(ctx, part, parts)
		if err == nil && part == 3 {
			err = d.split(ctx, p, func(c *demoConsumer) <-chan struct{} { return c.began })
		}
		if err == nil && part == 6 {
			err = d.split(ctx, p, func(c *demoConsumer) <-chan struct{} { return c.killed })
		}
		if err != nil {
			return err
		}
	}
	return p.close(ctx)
}

// split splits a shard once all consumers have come to what is awaited.
func (d *demo) split(ctx context.Context, p *demoProducer, awaited func(*demoConsumer) <-chan struct{}) error {
	for _, c := range d.consumers {
		select {
		case <-awaited(c):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	d.tell("A shard is split.")
	return p.split(ctx)
}

// tell shows progress on a terminal.
func (d *demo) tell(format string, args ...any) {
	if !isTerminal(d.s.Err) {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	fmt.Fprintf(d.s.Err, format+"\n", args...)
}
