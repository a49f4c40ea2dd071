package deaggaws_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/deagg/deaggaws"
)

// subscription reads a shard by enhanced fan-out, until it has n records or the subscription ends.
func subscription(t *testing.T, client *kinesis.Client, consumer *string, at types.StartingPosition, n int) (rs []types.Record, last string) {
	out, err := client.SubscribeToShard(t.Context(), &kinesis.SubscribeToShardInput{ConsumerARN: consumer, ShardId: aws.String(shard0), StartingPosition: &at})
	if err != nil {
		t.Fatal(err)
	}
	stream := out.GetStream()
	for event := range stream.Events() {
		e, ok := event.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent)
		if !ok {
			t.Fatalf("event %T", event)
		}
		rs, last = append(rs, e.Value.Records...), aws.ToString(e.Value.ContinuationSequenceNumber)
		if len(rs) >= n {
			break
		}
	}
	if err := stream.Close(); err != nil {
		t.Fatal(err)
	}
	for range stream.Events() { // ends: nothing leaks
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	return rs, last
}

func register(t *testing.T, client *kinesis.Client) *string {
	stream, err := client.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: aws.String("s")})
	if err != nil {
		t.Fatal(err)
	}
	out, err := client.RegisterStreamConsumer(t.Context(), &kinesis.RegisterStreamConsumerInput{
		StreamARN: stream.StreamDescriptionSummary.StreamARN, ConsumerName: aws.String("c")})
	if err != nil {
		t.Fatal(err)
	}
	return out.Consumer.ConsumerARN
}

// TestSubscribeAfterEachUserRecord is TestResumeAfterEachUserRecord by enhanced fan-out. It runs in virtual time, since a
// consumer may subscribe only once in five seconds.
func TestSubscribeAfterEachUserRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, raw := newStream(t, 1)
		want := fill(t, raw)
		client := newClient(server, deaggaws.WithDeaggregation(deaggaws.WithHashRanges()))
		consumer := register(t, raw)
		all, _ := subscription(t, client, consumer, types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon}, len(want))
		if got := texts(all); !slices.Equal(got, want) {
			t.Fatalf("%q, want %q", got, want)
		}
		for i, r := range all[:len(all)-1] {
			wait(t)
			at := types.StartingPosition{Type: types.ShardIteratorTypeAfterSequenceNumber, SequenceNumber: r.SequenceNumber}
			rest, _ := subscription(t, client, consumer, at, len(want)-i-1)
			if got := texts(rest); !slices.Equal(got, want[i+1:]) {
				t.Errorf("after %s: %q, want %q", *r.SequenceNumber, got, want[i+1:])
			}
		}
		server.Close()
	})
}

// TestContinuation: as long as no record has come, the continuation number of an event still says what to skip.
func TestContinuation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, raw := newStream(t, 1)
		consumer := register(t, raw)
		number := put(t, raw, "a", aggregate(t, "A", 3))
		put(t, raw, "k", []byte("plain"))
		client := newClient(server, deaggaws.WithDeaggregation())
		at := types.StartingPosition{Type: types.ShardIteratorTypeAfterSequenceNumber, SequenceNumber: aws.String(number + ":1")}
		rs, last := subscription(t, client, consumer, at, 1)
		if got := texts(rs); !slices.Equal(got, []string{"A.2", "plain"}) {
			t.Fatalf("%q", got)
		}
		if strings.Contains(last, ":") {
			t.Errorf("continuation %s after a record has come", last)
		}
		wait(t)
		put(t, raw, "k", []byte("later"))
		at.SequenceNumber = &last
		if rs, _ = subscription(t, client, consumer, at, 1); !slices.Equal(texts(rs), []string{"later"}) {
			t.Errorf("%q", texts(rs))
		}
		server.Close()
	})
}

// wait lets more than the five seconds pass that AWS wants between two subscriptions.
func wait(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 6e9)
	defer cancel()
	<-ctx.Done()
}
