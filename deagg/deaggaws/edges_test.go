package deaggaws_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/deagg/deaggaws"
)

// TestTrimmedPosition: where the aggregate that a position points into is gone, the oldest record that is left comes.
func TestTrimmedPosition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, raw := newStream(t, 1)
		number := put(t, raw, "a", aggregate(t, "A", 3))
		time.Sleep(20 * time.Hour)
		put(t, raw, "a", aggregate(t, "B", 2))
		time.Sleep(5 * time.Hour) // the first is older than a day now
		client := newClient(server, deaggaws.WithDeaggregation())
		got := texts(read(t, mustIterator(t, client, types.ShardIteratorTypeAfterSequenceNumber, number+":1"), 10, client))
		if !slices.Equal(got, []string{"B.0", "B.1"}) {
			t.Errorf("%q", got)
		}
		server.Close()
	})
}

// TestExpiredIterator: AWS's error comes unchanged, and the position in the last record's number leads on.
func TestExpiredIterator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, raw := newStream(t, 1)
		number := put(t, raw, "a", aggregate(t, "A", 3))
		client := newClient(server, deaggaws.WithDeaggregation())
		it := mustIterator(t, client, types.ShardIteratorTypeAfterSequenceNumber, number+":0")
		time.Sleep(6 * time.Minute)
		_, err := client.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it})
		if expired := (*types.ExpiredIteratorException)(nil); !errors.As(err, &expired) {
			t.Fatalf("%v", err)
		}
		it = mustIterator(t, client, types.ShardIteratorTypeAfterSequenceNumber, number+":0")
		if got := texts(read(t, it, 10, client)); !slices.Equal(got, []string{"A.1", "A.2"}) {
			t.Errorf("%q", got)
		}
		server.Close()
	})
}

// TestEndOfShard: the last batch of a closed shard comes with its children and without a next iterator, also where all of
// it is skipped.
func TestEndOfShard(t *testing.T) {
	server, raw := newStream(t, 1)
	number := put(t, raw, "a", aggregate(t, "A", 2))
	split(t, raw, shard0, half)
	client := newClient(server, deaggaws.WithDeaggregation())
	for after, want := range map[string][]string{":0": {"A.1"}, ":1": nil} {
		it := mustIterator(t, client, types.ShardIteratorTypeAfterSequenceNumber, number+after)
		var got []string
		for it != nil {
			out, err := client.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it})
			if err != nil {
				t.Fatal(err)
			}
			if got = append(got, texts(out.Records)...); out.NextShardIterator == nil && len(out.ChildShards) != 2 {
				t.Errorf("after %s: %d children at the end", after, len(out.ChildShards))
			}
			if out.MillisBehindLatest == nil {
				t.Errorf("after %s: no MillisBehindLatest", after)
			}
			it = out.NextShardIterator
		}
		if !slices.Equal(got, want) {
			t.Errorf("after %s: %q, want %q", after, got, want)
		}
	}
}

// TestDeletedStream: AWS's error comes unchanged.
func TestDeletedStream(t *testing.T) {
	server, raw := newStream(t, 1)
	client := newClient(server, deaggaws.WithDeaggregation(deaggaws.WithHashRanges()))
	put(t, raw, "a", aggregate(t, "A", 2))
	it := mustIterator(t, client, types.ShardIteratorTypeTrimHorizon, "")
	if _, err := raw.DeleteStream(t.Context(), &kinesis.DeleteStreamInput{StreamName: aws.String("s")}); err != nil {
		t.Fatal(err)
	}
	_, err := client.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it})
	if missing := (*types.ResourceNotFoundException)(nil); !errors.As(err, &missing) {
		t.Errorf("%v", err)
	}
}

// TestSecondPass: what starts with the magic is wrapped, and comes out of a second de-aggregation as it was.
func TestSecondPass(t *testing.T) {
	server, raw := newStream(t, 1)
	want := fill(t, raw)
	client := newClient(server, deaggaws.WithDeaggregation(deaggaws.WithSecondPass()))
	once := read(t, mustIterator(t, client, types.ShardIteratorTypeTrimHorizon, ""), 100, client)
	// A de-aggregator that knows nothing of SEQUENCE:SUB tears whatever starts with the magic.
	for i := range once {
		once[i].SequenceNumber = aws.String("7")
	}
	twice, err := deaggaws.DeaggregateRecords(once)
	if got := texts(twice); err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
