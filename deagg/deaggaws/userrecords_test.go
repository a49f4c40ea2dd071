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

// TestAppendUserRecordsBeyond: where reading began beyond the end of an aggregate all of it comes, and its last user record's position
// has to be one that is not done.
func TestAppendUserRecordsBeyond(t *testing.T) {
	n := seqnum.MustParse("10")
	batch, _ := deaggaws.DeaggregateRecords([]types.Record{aggregateOf(t, "10", 3)})
	for _, test := range []struct{ after, want seqnum.Extended }{
		{seqnum.At(n, 99), seqnum.After(n)},
		{seqnum.At(n, 0), seqnum.At(n, 2)},
		{seqnum.At(seqnum.MustParse("9"), 99), seqnum.At(n, 2)},
		{seqnum.Latest(), seqnum.At(n, 2)},
	} {
		us := deaggaws.AppendUserRecords(nil, batch, test.after)
		if at, err := us[2].Position(); err != nil || at != test.want || !us[2].Last {
			t.Errorf("after %s: %v, %v", test.after, at, err)
		}
	}
}

// TestAppendUserRecordsDamaged: a damaged aggregate is Malformed, also where reading goes on inside it.
func TestAppendUserRecordsDamaged(t *testing.T) {
	damaged := aggregateOf(t, "10", 3)
	damaged.Data[len(damaged.Data)-1]++
	n := seqnum.MustParse("10")
	for _, after := range []seqnum.Extended{seqnum.TrimHorizon(), seqnum.At(n, 1), seqnum.After(n)} {
		u := deaggaws.AppendUserRecords(nil, []types.Record{damaged}, after)[0]
		if _, ok := u.Malformed.(*deagg.FormatError); !ok || u.Aggregated || !u.Last {
			t.Errorf("after %v: %+v", after, u)
		}
		if at, err := u.Position(); err != nil || at != seqnum.After(n) {
			t.Errorf("after %v: %v, %v", after, at, err)
		}
	}
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
