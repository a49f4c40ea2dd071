package deaggaws_test

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/deagg/deaggaws"
	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/producer/aggregator"
)

const low, high = "5", "340282366920938463463374607431768211450" // hash keys of the first and of the second half

// mixed packs one user record for each hash key: "low" or "high" and their index.
func mixed(t *testing.T, hashKeys ...string) []byte {
	var e aggregator.Encoder
	for _, k := range hashKeys {
		text := map[string]string{low: "low", high: "high"}[k]
		if ok, err := e.Add(aggregator.Record{PartitionKey: "k", ExplicitHashKey: k, Data: []byte(text)}); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	return e.AppendTo(nil)
}

func readShard(t *testing.T, client *kinesis.Client, shard string) (list []string) {
	out, err := client.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{
		StreamName: aws.String("s"), ShardId: &shard, ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
	if err != nil {
		t.Fatal(err)
	}
	return texts(read(t, out.ShardIterator, 1, client))
}

func split(t *testing.T, client *kinesis.Client, shard, at string) {
	_, err := client.SplitShard(t.Context(), &kinesis.SplitShardInput{
		StreamName: aws.String("s"), ShardToSplit: &shard, NewStartingHashKey: &at})
	if err != nil {
		t.Fatal(err)
	}
}

const half = "170141183460469231731687303715884105728"

// TestHashRanges: strays of the KPL's mark are dropped in a child shard, also in one that came after the shards were
// listed; nothing is dropped without the option.
func TestHashRanges(t *testing.T) {
	server, raw := newStream(t, 1)
	client := newClient(server, deaggaws.WithDeaggregation(deaggaws.WithHashRanges()))
	put(t, raw, "a", mixed(t, low, high), low)
	if got := readShard(t, client, shard0); !slices.Equal(got, []string{"low", "high"}) {
		t.Errorf("before the split: %q", got)
	}
	split(t, raw, shard0, half)
	put(t, raw, "a", mixed(t, low, high, low), low)
	put(t, raw, "b", mixed(t, low, high, low), low) // no mark
	if got := readShard(t, client, "shardId-000000000001"); !slices.Equal(got, []string{"low", "low", "low", "high", "low"}) {
		t.Errorf("child: %q", got)
	}
	plain := newClient(server, deaggaws.WithDeaggregation())
	if got := readShard(t, plain, "shardId-000000000001"); len(got) != 6 {
		t.Errorf("child without ranges: %q", got)
	}
}

// TestHashRangesOff: on a service-managed stream, and where the shards can't be listed, nothing is dropped. The failure
// is told once, and mended a minute later.
func TestHashRangesOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		old := slog.Default()
		slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
		defer slog.SetDefault(old)
		denied := true
		server := kinesisfake.New(kinesisfake.Options{Fault: func(r kinesisfake.Request) kinesisfake.Fault {
			if denied && r.Operation == "ListShards" {
				return kinesisfake.Fault{ErrorCode: "AccessDeniedException"}
			}
			return kinesisfake.Fault{}
		}})
		defer server.Close()
		raw := newClient(server)
		_, err := raw.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("s"), ShardCount: aws.Int32(1)})
		if err != nil {
			t.Fatal(err)
		}
		split(t, raw, shard0, half)
		put(t, raw, "a", mixed(t, low, high), low)
		client := newClient(server, deaggaws.WithDeaggregation(deaggaws.WithHashRanges()))
		child := "shardId-000000000001"
		for range 3 {
			if got := readShard(t, client, child); len(got) != 2 {
				t.Errorf("denied: %q", got)
			}
		}
		if n := strings.Count(log.String(), "can't be listed"); n != 1 {
			t.Errorf("%d warnings: %s", n, &log)
		}
		denied = false
		time.Sleep(2 * time.Minute)
		if got := readShard(t, client, child); len(got) != 1 {
			t.Errorf("allowed again: %q", got)
		}
		stream, err := raw.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: aws.String("s")})
		if err != nil {
			t.Fatal(err)
		}
		arn := stream.StreamDescriptionSummary.StreamARN
		_, err = raw.UpdateStreamMode(t.Context(), &kinesis.UpdateStreamModeInput{StreamARN: arn,
			StreamModeDetails: &types.StreamModeDetails{StreamMode: types.StreamModeOnDemand}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = raw.UpdateStreamRecordDistributionStrategy(t.Context(), &kinesis.UpdateStreamRecordDistributionStrategyInput{
			StreamARN: arn, RecordDistributionStrategy: types.RecordDistributionStrategyAuto})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		if got := readShard(t, client, child); len(got) != 2 {
			t.Errorf("service-managed: %q", got)
		}
	})
}
