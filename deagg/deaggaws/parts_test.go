package deaggaws_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/deagg/deaggaws"
	"github.com/kplkit/kplkit/internal/memory"
)

// many returns an aggregate of n user records.
func many(n int, key, data string) []byte {
	b := new(memory.Builder).Key(key)
	for range n {
		b.Record(0, -1, data)
	}
	return b.Aggregate()
}

// TestParts: where an event is encoded again it comes in parts, and each but the last says that one goes on after its last
// record.
func TestParts(t *testing.T) {
	stream := slices.Concat(message(t, "event", "initial-response", "{}"), records(t, "9",
		record("7", "a", many(2500, "k", "x")), record("8", "a", []byte("plain"))), records(t, "9"))
	want, _ := deaggaws.DeaggregateRecords([]types.Record{record("7", "a", many(2500, "k", "x")), record("8", "a", []byte("plain"))})
	for name, client := range readers() {
		for _, from := range []int{0, 1, 501, 1501, 2499} {
			after, numbers := "", []string(nil)
			if from > 0 {
				after = *want[from-1].SequenceNumber
			}
			if name == "encoded again" {
				for last := from + 999; last < len(want)-1; last += 1000 {
					numbers = append(numbers, *want[last].SequenceNumber)
				}
			}
			numbers = append(numbers, "9", "9")
			got, continuations, err := listen(t, client, &answer{body: bytes.NewReader(stream)}, after)
			if err != nil || !slices.Equal(numbered(got), numbered(want[from:])) || !slices.Equal(continuations, numbers) {
				t.Errorf("%s, from %d: %d records, go on at %q, want %d and %q (%v)", name, from, len(got), continuations, len(want)-from, numbers, err)
			}
		}
	}
}

// TestPartsOfTheEnd: the end of a shard, which an event's children say, comes with the last part: who stops there has all.
func TestPartsOfTheEnd(t *testing.T) {
	child := types.ChildShard{ShardId: aws.String("shardId-000000000001"), ParentShards: []string{shard0},
		HashKeyRange: &types.HashKeyRange{StartingHashKey: aws.String("0"), EndingHashKey: aws.String("1")}}
	end := types.SubscribeToShardEvent{Records: []types.Record{record("7", "a", many(2500, "k", "x"))}, MillisBehindLatest: aws.Int64(0),
		ChildShards: []types.ChildShard{child}}
	stream := slices.Concat(message(t, "event", "initial-response", "{}"), encoded(t, &end))
	for name, client := range readers() {
		a := &answer{body: bytes.NewReader(stream)}
		out, err := client.SubscribeToShard(t.Context(), &kinesis.SubscribeToShardInput{ConsumerARN: aws.String("arn:aws:kinesis:us-east-1:1:stream/s/consumer/c:1"), ShardId: aws.String(shard0),
			StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon}}, func(o *kinesis.Options) { o.HTTPClient = a })
		if err != nil {
			t.Fatal(name, err)
		}
		n, ended := 0, false
		for event := range out.GetStream().Events() {
			e := event.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent).Value
			n += len(e.Records)
			if ended = len(e.ChildShards) > 0; ended {
				break
			}
		}
		if err := out.GetStream().Close(); err != nil || n != 2500 || !ended {
			t.Errorf("%s: %d user records before the end (%v), %v", name, n, ended, err)
		}
	}
}

// TestNoUnusedRoom: room that a damaged aggregate's user records would have needed is given back.
func TestNoUnusedRoom(t *testing.T) {
	damaged := many(2500, "k", "x")
	damaged[len(damaged)-1] ^= 1
	got, err := deaggaws.DeaggregateRecords([]types.Record{record("7", "a", damaged), record("8", "k", []byte("plain"))})
	if err != nil || len(got) != 2 || cap(got) > 100 {
		t.Errorf("%d records, room for %d, %v", len(got), cap(got), err)
	}
}

// TestNoSquares: what one part of a stored record makes of another does not multiply: neither a sequence number that has
// more digits than there can be, nor a key that is longer than Kinesis takes in what is wrapped.
func TestNoSquares(t *testing.T) {
	const n, long = 5000, 50_000
	for name, c := range map[string]struct {
		number string
		want   string // of the first user record
		key    string
		data   string
	}{
		"leading zeros":       {strings.Repeat("0", long) + "7", "7:0", "k", "x"},
		"too many digits":     {strings.Repeat("7", long), strings.Repeat("7", long), "k", "x"},
		"a long key, wrapped": {"7", "7:0", strings.Repeat("k", long), "\xf3\x89\x9a\xc2"},
	} {
		batch := []types.Record{record(c.number, "a", many(n, c.key, c.data))}
		var out []types.Record
		f := memory.Of(len(batch[0].Data)+long, func() any {
			client := (&replay{records: batch, batch: func() int { return 1 }}).client(deaggaws.WithSecondPass())
			out = read(t, aws.String("0"), 1, client)
			return out
		})
		if f.Allocated > 80 {
			t.Errorf("%s: %.0f bytes for each one of input", name, f.Allocated)
		}
		if len(out) != n || *out[0].SequenceNumber != c.want {
			t.Errorf("%s: %d user records, the first is %.80s", name, len(out), aws.ToString(out[0].SequenceNumber))
		}
	}
}
