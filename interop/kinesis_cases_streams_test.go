package interop

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/seqnum"
)

func create(name string, shards int32) func(context.Context, subject) (string, error) {
	return func(ctx context.Context, k subject) (string, error) {
		_, err := k.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: &name, ShardCount: &shards})
		return outcomeOf(err)
	}
}

var streamCases = []kinesisCase{
	{"CreateStream", "ranges of 3 shards", "0…-113427… 113427…-226854… 226854…-340282…", with(3, func(ctx context.Context, k subject, stream *string) (string, error) {
		out, err := k.ListShards(ctx, &kinesis.ListShardsInput{StreamName: stream})
		if err != nil {
			return "", err
		}
		return ranges(out.Shards), nil
	})},
	{"CreateStream", "name in use", inUse, with(1, func(ctx context.Context, k subject, stream *string) (string, error) {
		return create(*stream, 1)(ctx, k)
	})},
	{"CreateStream", "name with a space", validation, create("a stream", 1)},
	{"CreateStream", "no shards", validation, create("empty", 0)},
	{"DeleteStream", "unknown stream", notFound, func(ctx context.Context, k subject) (string, error) {
		_, err := k.DeleteStream(ctx, &kinesis.DeleteStreamInput{StreamName: aws.String("nowhere")})
		return outcomeOf(err)
	}},
	{"DeleteStream", "the stream is gone", notFound, with(1, func(ctx context.Context, k subject, stream *string) (string, error) {
		if _, err := k.DeleteStream(ctx, &kinesis.DeleteStreamInput{StreamName: stream}); err != nil {
			return "", err
		}
		return "", k.until(ctx, func() (bool, error) {
			_, err := k.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: stream})
			return false, err
		})
	})},
	{"DescribeStream", "Limit 2 of 3 shards, then the rest", "0, 1 more true; 2 more false", with(3, func(ctx context.Context, k subject, stream *string) (string, error) {
		var pages []string
		for _, after := range []*string{nil, aws.String(shard1)} {
			out, err := k.DescribeStream(ctx, &kinesis.DescribeStreamInput{StreamName: stream, Limit: aws.Int32(2), ExclusiveStartShardId: after})
			if err != nil {
				return "", err
			}
			pages = append(pages, fmt.Sprintf("%s more %v", shown(out.StreamDescription.Shards), *out.StreamDescription.HasMoreShards))
		}
		return strings.Join(pages, "; "), nil
	})},
	{"DescribeStreamSummary", "open shards after a split", "3, 24 hours", with(2, func(ctx context.Context, k subject, stream *string) (string, error) {
		if err := k.split(ctx, stream, shard0, "1000"); err != nil {
			return "", err
		}
		out, err := k.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: stream})
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("%d, %d hours", *out.StreamDescriptionSummary.OpenShardCount, *out.StreamDescriptionSummary.RetentionPeriodHours), nil
	})},
	{"ListStreams", "Limit 1, by name", "yy more true", func(ctx context.Context, k subject) (string, error) {
		for _, name := range []string{"zz", "yy"} {
			if saw, err := create(name, 1)(ctx, k); saw != accepted {
				return saw, err
			}
		}
		out, err := k.ListStreams(ctx, &kinesis.ListStreamsInput{ExclusiveStartStreamName: aws.String("xx"), Limit: aws.Int32(1)})
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("%s more %v", strings.Join(out.StreamNames, " "), *out.HasMoreStreams), nil
	}},
	{"IncreaseStreamRetentionPeriod", "to 48 hours", "48", with(1, func(ctx context.Context, k subject, stream *string) (string, error) {
		_, err := k.IncreaseStreamRetentionPeriod(ctx, &kinesis.IncreaseStreamRetentionPeriodInput{StreamName: stream, RetentionPeriodHours: aws.Int32(48)})
		if err != nil {
			return "", err
		}
		out, err := k.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: stream})
		if err != nil {
			return "", err
		}
		return fmt.Sprint(*out.StreamDescriptionSummary.RetentionPeriodHours), nil
	})},
	{"IncreaseStreamRetentionPeriod", "to less than it is", invalid, with(1, func(ctx context.Context, k subject, stream *string) (string, error) {
		_, err := k.IncreaseStreamRetentionPeriod(ctx, &kinesis.IncreaseStreamRetentionPeriodInput{StreamName: stream, RetentionPeriodHours: aws.Int32(23)})
		return outcomeOf(err)
	})},
}

