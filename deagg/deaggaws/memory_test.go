package deaggaws_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/deagg/deaggaws"
	"github.com/kplkit/kplkit/internal/memory"
	"github.com/kplkit/kplkit/seqnum"
)

// TestMemory: what docs/format.md says of memory is so, for the worst inputs.
func TestMemory(t *testing.T) {
	stated, inputs := memory.Read(t, "../../docs/format.md"), memory.Aggregates(memory.Size)
	batchOf := func(in memory.Input) []types.Record {
		return []types.Record{{
			SequenceNumber: aws.String("49680523304536297513748243888185500536114644917201928194"), PartitionKey: aws.String("a"),
			Data: in.Data, ApproximateArrivalTimestamp: aws.Time(time.Unix(1, 0)),
		}}
	}
	stated.Hold(t, "deaggaws.DeaggregateRecords", inputs, func(in memory.Input) any {
		out, _ := deaggaws.DeaggregateRecords(batchOf(in))
		return out
	})
	out := map[string][]types.Record{}
	for _, in := range inputs {
		out[in.Name], _ = deaggaws.DeaggregateRecords(batchOf(in))
	}
	stated.Hold(t, "deaggaws.AppendUserRecords", inputs, func(in memory.Input) any {
		return deaggaws.AppendUserRecords(nil, out[in.Name], seqnum.Extended{})
	})
	stated.Hold(t, "WithSecondPass", memory.Magic(memory.Size), func(in memory.Input) any {
		client := (&replay{records: batchOf(in), batch: func() int { return 1 }}).client(deaggaws.WithSecondPass())
		out, err := client.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: aws.String("0")})
		if err != nil {
			t.Error(err)
		}
		return out
	})
	large := memory.Aggregates(1 << 20) // beside which an event that is read ahead does not count
	large = slices.DeleteFunc(large, func(in memory.Input) bool { return in.Name != "empty user records" && in.Name != "a bad index each" })
	bodies := map[string][]byte{}
	for _, in := range large {
		bodies[in.Name] = slices.Concat(message(t, "event", "initial-response", "{}"), records(t, "7", batchOf(in)...))
	}
	for name, client := range readers() {
		stated.Hold(t, "SubscribeToShard, "+name, large, func(in memory.Input) any { return firstEvent(t, client, bodies[in.Name]) })
	}
}

// firstEvent returns a subscription that has delivered its first event, and the event.
func firstEvent(t *testing.T, client *kinesis.Client, body []byte) any {
	out, err := client.SubscribeToShard(t.Context(), &kinesis.SubscribeToShardInput{ConsumerARN: aws.String("arn:aws:kinesis:us-east-1:1:stream/s/consumer/c:1"),
		ShardId: aws.String(shard0), StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon}},
		func(o *kinesis.Options) {
			o.HTTPClient, o.Retryer = &answer{body: bytes.NewReader(body)}, aws.NopRetryer{}
		})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.GetStream().Close() })
	return []any{out, <-out.GetStream().Events()}
}
