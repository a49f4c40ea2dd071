package interop

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/seqnum"
)

// reading puts records 1, 2 and 3 into shard 0 of two, and reads by an iterator that change has altered.
func reading(change func(in *kinesis.GetShardIteratorInput, numbers []*string)) func(context.Context, subject) (string, error) {
	return with(2, func(ctx context.Context, k subject, stream *string) (string, error) {
		numbers, err := k.put(ctx, stream, "1", "2", "3")
		if err != nil {
			return "", err
		}
		in := fromStart(stream, shard0)
		change(in, numbers)
		data, _, err := k.read(ctx, in, nil, 1)
		return data, err
	})
}

// getRecords reads records 1, 2 and 3 with a Limit, one call or more.
func getRecords(limit int32, calls int) func(context.Context, subject) (string, error) {
	return with(2, func(ctx context.Context, k subject, stream *string) (string, error) {
		if _, err := k.put(ctx, stream, "1", "2", "3"); err != nil {
			return "", err
		}
		data, last, err := k.read(ctx, fromStart(stream, shard0), &limit, calls)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("%s; %d ms behind", data, *last.MillisBehindLatest), nil
	})
}

var readCases = []kinesisCase{
	{"GetShardIterator", "TRIM_HORIZON", "1 2 3", reading(func(*kinesis.GetShardIteratorInput, []*string) {})},
	{"GetShardIterator", "LATEST", nothing, reading(func(in *kinesis.GetShardIteratorInput, _ []*string) {
		in.ShardIteratorType = types.ShardIteratorTypeLatest
	})},
	{"GetShardIterator", "AT_SEQUENCE_NUMBER", "2 3", reading(func(in *kinesis.GetShardIteratorInput, numbers []*string) {
		in.ShardIteratorType, in.StartingSequenceNumber = types.ShardIteratorTypeAtSequenceNumber, numbers[1]
	})},
	{"GetShardIterator", "AFTER_SEQUENCE_NUMBER", "3", reading(func(in *kinesis.GetShardIteratorInput, numbers []*string) {
		in.ShardIteratorType, in.StartingSequenceNumber = types.ShardIteratorTypeAfterSequenceNumber, numbers[1]
	})},
	{"GetShardIterator", "AT_TIMESTAMP, an hour ago", "1 2 3", reading(func(in *kinesis.GetShardIteratorInput, _ []*string) {
		in.ShardIteratorType, in.Timestamp = types.ShardIteratorTypeAtTimestamp, aws.Time(time.Now().Add(-time.Hour))
	})},
	{"GetShardIterator", "AT_TIMESTAMP without one", invalid, reading(func(in *kinesis.GetShardIteratorInput, _ []*string) {
		in.ShardIteratorType = types.ShardIteratorTypeAtTimestamp
	})},
	{"GetShardIterator", "AT_SEQUENCE_NUMBER without one", invalid, reading(func(in *kinesis.GetShardIteratorInput, _ []*string) {
		in.ShardIteratorType = types.ShardIteratorTypeAtSequenceNumber
	})},
	{"GetShardIterator", "sequence number of another shard", invalid, reading(func(in *kinesis.GetShardIteratorInput, numbers []*string) {
		in.ShardIteratorType, in.StartingSequenceNumber, in.ShardId = types.ShardIteratorTypeAtSequenceNumber, numbers[1], aws.String(shard1)
	})},
	{"GetShardIterator", "sequence number that is none", validation, reading(func(in *kinesis.GetShardIteratorInput, _ []*string) {
		in.ShardIteratorType, in.StartingSequenceNumber = types.ShardIteratorTypeAtSequenceNumber, aws.String("SEQUENCE")
	})},
	{"GetShardIterator", "type that does not exist", validation, reading(func(in *kinesis.GetShardIteratorInput, _ []*string) { in.ShardIteratorType = "NEWEST" })},
	{"GetShardIterator", "unknown shard", notFound, reading(func(in *kinesis.GetShardIteratorInput, _ []*string) { in.ShardId = aws.String(shard9) })},
	{"GetShardIterator", "unknown stream", notFound, reading(func(in *kinesis.GetShardIteratorInput, _ []*string) { in.StreamName = aws.String("nowhere") })},
	{"GetRecords", "the newest record", "1; 0 ms behind", with(1, func(ctx context.Context, k subject, stream *string) (string, error) {
		if _, err := k.put(ctx, stream, "1"); err != nil {
			return "", err
		}
		data, last, err := k.read(ctx, fromStart(stream, shard0), aws.Int32(1), 1)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("%s; %d ms behind", data, *last.MillisBehindLatest), nil
	})},
	{"GetRecords", "Limit 2, two calls", "1 2 3; 0 ms behind", getRecords(2, 2)},
	{"GetRecords", "Limit 0", validation, getRecords(0, 1)},
	{"GetRecords", "Limit 10,001", validation, getRecords(10_001, 1)},
	{"GetRecords", "iterator that is none", invalid, func(ctx context.Context, k subject) (string, error) {
		_, err := k.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: aws.String("iterator")})
		return outcomeOf(err)
	}},
	{"GetRecords", "at most 10 MiB, of 12 records of 1 MiB", "true", with(1, func(ctx context.Context, k subject, stream *string) (string, error) {
		for range 12 {
			if _, err := k.put(ctx, stream, strings.Repeat("x", 1<<20-1)); err != nil {
				return "", err
			}
		}
		data, _, err := k.read(ctx, fromStart(stream, shard0), nil, 1)
		return fmt.Sprint(len(data) > 1<<20 && len(data) <= 10<<20), err
	})},
	{"GetRecords", "end of a split shard", "1 2; no next iterator; children 2 of 0, 3 of 0", with(2, func(ctx context.Context, k subject, stream *string) (string, error) {
		if _, err := k.put(ctx, stream, "1", "2"); err != nil {
			return "", err
		}
		if err := k.split(ctx, stream, shard0, "1000"); err != nil {
			return "", err
		}
		return k.end(ctx, stream)
	})},
	{"GetRecords", "end of a merged shard", "1 2; no next iterator; children 2 of 0+1", with(2, func(ctx context.Context, k subject, stream *string) (string, error) {
		if _, err := k.put(ctx, stream, "1", "2"); err != nil {
			return "", err
		}
		if err := k.merge(ctx, stream, shard0, shard1); err != nil {
			return "", err
		}
		return k.end(ctx, stream)
	})},
}

