package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/deagglambda"
	"github.com/kplkit/kplkit/seqnum"
)

// function is a Lambda function on package deagglambda, whose process stops with an error after the user record ROW_AT.
type function struct {
	settings
	stopped bool
	ended   bool
}

var errStopped = errors.New("stopped")

func (f *function) process(_ context.Context, u deagg.UserRecord) error {
	if f.stopped {
		return errStopped
	}
	position := u.SequenceNumber
	if u.Aggregated {
		position = fmt.Sprintf("%s:%d", u.SequenceNumber, u.SubSequenceNumber)
	}
	f.handed(u.Data, position)
	f.stopped = string(u.Data) == f.at
	f.ended = f.ended || string(u.Data) == "END"
	return nil
}

// runLambda is an event source mapping with ReportBatchItemFailures and its function. The mapping's own place, a stored record that
// comes next, is in a file. The function has a Store in another one, which is the checkpoint; without a Store, if ROW_SELF is 1, what
// the mapping keeps is.
func runLambda(s settings) error {
	f := &function{settings: s}
	mapping := s.checkpointFile
	var options []deagglambda.Option
	if !s.self {
		mapping += ".mapping"
		options = append(options, deagglambda.WithStore(fileStore{s}))
	}
	handler := deagglambda.Handler(f.process, options...)
	ctx, client := context.Background(), s.kinesisClient()
	shards, err := client.ListShards(ctx, &kinesis.ListShardsInput{StreamName: &s.stream})
	if err != nil {
		return err
	}
	in := &kinesis.GetShardIteratorInput{StreamName: &s.stream, ShardId: shards.Shards[0].ShardId, ShardIteratorType: types.ShardIteratorTypeTrimHorizon}
	if saved, err := os.ReadFile(mapping); err == nil {
		next := string(saved)
		in.ShardIteratorType, in.StartingSequenceNumber = types.ShardIteratorTypeAtSequenceNumber, &next
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	out, err := client.GetShardIterator(ctx, in)
	if err != nil {
		return err
	}
	for iterator := out.ShardIterator; iterator != nil; {
		out, err := client.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: iterator, Limit: &s.max})
		if err != nil {
			return err
		}
		if iterator = out.NextShardIterator; len(out.Records) == 0 {
			time.Sleep(200 * time.Millisecond)
			continue
		}
		event, err := eventOf(*in.ShardId, out.Records)
		if err != nil {
			return err
		}
		answer, err := handler(ctx, event)
		if err != nil {
			return err
		}
		if failed := answer.BatchItemFailures; len(failed) > 0 {
			if err := os.WriteFile(mapping, []byte(failed[0].ItemIdentifier), 0o644); err != nil {
				return err
			}
			stop("at " + s.at)
		}
		if f.ended {
			stop("END")
		}
	}
	return errors.New("the shard has ended")
}

// eventOf is the event with which Lambda calls a function, in the JSON that it has there.
func eventOf(shard string, records []types.Record) (event deagglambda.Event, err error) {
	var sent []map[string]any
	for _, r := range records {
		sent = append(sent, map[string]any{
			"kinesis": map[string]any{
				"kinesisSchemaVersion": "1.0", "partitionKey": *r.PartitionKey, "sequenceNumber": *r.SequenceNumber, "data": r.Data,
				"approximateArrivalTimestamp": float64(r.ApproximateArrivalTimestamp.UnixMilli()) / 1000,
			},
			"eventSource": "aws:kinesis", "eventVersion": "1.0", "eventID": shard + ":" + *r.SequenceNumber, "eventName": "aws:kinesis:record",
			"invokeIdentityArn": "arn:aws:iam::123456789012:role/lambda-role", "awsRegion": "us-east-1",
			"eventSourceARN": "arn:aws:kinesis:us-east-1:123456789012:stream/rows",
		})
	}
	text, err := json.Marshal(map[string]any{"Records": sent})
	if err != nil {
		return event, err
	}
	err = json.Unmarshal(text, &event)
	return event, err
}

// fileStore is a deagglambda.Store in the checkpoint file. What is kept for batches that are brought back is not needed here.
type fileStore struct{ settings }

func (f fileStore) Load(context.Context, string) (seqnum.Extended, error) {
	saved, err := os.ReadFile(f.checkpointFile)
	if errors.Is(err, fs.ErrNotExist) {
		return seqnum.Extended{}, nil
	} else if err != nil {
		return seqnum.Extended{}, err
	}
	return seqnum.ParseExtended(string(saved))
}

func (f fileStore) Save(_ context.Context, key string, at seqnum.Extended) error {
	if strings.HasPrefix(key, "returned/") {
		return nil
	}
	err := os.WriteFile(f.checkpointFile, []byte(at.String()), 0o644)
	f.stored(at.String(), err)
	return err
}
