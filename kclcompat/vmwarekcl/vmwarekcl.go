// Package vmwarekcl runs vmware-go-kcl-v2 (v1.0.0) so that it loses no record: on streams with aggregates of the
// Kinesis Producer Library (KPL), and after crashes, reshards and lost leases.
//
//	worker := vmwarekcl.NewWorker(kclConfig, awsConfig, newProcessor)
//	err := worker.Start()
//
// vmware's worker, lease table and configuration stay; a kclcompat.Processor takes the place of its record processors.
// A checkpoint may lie inside an aggregate, and the next worker goes on exactly there.
//
// # Leases
//
// A lease lasts for FailoverTimeMillis, counted from before the request that got or renewed it, by the worker's own
// monotonic and wall clock, whichever comes first. It is renewed until vmware gives the shard back, also while a batch
// takes long, once in LeaseRefreshWaitTime, at most a third of FailoverTimeMillis, each lease at a point of that of its own.
// It is kept through errors of DynamoDB until its end. At its end the Processor's context ends, and no
// batch is handed out any more. Another worker's lease is taken only after it has stood unchanged for the failover time,
// by the monotonic clock of the one who takes it: clocks need not agree. All workers of an application need the same
// failover time. Beside workers without kplkit, which go by the wall clock, two may process a shard for as long as
// their clocks differ; nothing is lost by that, and no checkpoint goes back.
//
// # Fleets
//
// Which leases are free, one Scan of the table finds for all shards. A worker takes its share of them at once: all shards by the
// workers that hold leases, itself among them. It begins with one, and takes at most as many as it holds between two
// looks, so that workers that start together see each other. A lease that somebody gave back, or let run out, a worker
// that has run for three failover times leaves alone for half a one: one that starts in the other's place takes it. Beyond its
// share it takes, one by one, what nobody has taken for a failover time. Nothing moves from one worker that works to
// another, unless EnableLeaseStealing says so.
//
// ShardSyncIntervalMillis is how often the shards are listed; they are listed as well when one has ended here, and when
// leases are taken. The table is looked at as often, but at least twice and at most eight times in a failover time where
// others hold leases; while leases are there to be taken, up to 32 times.
//
// # The lease table
//
// It is vmware's, with these attributes more:
//
//	Checkpoint      the last finished stored record, or SHARD_END: what workers without kplkit go on from
//	kplkitPosition  BASE|POSITION: the exact position, valid only while Checkpoint equals BASE, so that a checkpoint of
//	                any other writer makes it void
//	kplkitToken     who holds the lease: a new one for every acquisition, which fences all writes
//	kplkitWrites    the number of the last checkpoint under that token, so that one which comes late changes nothing
//	kplkitStart     where an application that started at LATEST began, handed down to child shards
//	kplkitBirth     the first sequence number of the shard, which tells it from one of the same id in another stream
//	kplkitFailures  COUNT|POSITION: how often a batch that holds the user record of the position has failed
//
// A table that is missing is made on demand (PAY_PER_REQUEST), unless InitialLeaseTableReadCapacity or
// InitialLeaseTableWriteCapacity is other than the 10 that vmware's configuration comes with: then it gets those. To have just
// 10, make the table yourself, or change it by UpdateTable. A provisioned table needs a write unit for each renewal a
// second, which is a lease every LeaseRefreshWaitTime (128 shards every 2.5 s: 52), and one for each checkpoint; Start warns of
// one that has too few for the renewals.
//
// After a rollback to workers without kplkit nothing is lost, if they start at TRIM_HORIZON; at most one aggregate of
// each shard is repeated.
//
// # Metrics
//
// WithTrace tells what a worker does to functions of yours, for any metrics library: its Example counts by expvar, and
// examples/metrics by OpenTelemetry.
//
// # Compatibility
//
// Lease items that one release has written, later releases go on from.
package vmwarekcl

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/config"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/interfaces"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/worker"

	"github.com/kplkit/kplkit/deagg/deaggaws"
	"github.com/kplkit/kplkit/internal/opaque"
	"github.com/kplkit/kplkit/kclcompat"
)