// end reads shard 0 to its end and shows what comes last.
func (k subject) end(ctx context.Context, stream *string) (string, error) {
	data, last, err := k.read(ctx, fromStart(stream, shard0), nil, 3)
	if err != nil {
		return "", err
	}
	next, children := "no next iterator", []string{}
	if last.NextShardIterator != nil {
		next = "a next iterator"
	}
	for _, c := range last.ChildShards {
		var parents []string
		for i := range c.ParentShards {
			parents = append(parents, digit(&c.ParentShards[i]))
		}
		children = append(children, digit(c.ShardId)+" of "+strings.Join(parents, "+"))
	}
	return fmt.Sprintf("%s; %s; children %s", data, next, strings.Join(children, ", ")), nil
}

// withConsumer registers a consumer on a new stream and waits until it can be used.
func withConsumer(f func(ctx context.Context, k subject, stream, consumer *string) (string, error)) func(context.Context, subject) (string, error) {
	return with(1, func(ctx context.Context, k subject, stream *string) (string, error) {
		summary, err := k.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: stream})
		if err != nil {
			return "", err
		}
		arn := summary.StreamDescriptionSummary.StreamARN
		out, err := k.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{StreamARN: arn, ConsumerName: aws.String("consumer")})
		if err != nil {
			return "", err
		}
		err = k.until(ctx, func() (bool, error) {
			d, err := k.DescribeStreamConsumer(ctx, &kinesis.DescribeStreamConsumerInput{ConsumerARN: out.Consumer.ConsumerARN})
			return err == nil && d.ConsumerDescription.ConsumerStatus == types.ConsumerStatusActive, err
		})
		if err != nil {
			return "", err
		}
		return f(ctx, k, arn, out.Consumer.ConsumerARN)
	})
}

