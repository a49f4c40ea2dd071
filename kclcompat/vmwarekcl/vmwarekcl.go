// Package vmwarekcl runs vmware-go-kcl-v2 (v1.0.0) so that it loses no record: on streams with aggregates of the
// Kinesis Producer Library (KPL), and after crashes, reshards and lost leases.
//
//	worker := vmwarekcl.NewWorker(kclConfig, awsConfig, vmwarekcl.Factory(newProcessor))
//	err := worker.Start()
//
// vmware's worker, lease table and configuration stay; a Processor takes the place of its record processors, and a
// Checkpointer that of its own. A checkpoint may lie inside an aggregate, and the next worker goes on exactly there.
//
// # The lease table
//
// It is vmware's, with four attributes more:
//
//	Checkpoint      the last finished stored record, or SHARD_END: what workers without kplkit go on from
//	kplkitPosition  BASE|POSITION: the exact position, valid only while Checkpoint equals BASE, so that a checkpoint of
//	                any other writer makes it void
//	kplkitToken     who holds the lease: a new one for every acquisition, which fences all writes
//	kplkitWrites    the number of the last checkpoint under that token, so that one which comes late changes nothing
//	kplkitStart     where an application that started at LATEST began, handed down to child shards
//
// After a rollback to workers without kplkit nothing is lost, if they start at TRIM_HORIZON; at most one aggregate of
// each shard is repeated.
//
// # Compatibility
//
// Lease items that one release has written, later releases go on from.
package vmwarekcl

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/config"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/interfaces"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/worker"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/deaggaws"
	"github.com/kplkit/kplkit/kclcompat"
)

// Processor processes the user records of one shard, for as long as the worker holds its lease. Its methods are called
// one after the other. ctx ends when the lease is lost or the worker stops.
type Processor interface {
	// ProcessRecords handles a batch. It marks what is processed by c.Done and stores that by c.Checkpoint, whenever it
	// likes and also inside an aggregate.
	//
	// An error gives the shard up: nothing more is delivered to this Processor, and the shard is read again from its last
	// checkpoint, by a new Processor here or in another worker.
	ProcessRecords(ctx context.Context, records []deagg.UserRecord, c *kclcompat.Checkpointer) error

	// Shutdown is called once, at the end. To return nil for the reason ShardEnded says that every record of the shard is
	// processed: the shard is then finished and its children may start. An error has it read again from its last
	// checkpoint.
	Shutdown(ctx context.Context, reason Reason, c *kclcompat.Checkpointer) error
}

// Reason is why a Processor is shut down.
type Reason uint8

const (
	// ShardEnded: the shard is closed, and all its records were delivered.
	ShardEnded Reason = iota + 1
	// Stopping: the worker stops. A last checkpoint is possible.
	Stopping
	// LeaseLost: another worker may have the shard already; checkpoints fail with kclcompat.ErrLeaseLost.
	LeaseLost
)

// ProcessorFactory makes Processors. It comes from Factory.
type ProcessorFactory struct {
	create func(shardID string) Processor
}

// Factory returns a ProcessorFactory that calls f for every shard that the worker takes on.
func Factory(f func(shardID string) Processor) ProcessorFactory { return ProcessorFactory{f} }

// NewWorker returns a worker that is ready to start. cfg is vmware's configuration; its endpoints, where set, come
// before those of aws. aws brings region, credentials, retries and HTTP client for Kinesis and DynamoDB.
// opts are for the Kinesis client, such as deaggaws.WithHashRanges.
func NewWorker(cfg *config.KinesisClientLibConfiguration, awsConfig aws.Config, factory ProcessorFactory, opts ...deaggaws.Option) *worker.Worker {
	opts = append(opts, deaggaws.WithSecondPass()) // the worker always de-aggregates by itself
	client := kinesis.NewFromConfig(awsConfig, deaggaws.WithDeaggregation(opts...), func(o *kinesis.Options) {
		o.BaseEndpoint = endpoint(cfg.KinesisEndpoint, o.BaseEndpoint)
	})
	table := dynamodb.NewFromConfig(awsConfig, func(o *dynamodb.Options) {
		o.BaseEndpoint = endpoint(cfg.DynamoDBEndpoint, o.BaseEndpoint)
	})
	checkpointer := NewCheckpointer(cfg, table, client)
	processors := processorFactory{factory.create, checkpointer}
	return worker.NewWorker(processors, cfg).WithKinesis(client).WithCheckpointer(checkpointer)
}

func endpoint(configured string, otherwise *string) *string {
	if configured != "" {
		return &configured
	}
	return otherwise
}

// processorFactory is what the worker knows.
type processorFactory struct {
	create       func(shardID string) Processor
	checkpointer *Checkpointer
}

func (f processorFactory) CreateProcessor() interfaces.IRecordProcessor {
	return &processor{create: f.create, checkpointer: f.checkpointer}
}
