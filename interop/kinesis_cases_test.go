package interop

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/seqnum"
)

// kinesisCase is one thing that AWS documents. run returns what it saw, in the words of aws; an error stands for its
// code.
type kinesisCase struct {
	operation, what, aws string
	run                  func(context.Context, subject) (string, error)
}

func (c kinesisCase) title() string { return c.operation + ": " + c.what }

const (
	accepted   = "accepted"
	nothing    = "nothing"
	never      = "never"
	unreadable = "an answer that the SDK can't read"
	invalid    = "InvalidArgumentException"
	validation = "ValidationException"
	notFound   = "ResourceNotFoundException"
	inUse      = "ResourceInUseException"

	shard0, shard1, shard2, shard9 = "shardId-000000000000", "shardId-000000000001", "shardId-000000000002", "shardId-000000000009"
	lowerHalf, middle, upperHalf   = "0", "170141183460469231731687303715884105728", "340282366920938463463374607431768211455"
)

var kinesisCases = slices.Concat(streamCases, putCases, readCases, reshardCases, listCases, consumerCases)

// stream makes a stream and waits until it can be used.
func (k subject) stream(ctx context.Context, shards int32) (name *string, err error) {
	*k.streams++
	name = aws.String(fmt.Sprintf("stream-%03d", *k.streams))
	if _, err := k.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: name, ShardCount: &shards}); err != nil {
		return nil, err
	}
	return name, k.ready(ctx, name)
}

// ready waits until a stream is ACTIVE.
func (k subject) ready(ctx context.Context, stream *string) error {
	return k.until(ctx, func() (bool, error) {
		out, err := k.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: stream})
		return err == nil && out.StreamDescriptionSummary.StreamStatus == types.StreamStatusActive, err
	})
}

func (k subject) until(ctx context.Context, done func() (bool, error)) error {
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// with runs f on a new stream of n shards.
func with(n int32, f func(ctx context.Context, k subject, stream *string) (string, error)) func(context.Context, subject) (string, error) {
	return func(ctx context.Context, k subject) (string, error) {
		stream, err := k.stream(ctx, n)
		if err != nil {
			return "", err
		}
		return f(ctx, k, stream)
	}
}

// put puts records of one key and returns the sequence numbers.
func (k subject) put(ctx context.Context, stream *string, data ...string) (numbers []*string, err error) {
	for _, d := range data {
		out, err := k.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: stream, PartitionKey: aws.String("a"), Data: []byte(d)})
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, out.SequenceNumber)
	}
	return numbers, nil
}

func (k subject) split(ctx context.Context, stream *string, shard, at string) error {
	_, err := k.SplitShard(ctx, &kinesis.SplitShardInput{StreamName: stream, ShardToSplit: &shard, NewStartingHashKey: &at})
	if err != nil {
		return err
	}
	return k.ready(ctx, stream)
}

func (k subject) merge(ctx context.Context, stream *string, a, b string) error {
	_, err := k.MergeShards(ctx, &kinesis.MergeShardsInput{StreamName: stream, ShardToMerge: &a, AdjacentShardToMerge: &b})
	if err != nil {
		return err
	}
	return k.ready(ctx, stream)
}

// read returns the data of up to n calls of GetRecords, and the last answer.
func (k subject) read(ctx context.Context, in *kinesis.GetShardIteratorInput, limit *int32, calls int) (data string, last *kinesis.GetRecordsOutput, err error) {
	it, err := k.GetShardIterator(ctx, in)
	if err != nil {
		return "", nil, err
	}
	var all []string
	for next := it.ShardIterator; next != nil && calls > 0; calls-- {
		if last, err = k.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: next, Limit: limit}); err != nil {
			return "", nil, err
		}
		for _, r := range last.Records {
			all = append(all, string(r.Data))
		}
		next = last.NextShardIterator
	}
	return strings.Join(all, " "), last, nil
}

func fromStart(stream *string, shard string) *kinesis.GetShardIteratorInput {
	return &kinesis.GetShardIteratorInput{StreamName: stream, ShardId: &shard, ShardIteratorType: types.ShardIteratorTypeTrimHorizon}
}

