package kinesisfake_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/internal/kinesisfake"
)

// year is its first instant.
func year(n int) time.Time { return time.Date(n, 1, 1, 0, 0, 0, 0, time.UTC) }

// noTimes are times that no stream has. The SDK turns those after 2262 into ones before 1970.
func noTimes() []time.Time {
	return []time.Time{year(2263), year(2300), year(2554), year(9999), year(1969), year(1), {}, time.Unix(-1, 0)}
}

// A time that no record has, or may have yet, is refused as a position, and never stands for all records.
func TestPositionAtNoTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := inProcess(t, kinesisfake.Options{})
		w.create("s", 1)
		w.put("s", "k", "a")
		consumer, err := w.RegisterStreamConsumer(w.ctx, &kinesis.RegisterStreamConsumerInput{
			StreamARN: aws.String("arn:aws:kinesis:us-east-1:000000000000:stream/s"), ConsumerName: aws.String("c")})
		must(w, consumer, err)
		for _, at := range append(noTimes(), time.Now().Add(time.Hour), year(2100), year(2262)) {
			_, err := w.GetShardIterator(w.ctx, &kinesis.GetShardIteratorInput{StreamName: aws.String("s"), ShardId: id(0),
				ShardIteratorType: types.ShardIteratorTypeAtTimestamp, Timestamp: &at})
			wantError[*types.InvalidArgumentException](w, err)
			_, err = w.SubscribeToShard(w.ctx, &kinesis.SubscribeToShardInput{ConsumerARN: consumer.Consumer.ConsumerARN, ShardId: id(0),
				StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeAtTimestamp, Timestamp: &at}})
			wantError[*types.InvalidArgumentException](w, err)
		}
		for _, at := range []time.Time{year(1970), year(2000).Add(-time.Second), time.Now()} {
			w.iterator("s", 0, types.ShardIteratorTypeAtTimestamp, func(in *kinesis.GetShardIteratorInput) { in.Timestamp = &at })
		}
	})
}

func TestShardsAtNoTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := inProcess(t, kinesisfake.Options{})
		w.create("s", 1)
		for _, at := range noTimes() {
			for _, kind := range []types.ShardFilterType{"AT_TIMESTAMP", "FROM_TIMESTAMP"} {
				_, err := w.ListShards(w.ctx, &kinesis.ListShardsInput{StreamName: aws.String("s"), ShardFilter: &types.ShardFilter{Type: kind, Timestamp: &at}})
				wantError[*types.InvalidArgumentException](w, err)
			}
			_, err := w.ListShards(w.ctx, &kinesis.ListShardsInput{StreamName: aws.String("s"), StreamCreationTimestamp: &at})
			wantError[*types.InvalidArgumentException](w, err)
		}
	})
}

// Two streams of one name are told apart by when they were created.
func TestStreamCreationTimestamp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := inProcess(t, kinesisfake.Options{})
		w.create("s", 1)
		out, err := w.DescribeStreamSummary(w.ctx, &kinesis.DescribeStreamSummaryInput{StreamName: aws.String("s")})
		created := must(w, out, err).StreamDescriptionSummary.StreamCreationTimestamp
		arn := out.StreamDescriptionSummary.StreamARN
		list := func() error {
			_, shards := w.ListShards(w.ctx, &kinesis.ListShardsInput{StreamName: aws.String("s"), StreamCreationTimestamp: created})
			_, consumers := w.ListStreamConsumers(w.ctx, &kinesis.ListStreamConsumersInput{StreamARN: arn, StreamCreationTimestamp: created})
			if (shards == nil) != (consumers == nil) {
				t.Errorf("shards %v, consumers %v", shards, consumers)
			}
			return shards
		}
		must(w, 0, list())
		time.Sleep(time.Hour)
		_, err = w.DeleteStream(w.ctx, &kinesis.DeleteStreamInput{StreamName: aws.String("s")})
		must(w, 0, err)
		w.create("s", 1)
		wantError[*types.ResourceNotFoundException](w, list())
	})
}

// What is no time, or far off, as clients of other languages may send it.
func TestPlainTimestamps(t *testing.T) {
	s := kinesisfake.New(kinesisfake.Options{})
	defer s.Close()
	s.ServeHTTP(httptest.NewRecorder(), request("CreateStream", `{"StreamName":"s","ShardCount":1}`))
	for timestamp, want := range map[string]string{
		"253402300799":           "InvalidArgumentException", // the year 9999
		"1612801872966":          "InvalidArgumentException", // milliseconds
		"1612801872966000":       "InvalidArgumentException", // microseconds
		"-1":                     "InvalidArgumentException",
		"-0.001":                 "InvalidArgumentException",
		"-1e300":                 "SerializationException",
		"NaN":                    "SerializationException",
		`"NaN"`:                  "SerializationException",
		`"Infinity"`:             "SerializationException",
		`"2026-01-01T00:00:00Z"`: "SerializationException",
		"1.5":                    `"ShardIterator"`,
		"-0":                     `"ShardIterator"`,
	} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, request("GetShardIterator", `{"StreamName":"s","ShardId":"shardId-000000000000","ShardIteratorType":"AT_TIMESTAMP","Timestamp":`+timestamp+`}`))
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %s, want %s", timestamp, w.Body, want)
		}
	}
}
