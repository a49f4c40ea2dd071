package main

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	harlow "github.com/harlow/kinesis-consumer"
	store "github.com/harlow/kinesis-consumer/store/ddb"

	"github.com/kplkit/kplkit/deagg/deaggaws"
)

// runHarlowOnKplkit has the one line of kplkit on the client.
func runHarlowOnKplkit(s settings) error { return runHarlow(s, deaggaws.WithDeaggregation()) }

// runHarlow reads with a checkpoint after each user record, which harlow keeps in memory until it is flushed. Here that
// is before the next user record after ROW_AT: what a user's interval may do at any moment.
func runHarlow(s settings, options ...func(*kinesis.Options)) error {
	ctx := context.Background()
	client := dynamodb.NewFromConfig(s.aws(), func(o *dynamodb.Options) { o.BaseEndpoint = &s.dynamoDB })
	if err := createTable(ctx, client, s.application); err != nil {
		return err
	}
	checkpoints, err := store.New(s.application, s.application, store.WithDynamoClient(client))
	if err != nil {
		return err
	}
	consumer, err := harlow.New(s.stream, harlow.WithClient(s.kinesisClient(options...)), harlow.WithStore(&batchStore{s, checkpoints}),
		harlow.WithShardIteratorType("TRIM_HORIZON"), harlow.WithMaxRecords(int64(s.max)), harlow.WithAggregation(s.self))
	if err != nil {
		return err
	}
	if s.batches {
		return s.scanBatches(ctx, consumer)
	}
	last := ""
	return consumer.Scan(ctx, func(r *harlow.Record) error {
		if last != "" {
			s.stored(last, checkpoints.Flush())
			stop("at " + s.at)
		}
		s.handed(r.Data, *r.SequenceNumber)
		switch string(r.Data) {
		case "END":
			stop("END")
		case s.at:
			last = *r.SequenceNumber // harlow's checkpoint, once this returns
		}
		if !s.checkpoints {
			return harlow.ErrSkipCheckpoint
		}
		return nil
	})
}

// scanBatches reads by ScanBatch, in batches of the size that it has by itself. A worker that is to be stopped has no
// other: time does not end them, too, since where it would is luck.
func (s settings) scanBatches(ctx context.Context, consumer *harlow.Consumer) error {
	var options []harlow.ScanBatchOption
	if s.at != "" {
		options = append(options, harlow.WithBatchFlushInterval(0))
	}
	return consumer.ScanBatch(ctx, func(batch []*harlow.Record) error {
		for _, r := range batch {
			s.handed(r.Data, *r.SequenceNumber)
			if string(r.Data) == "END" {
				stop("END")
			}
		}
		return nil
	}, options...)
}

// batchStore stops the program when the checkpoint of ScanBatch's first batch is written, if it is to be stopped.
type batchStore struct {
	settings
	*store.Checkpoint
}

func (b *batchStore) SetCheckpoint(stream, shard, number string) error {
	err := b.Checkpoint.SetCheckpoint(stream, shard, number)
	if err == nil && b.batches && b.at != "" {
		b.stored(number, b.Flush())
		stop("after the batch with " + b.at)
	}
	return err
}

// createTable creates the table of harlow's documentation, unless it is there, and waits until it can be used.
func createTable(ctx context.Context, client *dynamodb.Client, name string) error {
	_, err := client.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("namespace"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String("shard_id"), AttributeType: types.ScalarAttributeTypeS},
		},
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String("namespace"), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String("shard_id"), KeyType: types.KeyTypeRange},
		},
	})
	if existing := (*types.ResourceInUseException)(nil); err != nil && !errors.As(err, &existing) {
		return err
	}
	active := dynamodb.NewTableExistsWaiter(client, func(o *dynamodb.TableExistsWaiterOptions) { o.MinDelay = 100 * time.Millisecond })
	return active.Wait(ctx, &dynamodb.DescribeTableInput{TableName: &name}, time.Minute)
}