// reshard runs f, which changes the shards of a stream of n, and shows them all.
func reshard(n int32, f func(ctx context.Context, k subject, stream *string) error) func(context.Context, subject) (string, error) {
	return with(n, func(ctx context.Context, k subject, stream *string) (string, error) {
		if err := f(ctx, k, stream); err != nil {
			return "", err
		}
		out, err := k.ListShards(ctx, &kinesis.ListShardsInput{StreamName: stream})
		if err != nil {
			return "", err
		}
		return shown(out.Shards), nil
	})
}

func splitting(shard, at string) func(context.Context, subject) (string, error) {
	return reshard(2, func(ctx context.Context, k subject, stream *string) error { return k.split(ctx, stream, shard, at) })
}

func merging(a, b string) func(context.Context, subject) (string, error) {
	return reshard(3, func(ctx context.Context, k subject, stream *string) error { return k.merge(ctx, stream, a, b) })
}

var reshardCases = []kinesisCase{
	{"SplitShard", "parents and children", "0 closed, 1, 2 of 0, 3 of 0", splitting(shard0, "1000")},
	{"SplitShard", "ranges of the children", "0…-999… 1000…-170141…", with(2, func(ctx context.Context, k subject, stream *string) (string, error) {
		if err := k.split(ctx, stream, shard0, "1000"); err != nil {
			return "", err
		}
		out, err := k.ListShards(ctx, &kinesis.ListShardsInput{StreamName: stream})
		if err != nil {
			return "", err
		}
		return ranges(out.Shards[2:]), nil
	})},
	{"SplitShard", "hash key of another shard", invalid, splitting(shard0, upperHalf)},
	{"SplitShard", "at the shard's first hash key", invalid, splitting(shard0, "0")},
	{"SplitShard", "hash key with a leading zero", validation, splitting(shard0, "01000")},
	{"SplitShard", "unknown shard", notFound, splitting(shard9, "1000")},
	{"SplitShard", "records go to the children", "shard 3", with(2, func(ctx context.Context, k subject, stream *string) (string, error) {
		if err := k.split(ctx, stream, shard0, "1000"); err != nil {
			return "", err
		}
		out, err := k.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: stream, PartitionKey: aws.String("a"), ExplicitHashKey: aws.String("1000"), Data: []byte("x")})
		if err != nil {
			return "", err
		}
		return "shard " + digit(out.ShardId), nil
	})},
	{"MergeShards", "parents and child", "0 closed, 1 closed, 2, 3 of 0+1", merging(shard0, shard1)},
	{"MergeShards", "first number of the child", "after the parents' last", with(2, func(ctx context.Context, k subject, stream *string) (string, error) {
		if err := k.merge(ctx, stream, shard0, shard1); err != nil {
			return "", err
		}
		return firstOfChild(ctx, k, stream)
	})},
	{"SplitShard", "first number of a child", "after the parents' last", with(1, func(ctx context.Context, k subject, stream *string) (string, error) {
		if err := k.split(ctx, stream, shard0, "1000"); err != nil {
			return "", err
		}
		return firstOfChild(ctx, k, stream)
	})},
	{"MergeShards", "shards that are not adjacent", invalid, merging(shard0, shard2)},
	{"MergeShards", "unknown shard", notFound, merging(shard0, shard9)},
}

