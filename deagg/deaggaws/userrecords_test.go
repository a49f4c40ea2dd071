package deaggaws_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/google/go-cmp/cmp"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/deaggaws"
	"github.com/kplkit/kplkit/producer/aggregator"
	"github.com/kplkit/kplkit/seqnum"
)

// aggregateOf returns a stored record of n user records.
func aggregateOf(t *testing.T, number string, n int) types.Record {
	t.Helper()
	var e aggregator.Encoder
	for i := range n {
		if _, err := e.Add(aggregator.Record{PartitionKey: fmt.Sprint("key-", i), Data: []byte{byte(i)}}); err != nil {
			t.Fatal(err)
		}
	}
	key, _ := e.Keys()
	return types.Record{SequenceNumber: &number, PartitionKey: &key, Data: e.AppendTo(nil)}
}

func plainOf(number, data string) types.Record {
	return types.Record{SequenceNumber: &number, PartitionKey: aws.String("plain"), Data: []byte(data)}
}

// TestAppendUserRecords: what the client's records have lost is there again, as the Decoder tells it of the stored records.
func TestAppendUserRecords(t *testing.T) {
	damaged := aggregateOf(t, "30", 3)
	damaged.Data[len(damaged.Data)-1]++
	stored := []types.Record{aggregateOf(t, "10", 3), plainOf("20", "x"), damaged, aggregateOf(t, "40", 2), aggregateOf(t, "50", 1), plainOf("60", "")}
	var d deagg.Decoder
	var want []string
	for u := range d.UserRecords(deaggaws.AppendStored(nil, stored)...) {
		if u.SequenceNumber == "50" {
			u.Aggregated = false // one alone is as good as plain
		}
		want = append(want, describe(u))
	}
	batch, _ := deaggaws.DeaggregateRecords(stored)
	var got []string
	for _, u := range deaggaws.AppendUserRecords(nil, batch, seqnum.TrimHorizon()) {
		got = append(got, describe(u))
	}
	if diff := cmp.Diff(want, got); diff != "" || len(want) != 9 {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func describe(u deagg.UserRecord) string {
	return fmt.Sprintln(u.SequenceNumber, u.SubSequenceNumber, u.PartitionKey, u.Data, u.Aggregated, u.Last, u.Malformed)
}

// TestAppendUserRecordsAlone: the last user record of an aggregate that comes alone is known by where reading goes on.
func TestAppendUserRecordsAlone(t *testing.T) {
	n := seqnum.MustParse("10")
	for _, test := range []struct {
		after      seqnum.Extended
		sub        int64
		aggregated bool
	}{
		{seqnum.At(n, 3), 4, true},
		{seqnum.At(n, 0), 1, true},
		{seqnum.After(n), 0, false},
		{seqnum.After(seqnum.MustParse("9")), 0, false},
		{seqnum.At(seqnum.MustParse("1"), 3), 0, false},
		{seqnum.Latest(), 0, false},
		{seqnum.Extended{}, 0, false},
	} {
		us := deaggaws.AppendUserRecords(nil, []types.Record{plainOf("10", "x"), plainOf("10", "y")}, test.after)
		if u := us[0]; u.SubSequenceNumber != test.sub || u.Aggregated != test.aggregated || !u.Last || us[1].Aggregated {
			t.Errorf("after %v: %+v", test.after, us)
		}
	}
	for _, number := range []string{"", "x", "x:1", "10:", "10:x", ":"} {
		if u := deaggaws.AppendUserRecords(nil, []types.Record{plainOf(number, "x")}, seqnum.Extended{})[0]; u.SequenceNumber != number || u.Aggregated || !u.Last {
			t.Errorf("%+v", u)
		}
	}
}
