package deaggaws_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/deagg/deaggaws"
)

// TestDigitsBySubscription: events and the numbers to go on at, by both ways in which a client reads a subscription; each
// of them can be gone on from, by any client.
func TestDigitsBySubscription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, raw := newStream(t, 1)
		want := fill(t, raw)
		consumer := register(t, raw)
		text := newClient(server, deaggaws.WithDeaggregation())
		direct := newClient(server, deaggaws.WithDeaggregation(deaggaws.WithDigitPositions()))
		clients := map[string]*kinesis.Client{"direct": direct, "encoded again": kinesis.New(direct.Options())}
		for name, client := range clients {
			all, last := subscription(t, client, consumer, types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon}, len(want))
			if got := texts(all); !slices.Equal(got, want) {
				t.Fatalf("%s: %q, want %q", name, got, want)
			}
			checkDigits(t, all)
			if !strings.HasSuffix(last, "999999999") || len(last) != 65 {
				t.Errorf("%s: go on at %s", name, last)
			}
			wait(t)
			for i, r := range all[:len(all)-1] {
				at := types.StartingPosition{Type: types.ShardIteratorTypeAfterSequenceNumber, SequenceNumber: r.SequenceNumber}
				reader := []*kinesis.Client{client, text}[i%2]
				if rest, _ := subscription(t, reader, consumer, at, len(want)-i-1); !slices.Equal(texts(rest), want[i+1:]) {
					t.Errorf("%s, after %s: %q, want %q", name, *r.SequenceNumber, texts(rest), want[i+1:])
				}
				wait(t)
			}
			for _, kind := range []types.ShardIteratorType{types.ShardIteratorTypeAfterSequenceNumber, types.ShardIteratorTypeAtSequenceNumber} {
				number := put(t, raw, "k", []byte("later"))
				want = append(want, "later")
				rest, _ := subscription(t, client, consumer, types.StartingPosition{Type: kind, SequenceNumber: &last}, 1)
				first := map[types.ShardIteratorType]string{types.ShardIteratorTypeAfterSequenceNumber: last + "x", types.ShardIteratorTypeAtSequenceNumber: last[:56]}[kind]
				if got := numberedBy(rest)[number+"999999999"]; got != "later" || *rest[0].SequenceNumber < first {
					t.Errorf("%s, %s %s: %q", name, kind, last, texts(rest))
				}
				wait(t)
			}
		}
		server.Close()
	})
}

func numberedBy(rs []types.Record) map[string]string {
	by := map[string]string{}
	for _, r := range rs {
		by[*r.SequenceNumber] = string(r.Data)
	}
	return by
}

// TestContinuationDigits: also while all that comes is skipped the number to go on at is digits; without some the stream
// ends with an error, before the event.
func TestContinuationDigits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = "49680523304536297513748243888185500536114644917201928194"
		start := slices.Concat(message(t, "event", "initial-response", "{}"), records(t, n), records(t, n, record(n, "a", aggregate(t, "A", 3))), records(t, n))
		for name, client := range readers(deaggaws.WithDigitPositions()) {
			got, continuations, err := listen(t, client, &answer{body: bytes.NewReader(start)}, n+"000000001")
			if err != nil || !slices.Equal(texts(got), []string{"A.2"}) || !slices.Equal(continuations, []string{n + "000000001", n + "999999999", n + "999999999"}) {
				t.Errorf("%s: %q, go on at %q, %v", name, texts(got), continuations, err)
			}
			for what, end := range map[string][]byte{
				"a record":       records(t, n, record(version1, "k", []byte("plain"))),
				"a continuation": records(t, version1), "no number": records(t, "soon"),
			} {
				got, continuations, err := listen(t, client, &answer{body: bytes.NewReader(slices.Concat(start, end))}, "")
				if !errors.Is(err, deaggaws.ErrDigits) || len(got) != 3 || len(continuations) != 3 {
					t.Errorf("%s, %s: %q, go on at %q, %v", name, what, texts(got), continuations, err)
				}
			}
			// Its end has no number to go on at.
			closed := message(t, "event", "SubscribeToShardEvent", `{"Records":[],"MillisBehindLatest":0,"ChildShards":[]}`)
			out := &answer{body: bytes.NewReader(slices.Concat(message(t, "event", "initial-response", "{}"), closed))}
			if _, err := subscribeOnce(t, client, out); err != nil {
				t.Errorf("%s: the end of a shard: %v", name, err)
			}
		}
	})
}

func subscribeOnce(t *testing.T, client *kinesis.Client, a *answer) (events int, err error) {
	out, err := client.SubscribeToShard(t.Context(), &kinesis.SubscribeToShardInput{ConsumerARN: aws.String("arn:aws:kinesis:us-east-1:1:stream/s/consumer/c:1"),
		ShardId: aws.String(shard0), StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon}},
		func(o *kinesis.Options) { o.HTTPClient, o.Retryer = a, aws.NopRetryer{} })
	if err != nil {
		return 0, err
	}
	for event := range out.GetStream().Events() {
		if e, ok := event.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent); ok && e.Value.ContinuationSequenceNumber == nil {
			events++
		}
	}
	return events, out.GetStream().Close()
}
