package vmwarekcl_test

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/config"

	"github.com/kplkit/kplkit/internal/sim"
	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/kclcompat/vmwarekcl"
)

func newWorker(h *sim.Host, cfg *config.KinesisClientLibConfiguration, opts ...vmwarekcl.Option) *vmwarekcl.Worker {
	app := &calls{process: func(context.Context, kclcompat.Batch, *kclcompat.Checkpointer) error { return nil }}
	return vmwarekcl.NewWorker(cfg, h.AWS(), app.create, opts...)
}

// TestStartRefuses: what would fail for ever is an error of Start that says what to do.
func TestStartRefuses(t *testing.T) {
	javaTable := func(w *sim.World) {
		key := aws.String("leaseKey")
		_, err := dynamodb.NewFromConfig(w.Control()).CreateTable(context.Background(), &dynamodb.CreateTableInput{
			TableName: aws.String("app"), BillingMode: types.BillingModePayPerRequest,
			AttributeDefinitions: []types.AttributeDefinition{{AttributeName: key, AttributeType: types.ScalarAttributeTypeS}},
			KeySchema:            []types.KeySchemaElement{{AttributeName: key, KeyType: types.KeyTypeHash}},
		})
		if err != nil {
			w.T.Fatal(err)
		}
	}
	arn := "arn:aws:kinesis:us-east-1:000000000000:stream/s"
	for name, c := range map[string]struct {
		worker func(h *sim.Host) *vmwarekcl.Worker
		before func(*sim.World)
		words  []string
	}{
		"an ARN": {func(h *sim.Host) *vmwarekcl.Worker {
			return newWorker(h, config.NewKinesisClientLibConfig("app", arn, "us-east-1", "one").WithLogger(quiet{}))
		}, nil, []string{arn, `configure the name, "s"`}},
		"Java's table": {func(h *sim.Host) *vmwarekcl.Worker { return newWorker(h, newConfig("one")) }, javaTable,
			[]string{"table app", "leaseKey", "Java KCL", "configure another"}},
		"no configuration": {func(h *sim.Host) *vmwarekcl.Worker { return newWorker(h, nil) }, nil, []string{"configuration is nil"}},
		"no Processors": {func(h *sim.Host) *vmwarekcl.Worker { return vmwarekcl.NewWorker(newConfig("one"), h.AWS(), nil) }, nil,
			[]string{"newProcessor is nil"}},
		"a nil option": {func(h *sim.Host) *vmwarekcl.Worker { return newWorker(h, newConfig("one"), nil) }, nil,
			[]string{"option 1", "nil"}},
		"a nil client option": {func(h *sim.Host) *vmwarekcl.Worker {
			return newWorker(h, newConfig("one"), vmwarekcl.ClientOptions(nil))
		}, nil,
			[]string{"ClientOptions", "nil"}},
		"much at once": {func(h *sim.Host) *vmwarekcl.Worker {
			cfg := newConfig("")
			cfg.StreamName, cfg.TableName, cfg.WorkerID, cfg.Logger = "", "", "", nil
			cfg.ShardSyncIntervalMillis, cfg.MaxRecords, cfg.FailoverTimeMillis = 0, 0, math.MaxInt
			cfg.InitialPositionInStream = config.AT_TIMESTAMP
			cfg.MaxLeasesForWorker = 0
			return newWorker(h, cfg)
		}, nil, []string{"MaxLeasesForWorker", "StreamName", "TableName", "WorkerID", "Logger", "ShardSyncIntervalMillis", "MaxRecords", "FailoverTimeMillis", "Timestamp"}},
		"no position": {func(h *sim.Host) *vmwarekcl.Worker {
			cfg := newConfig("one")
			cfg.InitialPositionInStream = 0
			return newWorker(h, cfg)
		}, nil, []string{"InitialPositionInStream"}},
		"no failover time": {func(h *sim.Host) *vmwarekcl.Worker {
			cfg := newConfig("one")
			cfg.FailoverTimeMillis = 0
			return newWorker(h, cfg)
		}, nil, []string{"FailoverTimeMillis", "from 1 to"}},
	} {
		sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
			w.CreateStream("s", 1)
			if c.before != nil {
				c.before(w)
			}
			worker := c.worker(w.Host("one"))
			err := worker.Start()
			if err == nil {
				w.T.Fatalf("%s: started", name)
			}
			for _, word := range c.words {
				if !strings.Contains(err.Error(), word) {
					w.T.Errorf("%s: %q is not in %q", name, word, err)
				}
			}
			worker.Shutdown()
		})
	}
}

// TestStartTwice: a worker that runs, or was shut down, is not started again.
func TestStartTwice(t *testing.T) {
	sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
		w.CreateStream("s", 1)
		app := &calls{}
		worker := app.run(w.T, w.Host("one"), newConfig("one"))
		if worker.Start() == nil {
			w.T.Error("started twice")
		}
		time.Sleep(20 * time.Second)
		worker.Shutdown()
		if worker.Start() == nil {
			w.T.Error("started after its end")
		}
		if made, _, reasons := app.counts(); made != 1 || len(reasons) != 1 {
			w.T.Errorf("%d Processors, shut down for %v", made, reasons)
		}
	})
}

// TestShutdownWhileStarting: a start that waits for silent services ends with the worker.
func TestShutdownWhileStarting(t *testing.T) {
	for _, s := range []sim.Service{sim.DynamoDB, sim.Kinesis} {
		sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
			w.CreateStream("s", 1)
			host := w.Host("one")
			host.Silence(s, time.Hour, false)
			cfg := newConfig("one")
			cfg.EnableEnhancedFanOutConsumer, cfg.EnhancedFanOutConsumerName = s == sim.Kinesis, "app"
			worker := newWorker(host, cfg.WithFailoverTimeMillis(2000))
			started := make(chan error, 1)
			go func() { started <- worker.Start() }()
			time.Sleep(5 * time.Second)
			began := time.Now()
			worker.Shutdown()
			if d := time.Since(began); d > 2*time.Second {
				w.T.Errorf("%s: the shutdown took %v", s, d)
			}
			if err := <-started; err == nil {
				w.T.Errorf("%s: started", s)
			}
		})
	}
}