// NewWorker returns a worker that is ready to start. cfg is vmware's configuration; its endpoints, where set, come
// before those of awsConfig, which brings region, credentials, retries and HTTP client for Kinesis and DynamoDB.
// newProcessor is called for every shard that the worker takes on. What is wrong with the arguments, Start returns.
//
// Where awsConfig has the SDK's own HTTP client, or none, the worker takes a copy that keeps as many idle connections to each
// service as it may hold shards (MaxLeasesForWorker), up to 1,000; limits that you have set stay. A client of your own, such as
// *http.Client, is used as it is: set the MaxIdleConnsPerHost of its Transport to the number of shards that a worker holds, and
// MaxIdleConns to twice that or to 0, else it opens connections all the time.
//
// Steps of your own in awsConfig's APIOptions see stored records, with aggregates whose data nobody can read: they go through vmware,
// which takes aggregates apart, as they are. Such a step may leave records out; it must not change their EncryptionType,
// and where it changes a SequenceNumber, what was done of the aggregate comes again.
func NewWorker(cfg *config.KinesisClientLibConfiguration, awsConfig aws.Config, newProcessor func(shardID string) kclcompat.Processor, opts ...Option) *Worker {
	w := &Worker{starting: make(chan struct{}, 1), stopped: make(chan struct{})}
	if w.err = validate(cfg); w.err == nil && newProcessor == nil {
		w.err = errors.New("vmwarekcl: newProcessor is nil")
	}
	var o options
	for i, opt := range opts {
		if opt == nil {
			w.err = errors.Join(w.err, fmt.Errorf("vmwarekcl: option %d of NewWorker is nil", i+1))
			continue
		}
		opt(&o)
	}
	if slices.ContainsFunc(o.client, func(opt deaggaws.Option) bool { return opt == nil }) {
		w.err = errors.Join(w.err, errors.New("vmwarekcl: an option of ClientOptions is nil"))
	}
	if deaggaws.DigitPositions(o.client...) {
		w.err = errors.Join(w.err, errors.New("vmwarekcl: ClientOptions has deaggaws.WithDigitPositions, which is for stores of numbers; "+
			"the lease table keeps text: leave it out, positions as digits that are in the table are read all the same"))
	}
	if w.err != nil {
		return w
	}
	awsConfig = keepConnections(awsConfig, cfg.MaxLeasesForWorker)
	table := dynamodb.NewFromConfig(awsConfig, func(o *dynamodb.Options) {
		o.BaseEndpoint = endpoint(cfg.DynamoDBEndpoint, o.BaseEndpoint)
	})
	w.leases = newLeaseTable(cfg, table, nil)
	deaggregation := slices.Concat([]deaggaws.Option{deaggaws.WithLogger(slog.New(vmwareLog{to: cfg.Logger}))}, o.client)
	client := kinesis.NewFromConfig(awsConfig,
		deaggaws.WithDeaggregation(deaggregation...),
		opaque.Records, // the worker always de-aggregates by itself
		w.leases.boundCalls, w.leases.answerLoop,
		func(o *kinesis.Options) { o.BaseEndpoint = endpoint(cfg.KinesisEndpoint, o.BaseEndpoint) })
	w.leases.stream, w.leases.region, w.leases.newStream, w.leases.trace = client, awsConfig.Region, o.newStream, o.trace
	w.leases.traceBehind()
	w.leases.pause(w.leases.tick())
	w.inner = worker.NewWorker(processors{w, newProcessor, o.failures, o.checkpointInterval}, w.leases.cfg).WithKinesis(client).WithCheckpointer(w.leases)
	return w
}

func endpoint(configured string, otherwise *string) *string {
	if configured != "" {
		return &configured
	}
	return otherwise
}

// processors is the factory that vmware's worker knows.
type processors struct {
	worker *Worker
	create func(shardID string) kclcompat.Processor
	policy failurePolicy

	checkpointInterval time.Duration // of checkpoints inside a batch
}

func (f processors) CreateProcessor() interfaces.IRecordProcessor {
	return &processor{processors: f, turn: make(chan struct{}, 1)}
}
