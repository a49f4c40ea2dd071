package consumers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	harlow "github.com/harlow/kinesis-consumer"
	store "github.com/harlow/kinesis-consumer/store/memory"

	"github.com/kplkit/kplkit/deagg/deaggaws"
	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/producer/aggregator"
)

// TestHarlowResumesInsideAggregate stops harlow's consumer after each user record in turn, on a client with one line of
// kplkit; another one goes on from the same store with exactly the rest. harlow's own de-aggregation is off, and on; positions
// are text, and digits.
func TestHarlowResumesInsideAggregate(t *testing.T) {
	for i := range 4 {
		own, digits := i%2 == 1, i/2 == 1
		t.Run(fmt.Sprintf("WithAggregation(%t), digits %t", own, digits), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := kinesisfake.New(kinesisfake.Options{})
				defer server.Close()
				want := fill(t, newClient(server))
				var opts []deaggaws.Option
				if own {
					opts = append(opts, deaggaws.WithSecondPass())
				}
				if digits {
					opts = append(opts, deaggaws.WithDigitPositions())
				}
				client := newClient(server, deaggaws.WithDeaggregation(opts...))
				for stop := range want {
					checkpoints := store.New()
					got := scan(t, client, checkpoints, own, stop+1)
					got = append(got, scan(t, client, checkpoints, own, len(want))...)
					if !slices.Equal(got, want) {
						t.Errorf("stopped after %q: %q", want[stop], got)
					}
				}
			})
		})
	}
}

func newClient(server *kinesisfake.Server, opts ...func(*kinesis.Options)) *kinesis.Client {
	return kinesis.New(kinesis.Options{
		Region: "us-east-1", Credentials: aws.AnonymousCredentials{}, HTTPClient: &http.Client{Transport: server.Transport()},
	}, opts...)
}

// fill puts plain, aggregated and damaged stored records into one shard, and returns the user records.
func fill(t *testing.T, client *kinesis.Client) (want []string) {
	if _, err := client.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String(stream), ShardCount: aws.Int32(1)}); err != nil {
		t.Fatal(err)
	}
	put := func(data []byte) {
		in := &kinesis.PutRecordInput{StreamName: aws.String(stream), PartitionKey: aws.String("a"), Data: data}
		if _, err := client.PutRecord(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		plain := fmt.Sprint("plain-", i)
		put([]byte(plain))
		var e aggregator.Encoder
		want = append(want, plain)
		for j := range 4 {
			text := fmt.Sprintf("aggregated-%d.%d", i, j)
			if ok, err := e.Add(aggregator.Record{PartitionKey: text, Data: []byte(text)}); !ok || err != nil {
				t.Fatal(ok, err)
			}
			want = append(want, text)
		}
		aggregate := e.AppendTo(nil)
		put(aggregate)
		damaged := slices.Clone(aggregate)
		damaged[len(damaged)-1] ^= 1
		put(damaged)
		want = append(want, string(damaged))
	}
	return want
}

var errStop = errors.New("stopped")

// scan reads user records for some seconds, and fails at the one after the n-th.
func scan(t *testing.T, client *kinesis.Client, checkpoints harlow.Store, own bool, n int) (got []string) {
	c, err := harlow.New(stream, harlow.WithClient(client), harlow.WithStore(checkpoints), harlow.WithShardIteratorType("TRIM_HORIZON"), harlow.WithAggregation(own))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3e9)
	defer cancel()
	err = c.ScanShard(ctx, "shardId-000000000000", func(r *harlow.Record) error {
		if len(got) == n {
			return errStop
		}
		got = append(got, string(r.Data))
		return nil
	})
	if err != nil && !errors.Is(err, errStop) {
		t.Fatal(err)
	}
	return got
}
