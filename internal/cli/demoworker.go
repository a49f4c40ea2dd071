package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/checkpoint"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/config"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/interfaces"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/worker"
	"github.com/vmware/vmware-go-kcl-v2/logger"

	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/kclcompat/vmwarekcl"
)

// demoCheckpoint is the number of user records after which a consumer of the demo checkpoints.
const demoCheckpoint = 10

// newDemoWorker is the process that kplkit demo kills.
func newDemoWorker(s Streams) *cobra.Command {
	return &cobra.Command{
		Use:    "demo-worker CONSUMER WORKER KINESIS DYNAMODB",
		Short:  "A worker of kplkit demo, which starts it by itself",
		Hidden: true,
		Args:   usageArgs(cobra.ExactArgs(4)),
		RunE: func(_ *cobra.Command, args []string) error {
			log := logrus.New()
			log.SetOutput(s.Err)
			log.SetLevel(logrus.ErrorLevel)
			cfg := config.NewKinesisClientLibConfig(args[0], demoStream, "us-east-1", args[1]).
				WithKinesisEndpoint(args[2]).WithDynamoDBEndpoint(args[3]).WithLogger(logger.NewLogrusLogger(log)).
				WithInitialPositionInStream(config.TRIM_HORIZON)
			return runDemoWorker(s, cfg)
		},
	}
}

// runDemoWorker works until stdin ends. An interrupt is for the parent to handle.
func runDemoWorker(s Streams, cfg *config.KinesisClientLibConfiguration) error {
	hurry(cfg)
	p := newDemoPipe(s)
	var w interface{ Start() error }
	switch cfg.ApplicationName {
	case "kplkit":
		w = vmwarekcl.NewWorker(cfg, demoAWS(""), func(string) kclcompat.Processor {
			return &demoProcessor{pipe: p}
		})
	case "alone", "alone-batches":
		kinesisClient := kinesis.NewFromConfig(demoAWS(cfg.KinesisEndpoint))
		table := dynamodb.NewFromConfig(demoAWS(cfg.DynamoDBEndpoint))
		w = worker.NewWorker(aloneFactory{p, cfg.ApplicationName == "alone-batches"}, cfg).
			WithKinesis(kinesisClient).WithCheckpointer(checkpoint.NewDynamoCheckpoint(cfg).WithDynamoDB(table))
	default:
		return usageError{fmt.Errorf("no consumer %q", cfg.ApplicationName)}
	}
	if err := w.Start(); err != nil {
		return err
	}
	<-p.ended
	return nil
}

// hurry makes a worker find shards, leases and records within a second or two, where the defaults take minutes. The
// same goes for all consumers.
func hurry(cfg *config.KinesisClientLibConfiguration) {
	cfg.WithShardSyncIntervalMillis(100).WithIdleTimeBetweenReadsInMillis(200).WithFailoverTimeMillis(2000).WithLeaseRefreshWaitTime(500)
	cfg.ParentShardPollIntervalMillis = 200
	cfg.MaxRecords = 20 // a batch of 800 user records
}

// demoPipe tells the parent each user record, one after the other, and waits for its answer.
type demoPipe struct {
	turn    chan struct{} // holds one token while a user record is told
	out     io.Writer
	answers chan struct{}
	ended   chan struct{} // closed when the parent is gone
}

func newDemoPipe(s Streams) *demoPipe {
	p := &demoPipe{turn: make(chan struct{}, 1), out: s.Out, answers: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		in := bufio.NewReader(s.In)
		for {
			if _, err := in.ReadByte(); err != nil {
				return
			}
			p.answers <- struct{}{}
		}
	}()
	return p
}

// process is what the consumers do with a user record. One that was told is answered; ctx ends the wait before.
func (p *demoPipe) process(ctx context.Context, data []byte) error {
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if _, err := fmt.Fprintf(p.out, "%s\n", data); err != nil {
		return err
	}
	select {
	case <-p.answers:
		return nil
	case <-p.ended:
		return errors.New("the demo has ended")
	}
}

// demoProcessor is the consumer on kplkit.
type demoProcessor struct {
	pipe      *demoPipe
	processed int
}

// ProcessRecords checkpoints as it likes, also inside an aggregate.
func (p *demoProcessor) ProcessRecords(ctx context.Context, b kclcompat.Batch, c *kclcompat.Checkpointer) error {
	for _, u := range b.Records {
		if err := p.pipe.process(ctx, u.Data); err != nil {
			return err
		}
		c.Done(u)
		if p.processed++; p.processed%demoCheckpoint != 0 {
			continue
		}
		if _, err := c.Checkpoint(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Shutdown has nothing left to do.
func (*demoProcessor) Shutdown(context.Context, kclcompat.Reason, *kclcompat.Checkpointer) error {
	return nil
}

// aloneFactory makes the processors of the consumers without kplkit.
type aloneFactory struct {
	pipe    *demoPipe
	batches bool // checkpoint after each batch
}

func (f aloneFactory) CreateProcessor() interfaces.IRecordProcessor {
	return &aloneProcessor{aloneFactory: f}
}

// aloneProcessor is the consumer without kplkit, written as vmware-go-kcl-v2's documentation has it.
type aloneProcessor struct {
	aloneFactory
	processed int
}

func (*aloneProcessor) Initialize(*interfaces.InitializationInput) {}

func (p *aloneProcessor) ProcessRecords(in *interfaces.ProcessRecordsInput) {
	for i, r := range in.Records {
		if p.pipe.process(context.Background(), r.Data) != nil {
			return
		}
		p.processed++
		due := p.processed%demoCheckpoint == 0
		if p.batches {
			due = i == len(in.Records)-1
		}
		if due {
			_ = in.Checkpointer.Checkpoint(r.SequenceNumber) // without one, more comes twice
		}
	}
}

func (p *aloneProcessor) Shutdown(in *interfaces.ShutdownInput) {
	if in.ShutdownReason == interfaces.TERMINATE {
		_ = in.Checkpointer.Checkpoint(nil)
	}
}