func subscribe(consumer *string, shard string) *kinesis.SubscribeToShardInput {
	return &kinesis.SubscribeToShardInput{
		ConsumerARN: consumer, ShardId: &shard, StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon},
	}
}

var consumerCases = []kinesisCase{
	{"RegisterStreamConsumer", "name in use", inUse, withConsumer(func(ctx context.Context, k subject, stream, _ *string) (string, error) {
		_, err := k.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{StreamARN: stream, ConsumerName: aws.String("consumer")})
		return outcomeOf(err)
	})},
	{"ListStreamConsumers", "the one that is registered", "consumer", withConsumer(func(ctx context.Context, k subject, stream, _ *string) (string, error) {
		out, err := k.ListStreamConsumers(ctx, &kinesis.ListStreamConsumersInput{StreamARN: stream})
		if err != nil {
			return "", err
		}
		var names []string
		for _, c := range out.Consumers {
			names = append(names, *c.ConsumerName)
		}
		return strings.Join(names, " "), nil
	})},
	{"DescribeStreamConsumer", "unknown consumer", notFound, withConsumer(func(ctx context.Context, k subject, stream, _ *string) (string, error) {
		_, err := k.DescribeStreamConsumer(ctx, &kinesis.DescribeStreamConsumerInput{StreamARN: stream, ConsumerName: aws.String("nobody")})
		return outcomeOf(err)
	})},
	{"DeregisterStreamConsumer", "the consumer is gone", notFound, withConsumer(func(ctx context.Context, k subject, _, consumer *string) (string, error) {
		if _, err := k.DeregisterStreamConsumer(ctx, &kinesis.DeregisterStreamConsumerInput{ConsumerARN: consumer}); err != nil {
			return "", err
		}
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		return "", k.until(ctx, func() (bool, error) {
			_, err := k.DescribeStreamConsumer(ctx, &kinesis.DescribeStreamConsumerInput{ConsumerARN: consumer})
			return false, err
		})
	})},
	{"SubscribeToShard", "records from TRIM_HORIZON", "1 2; to be continued behind the last", withConsumer(func(ctx context.Context, k subject, stream, consumer *string) (string, error) {
		var last string
		for _, d := range []string{"1", "2"} {
			out, err := k.PutRecord(ctx, &kinesis.PutRecordInput{StreamARN: stream, PartitionKey: aws.String("a"), Data: []byte(d)})
			if err != nil {
				return "", err
			}
			last = *out.SequenceNumber
		}
		return k.subscription(ctx, subscribe(consumer, shard0), last)
	})},
	{"SubscribeToShard", "unknown shard", notFound, withConsumer(func(ctx context.Context, k subject, _, consumer *string) (string, error) {
		return k.subscription(ctx, subscribe(consumer, shard9), "")
	})},
	{"SubscribeToShard", "twice at once", inUse, withConsumer(func(ctx context.Context, k subject, _, consumer *string) (string, error) {
		first, err := k.SubscribeToShard(ctx, subscribe(consumer, shard0))
		if err != nil {
			return "", err
		}
		defer first.GetStream().Close()
		second, err := k.SubscribeToShard(ctx, subscribe(consumer, shard0))
		if err == nil {
			second.GetStream().Close()
		}
		return outcomeOf(err)
	})},
}

// subscription shows the data of the first event with records.
func (k subject) subscription(ctx context.Context, in *kinesis.SubscribeToShardInput, last string) (string, error) {
	out, err := k.SubscribeToShard(ctx, in)
	if err != nil {
		return "", err
	}
	stream := out.GetStream()
	defer stream.Close()
	for event := range stream.Events() {
		e, ok := event.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent)
		if !ok || len(e.Value.Records) == 0 {
			continue
		}
		var data []string
		for _, r := range e.Value.Records {
			data = append(data, string(r.Data))
		}
		end, err := seqnum.Parse(last)
		if err != nil {
			return "", err
		}
		text := strings.Join(data, " ") + "; to be continued "
		next, err := seqnum.Parse(aws.ToString(e.Value.ContinuationSequenceNumber))
		if err != nil || next.Compare(end) < 0 {
			return text + "from before the last", nil
		}
		return text + "behind the last", nil
	}
	return "no records", stream.Err()
}
