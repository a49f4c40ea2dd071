package vmwarekcl_test

import (
	"cmp"
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/config"

	"github.com/kplkit/kplkit/deagg/deaggaws"
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
		"positions as digits": {func(h *sim.Host) *vmwarekcl.Worker {
			return newWorker(h, newConfig("one"), vmwarekcl.ClientOptions(deaggaws.WithSecondPass(), deaggaws.WithDigitPositions()))
		}, nil,
			[]string{"ClientOptions", "WithDigitPositions", "leave it out"}},
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

// TestStartAsksForTheStream: where Kinesis refuses the stream, or can't be reached, Start says what and where and what to do, and
// makes no lease table; once the stream is there it may be called again.
func TestStartAsksForTheStream(t *testing.T) {
	refused := func(code string) sim.Faults {
		return sim.Faults{Errors: []sim.Error{{Operation: "ListShards", Code: code, Rate: 1}}}
	}
	for name, c := range map[string]struct {
		faults sim.Faults
		stream string
		before func(*sim.Host, *aws.Config)
		as     any
		words  []string
	}{
		"no stream":  {stream: "absent", as: new(*kinesistypes.ResourceNotFoundException), words: []string{"stream absent", `region "us-east-1"`, "Create the stream"}},
		"no access":  {faults: refused("AccessDeniedException"), as: new(*kinesistypes.AccessDeniedException), words: []string{"credentials", "docs/permissions.md"}},
		"a bad name": {faults: refused("ValidationException"), as: new(*kinesistypes.ValidationException), words: []string{"Correct StreamName"}},
		"not yet":    {faults: refused("ResourceInUseException"), as: new(*kinesistypes.ResourceInUseException), words: []string{"once the stream is ACTIVE"}},
		"an outage":  {before: func(h *sim.Host, _ *aws.Config) { h.Outage(sim.Kinesis, time.Hour) }, words: []string{"stream s", "us-east-1"}},
		"a silence":  {before: func(h *sim.Host, _ *aws.Config) { h.Silence(sim.Kinesis, time.Hour, false) }, words: []string{"stream s", "us-east-1"}},
		"no region":  {before: func(_ *sim.Host, c *aws.Config) { c.Region = "" }, words: []string{"aws.Config", "Region", `"us-east-1"`}},
	} {
		sim.Run(t, 1, c.faults, func(w *sim.World) {
			w.CreateStream("s", 1)
			host, app, cfg := w.Host("one"), &calls{}, newConfig("one")
			awsConfig := host.AWS()
			if c.before != nil {
				c.before(host, &awsConfig)
			}
			cfg.StreamName = cmp.Or(c.stream, "s")
			worker := vmwarekcl.NewWorker(cfg, awsConfig, app.create)
			began, err := time.Now(), worker.Start()
			if d := time.Since(began); err == nil || d > time.Minute || c.as != nil && !errors.As(err, c.as) {
				w.T.Fatalf("%s: after %v: %v", name, d, err)
			}
			for _, word := range c.words {
				if !strings.Contains(err.Error(), word) {
					w.T.Errorf("%s: %q is not in %q", name, word, err)
				}
			}
			_, err = dynamodb.NewFromConfig(w.Control()).DescribeTable(w.T.Context(), &dynamodb.DescribeTableInput{TableName: aws.String("app")})
			if missing := (*types.ResourceNotFoundException)(nil); !errors.As(err, &missing) {
				w.T.Errorf("%s: there is a lease table (%v)", name, err)
			}
			if c.stream != "" {
				w.CreateStream(c.stream, 1)
				if err := worker.Start(); err != nil {
					w.T.Errorf("%s: once it is there: %v", name, err)
				}
			}
			worker.Shutdown()
		})
	}
}

// TestStartListsOnce: a start lists the shards once, whether there are leases or not.
func TestStartListsOnce(t *testing.T) {
	sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
		w.CreateStream("s", 2)
		l := watchListings(w)
		for _, id := range []string{"one", "two"} {
			worker := (&calls{}).run(w.T, w.Host(id), newConfig(id))
			if n := l.count(id); n != 1 {
				w.T.Errorf("worker %s has listed the shards %d times", id, n)
			}
			time.Sleep(20 * time.Second)
			worker.Shutdown()
		}
	})
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
