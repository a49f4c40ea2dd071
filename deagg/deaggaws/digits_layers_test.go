package deaggaws_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kplkit/kplkit/deagg/deaggaws"
	"github.com/kplkit/kplkit/seqnum"
)

// TestDigitsOfAnotherLayer is TestSecondClient where each of the two clients has the option or not: what one has written the
// other reads, resumed anywhere, and writes as its own option says.
func TestDigitsOfAnotherLayer(t *testing.T) {
	server, raw := newStream(t, 1)
	fill(t, raw)
	layer := func(digits bool) []deaggaws.Option {
		if digits {
			return []deaggaws.Option{deaggaws.WithDigitPositions()}
		}
		return nil
	}
	var all [2][]types.Record // as text, and as digits
	for i := range all {
		client := newClient(server, deaggaws.WithDeaggregation(layer(i == 1)...))
		all[i] = read(t, mustIterator(t, client, types.ShardIteratorTypeTrimHorizon, ""), 100, client)
	}
	random := rand.New(rand.NewPCG(17, 4))
	for seed := range 400 {
		inner, outer := seed%2, seed/2%2
		r := &replay{all[inner], func() int { return random.IntN(4) }}
		client, i := r.client(layer(outer == 1)...), random.IntN(len(all[0]))
		var got []types.Record
		from := *all[random.IntN(2)][i].SequenceNumber
		for it := mustIterator(t, client, types.ShardIteratorTypeAfterSequenceNumber, from); it != nil; {
			out, err := client.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it})
			if err != nil {
				t.Fatal(err)
			}
			it, got = out.NextShardIterator, append(got, out.Records...)
		}
		if want := numbered(all[outer][i+1:]); !slices.Equal(numbered(got), want) {
			t.Fatalf("layer %d of %d, after %s: %q, want %q", outer, inner, from, numbered(got), want)
		}
	}
}

// TestDigitsToUserRecords: AppendUserRecords makes the same of digits as of text, wherever reading began.
func TestDigitsToUserRecords(t *testing.T) {
	server, raw := newStream(t, 1)
	fill(t, raw)
	text, digits := newClient(server, deaggaws.WithDeaggregation()), newClient(server, deaggaws.WithDeaggregation(deaggaws.WithDigitPositions()))
	a := read(t, mustIterator(t, text, types.ShardIteratorTypeTrimHorizon, ""), 100, text)
	b := read(t, mustIterator(t, digits, types.ShardIteratorTypeTrimHorizon, ""), 100, digits)
	for i := range a {
		after := seqnum.TrimHorizon()
		if i > 0 {
			var err error
			if after, err = seqnum.ParseExtended(*b[i-1].SequenceNumber); err != nil {
				t.Fatal(err)
			}
		}
		want, got := deaggaws.AppendUserRecords(nil, a[i:], after), deaggaws.AppendUserRecords(nil, b[i:], after)
		for j := range want {
			if (want[j].Malformed == nil) != (got[j].Malformed == nil) {
				t.Errorf("%v is malformed: %v", got[j].SequenceNumber, got[j].Malformed)
			}
			want[j].Malformed, got[j].Malformed = nil, nil
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("from %d: -text +digits\n%s", i, diff)
		}
	}
}

// TestDigitsOfAnAggregate: an aggregate whose number is digits, which say all of it, is taken apart as one with a bare number.
func TestDigitsOfAnAggregate(t *testing.T) {
	number := strings.Repeat("5", 56)
	want, _ := deaggaws.DeaggregateRecords([]types.Record{aggregateOf(t, number, 3)})
	got, err := deaggaws.DeaggregateRecords([]types.Record{aggregateOf(t, number+"999999999", 3)})
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(types.Record{})); diff != "" || err != nil || len(want) != 3 {
		t.Errorf("%v, %s", err, diff)
	}
}