// shown shows shards: number, parents, range, and whether it is closed.
func shown(shards []types.Shard) string {
	var all []string
	for _, s := range shards {
		text := digit(s.ShardId)
		if s.ParentShardId != nil {
			text += " of " + digit(s.ParentShardId)
		}
		if s.AdjacentParentShardId != nil {
			text += "+" + digit(s.AdjacentParentShardId)
		}
		if s.SequenceNumberRange != nil && s.SequenceNumberRange.EndingSequenceNumber != nil {
			text += " closed"
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

func digit(shardID *string) string { return (*shardID)[len(*shardID)-1:] }

func ranges(shards []types.Shard) string {
	var all []string
	for _, s := range shards {
		all = append(all, fmt.Sprintf("%.6s…-%.6s…", *s.HashKeyRange.StartingHashKey, *s.HashKeyRange.EndingHashKey))
	}
	return strings.Join(all, " ")
}

func outcomeOf(err error) (string, error) { return errorCode(err), nil }

func putWith(change func(*kinesis.PutRecordInput)) func(context.Context, subject) (string, error) {
	return with(2, func(ctx context.Context, k subject, stream *string) (string, error) {
		in := &kinesis.PutRecordInput{StreamName: stream, PartitionKey: aws.String("a"), Data: []byte("data")}
		change(in)
		out, err := k.PutRecord(ctx, in)
		if err != nil {
			return "", err
		}
		return "shard " + digit(out.ShardId), nil
	})
}

var putCases = []kinesisCase{
	{"PutRecord", "placed by the MD5 of the partition key", "shard 0", putWith(func(*kinesis.PutRecordInput) {})},
	{"PutRecord", "placed by the explicit hash key", "shard 1", putWith(func(in *kinesis.PutRecordInput) { in.ExplicitHashKey = aws.String(middle) })},
	{"PutRecord", "empty partition key", validation, putWith(func(in *kinesis.PutRecordInput) { in.PartitionKey = aws.String("") })},
	{"PutRecord", "partition key of 256 characters", "shard 0", putWith(func(in *kinesis.PutRecordInput) {
		in.PartitionKey, in.ExplicitHashKey = aws.String(strings.Repeat("ä", 256)), aws.String("0")
	})},
	{"PutRecord", "partition key of 257 characters", validation, putWith(func(in *kinesis.PutRecordInput) { in.PartitionKey = aws.String(strings.Repeat("k", 257)) })},
	{"PutRecord", "explicit hash key 2^128", invalid, putWith(func(in *kinesis.PutRecordInput) {
		in.ExplicitHashKey = aws.String("340282366920938463463374607431768211456")
	})},
	{"PutRecord", "explicit hash key with a leading zero", validation, putWith(func(in *kinesis.PutRecordInput) { in.ExplicitHashKey = aws.String("007") })},
	{"PutRecord", "explicit hash key that is not a number", validation, putWith(func(in *kinesis.PutRecordInput) { in.ExplicitHashKey = aws.String("undefined") })},
	{"PutRecord", "no data", "shard 0", putWith(func(in *kinesis.PutRecordInput) { in.Data = []byte{} })},
	{"PutRecord", "unknown stream", notFound, putWith(func(in *kinesis.PutRecordInput) { in.StreamName = aws.String("nowhere") })},
	{"PutRecord", "sequence numbers rise", "true", with(1, func(ctx context.Context, k subject, stream *string) (string, error) {
		texts, err := k.put(ctx, stream, "1", "2", "3")
		var numbers []seqnum.Number
		for _, text := range texts {
			n, err := seqnum.Parse(*text)
			if err != nil {
				return "", err
			}
			numbers = append(numbers, n)
		}
		return fmt.Sprint(slices.IsSortedFunc(numbers, seqnum.Number.Compare)), err
	})},
	{"PutRecord", "form of a sequence number", "56 digits, version 2, of shard 1", with(2, func(ctx context.Context, k subject, stream *string) (string, error) {
		out, err := k.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: stream, PartitionKey: aws.String("a"), ExplicitHashKey: aws.String(middle), Data: []byte("x")})
		if err != nil {
			return "", err
		}
		n, err := seqnum.Parse(*out.SequenceNumber)
		shard, _ := n.ShardIndex()
		return fmt.Sprintf("%d digits, version %d, of shard %d", len(*out.SequenceNumber), n.Version(), shard), err
	})},
	{"PutRecords", "500 entries, results in their order", "0 1 0 1", putRecords(500, 0)},
	{"PutRecords", "501 entries", validation, putRecords(501, 0)},
	{"PutRecords", "no entries", validation, putRecords(0, 0)},
	{"PutRecords", "more than 10 MiB", invalid, putRecords(11, 1<<20-10)},
}

// putRecords puts n entries of so many bytes on the two shards by turns, and shows where the first four went.
func putRecords(n, size int) func(context.Context, subject) (string, error) {
	return with(2, func(ctx context.Context, k subject, stream *string) (string, error) {
		in := &kinesis.PutRecordsInput{StreamName: stream, Records: []types.PutRecordsRequestEntry{}}
		for i := range n {
			in.Records = append(in.Records, types.PutRecordsRequestEntry{
				PartitionKey: aws.String("a"), ExplicitHashKey: aws.String([]string{lowerHalf, upperHalf}[i%2]), Data: make([]byte, size),
			})
		}
		out, err := k.PutRecords(ctx, in)
		if err != nil {
			return "", err
		}
		var shards []string
		for _, r := range out.Records[:min(4, len(out.Records))] {
			shards = append(shards, digit(r.ShardId))
		}
		return strings.Join(shards, " "), nil
	})
}
