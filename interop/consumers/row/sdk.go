package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/awslabs/kinesis-aggregation/go/v2/deaggregator"

	"github.com/kplkit/kplkit/deagg/deaggaws"
)

// runSDKOnKplkit has the one line of kplkit on the client; the loop is the same.
func runSDKOnKplkit(s settings) error { return runSDK(s, deaggaws.WithDeaggregation()) }

func runSDK(s settings, options ...func(*kinesis.Options)) error {
	ctx, client := context.Background(), s.kinesisClient(options...)
	shards, err := client.ListShards(ctx, &kinesis.ListShardsInput{StreamName: &s.stream})
	if err != nil {
		return err
	}
	iterator, err := s.iterator(ctx, client, shards.Shards[0].ShardId)
	if err != nil {
		return err
	}
	for iterator != nil {
		out, err := client.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: iterator, Limit: &s.max})
		if err != nil {
			return err
		}
		if err := s.process(out.Records); err != nil {
			return err
		}
		if iterator = out.NextShardIterator; len(out.Records) == 0 {
			time.Sleep(200 * time.Millisecond) // as a consumer does that is at the tip
		}
	}
	return errors.New("the shard has ended")
}

func (s settings) kinesisClient(options ...func(*kinesis.Options)) *kinesis.Client {
	endpoint := func(o *kinesis.Options) { o.BaseEndpoint = &s.kinesis }
	return kinesis.NewFromConfig(s.aws(), append(options, endpoint)...)
}

// iterator starts behind the checkpoint, if there is one.
func (s settings) iterator(ctx context.Context, client *kinesis.Client, shard *string) (*string, error) {
	in := &kinesis.GetShardIteratorInput{StreamName: &s.stream, ShardId: shard, ShardIteratorType: types.ShardIteratorTypeTrimHorizon}
	switch saved, err := os.ReadFile(s.checkpointFile); {
	case err == nil:
		text := string(saved)
		in.ShardIteratorType, in.StartingSequenceNumber = types.ShardIteratorTypeAfterSequenceNumber, &text
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	out, err := client.GetShardIterator(ctx, in)
	if err != nil {
		return nil, err
	}
	return out.ShardIterator, nil
}

// process handles a batch, with a checkpoint after each user record.
func (s settings) process(records []types.Record) (err error) {
	if s.self {
		if records, err = deaggregator.DeaggregateRecords(records); err != nil {
			return err
		}
	}
	for _, r := range records {
		s.handed(r.Data, *r.SequenceNumber)
		if s.checkpoints {
			checkpoint := *r.SequenceNumber
			if s.bare {
				checkpoint, _, _ = strings.Cut(checkpoint, ":")
			}
			err := os.WriteFile(s.checkpointFile, []byte(checkpoint), 0o644)
			s.stored(checkpoint, err)
			if err != nil {
				return err
			}
		}
		s.stopAt(r.Data)
	}
	return nil
}