// firstOfChild says where the sequence numbers of a stream's last shard begin.
func firstOfChild(ctx context.Context, k subject, stream *string) (string, error) {
	out, err := k.ListShards(ctx, &kinesis.ListShardsInput{StreamName: stream})
	if err != nil {
		return "", err
	}
	child := out.Shards[len(out.Shards)-1]
	first, err := seqnum.Parse(*child.SequenceNumberRange.StartingSequenceNumber)
	if err != nil {
		return "", err
	}
	for _, s := range out.Shards {
		if *s.ShardId != aws.ToString(child.ParentShardId) && *s.ShardId != aws.ToString(child.AdjacentParentShardId) {
			continue
		}
		if *s.SequenceNumberRange.StartingSequenceNumber == *child.SequenceNumberRange.StartingSequenceNumber {
			return "that of a parent", nil
		}
		if last, err := seqnum.Parse(*s.SequenceNumberRange.EndingSequenceNumber); err != nil || first.Compare(last) <= 0 {
			return "not after a parent's last", err
		}
	}
	return "after the parents' last", nil
}

// listing shows what a filter lists of a stream of two shards after a split of shard 0.
func listing(filter *types.ShardFilter) func(context.Context, subject) (string, error) {
	return with(2, func(ctx context.Context, k subject, stream *string) (string, error) {
		if err := k.split(ctx, stream, shard0, "1000"); err != nil {
			return "", err
		}
		out, err := k.ListShards(ctx, &kinesis.ListShardsInput{StreamName: stream, ShardFilter: filter})
		if err != nil {
			return "", err
		}
		return shown(out.Shards), nil
	})
}

var listCases = []kinesisCase{
	{"ListShards", "filter AT_LATEST", "1, 2 of 0, 3 of 0", listing(&types.ShardFilter{Type: types.ShardFilterTypeAtLatest})},
	{"ListShards", "filter AT_TRIM_HORIZON", "0 closed, 1", listing(&types.ShardFilter{Type: types.ShardFilterTypeAtTrimHorizon})},
	{"ListShards", "filter FROM_TRIM_HORIZON", "0 closed, 1, 2 of 0, 3 of 0", listing(&types.ShardFilter{Type: types.ShardFilterTypeFromTrimHorizon})},
	{"ListShards", "filter AFTER_SHARD_ID", "2 of 0, 3 of 0", listing(&types.ShardFilter{Type: types.ShardFilterTypeAfterShardId, ShardId: aws.String(shard1)})},
	{"ListShards", "filter AFTER_SHARD_ID without a shard", invalid, listing(&types.ShardFilter{Type: types.ShardFilterTypeAfterShardId})},
	{"ListShards", "pages of 2", "0, 1; 2", with(3, func(ctx context.Context, k subject, stream *string) (string, error) {
		first, err := k.ListShards(ctx, &kinesis.ListShardsInput{StreamName: stream, MaxResults: aws.Int32(2)})
		if err != nil {
			return "", err
		}
		rest, err := k.ListShards(ctx, &kinesis.ListShardsInput{NextToken: first.NextToken, MaxResults: aws.Int32(2)})
		if err != nil {
			return "", err
		}
		return shown(first.Shards) + "; " + shown(rest.Shards), nil
	})},
	{"ListShards", "NextToken and stream name", invalid, with(3, func(ctx context.Context, k subject, stream *string) (string, error) {
		first, err := k.ListShards(ctx, &kinesis.ListShardsInput{StreamName: stream, MaxResults: aws.Int32(2)})
		if err != nil {
			return "", err
		}
		_, err = k.ListShards(ctx, &kinesis.ListShardsInput{StreamName: stream, NextToken: first.NextToken})
		return outcomeOf(err)
	})},
	{"ListShards", "unknown stream", notFound, func(ctx context.Context, k subject) (string, error) {
		_, err := k.ListShards(ctx, &kinesis.ListShardsInput{StreamName: aws.String("nowhere")})
		return outcomeOf(err)
	}},
}
