package deaggaws_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/awslabs/kinesis-aggregation/go/v2/deaggregator"
	"github.com/google/go-cmp/cmp"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/deaggaws"
	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/internal/opaque"
	"github.com/kplkit/kplkit/seqnum"
)

func sealing(server *kinesisfake.Server, opts ...deaggaws.Option) *kinesis.Client {
	return newClient(server, deaggaws.WithDeaggregation(opts...), opaque.Records)
}

// openAfterPass returns the user records of a batch that a library has had in its hands that takes aggregates apart.
func openAfterPass(t *testing.T, batch []types.Record, after seqnum.Extended) (list []string) {
	batch, err := deaggregator.DeaggregateRecords(batch)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range deaggaws.AppendUserRecords(nil, batch, after) {
		list = append(list, describe(u)+u.ExplicitHashKey)
	}
	return list
}

// TestSealed: user records come as the Decoder tells them of the stored records, also after a resume at each of them.
func TestSealed(t *testing.T) {
	server, raw := newStream(t, 1)
	fill(t, raw)
	stored := read(t, mustIterator(t, raw, types.ShardIteratorTypeTrimHorizon, ""), 100, raw)
	all := slices.Collect(new(deagg.Decoder).UserRecords(deaggaws.AppendStored(nil, stored)...))
	client := sealing(server)
	for i := -1; i < len(all); i++ {
		kind, number, after := types.ShardIteratorTypeTrimHorizon, "", seqnum.TrimHorizon()
		if i >= 0 {
			after, _ = all[i].Position()
			kind, number = types.ShardIteratorTypeAfterSequenceNumber, after.String()
		}
		var want []string
		for _, u := range all[i+1:] {
			want = append(want, describe(u)+u.ExplicitHashKey)
		}
		for _, limit := range []int32{2, 100} {
			batch := read(t, mustIterator(t, client, kind, number), limit, client)
			if diff := cmp.Diff(want, openAfterPass(t, batch, after)); diff != "" || len(batch) > len(stored) {
				t.Fatalf("after %d (-want +got):\n%s", i, diff)
			}
		}
	}
}

// TestSealedBeyond: as TestAppendUserRecordsBeyond.
func TestSealedBeyond(t *testing.T) {
	server, raw := newStream(t, 1)
	n := seqnum.MustParse(put(t, raw, "a", aggregate(t, "A", 3)))
	client := sealing(server)
	for after, want := range map[seqnum.Extended]seqnum.Extended{
		seqnum.At(n, 99): seqnum.After(n), seqnum.At(n, 1): seqnum.At(n, 2), seqnum.TrimHorizon(): seqnum.At(n, 2),
	} {
		it := mustIterator(t, client, types.ShardIteratorTypeAfterSequenceNumber, after.String())
		us := deaggaws.AppendUserRecords(nil, read(t, it, 100, client), after)
		if at, err := us[len(us)-1].Position(); err != nil || at != want {
			t.Errorf("after %v: %v, %v, want %v", after, at, err, want)
		}
	}
}

// TestSealedChanged: where a step of the user's gives a record another sequence number, its user records come by that.
func TestSealedChanged(t *testing.T) {
	server, raw := newStream(t, 1)
	put(t, raw, "a", aggregate(t, "A", 3))
	client := sealing(server)
	batch := read(t, mustIterator(t, client, types.ShardIteratorTypeTrimHorizon, ""), 100, client)
	batch[0].SequenceNumber = aws.String("7")
	us := deaggaws.AppendUserRecords(nil, batch, seqnum.TrimHorizon())
	if len(us) != 3 || us[2].SequenceNumber != "7" || us[2].SubSequenceNumber != 2 || !us[2].Last || us[2].Malformed != nil {
		t.Errorf("%+v", us)
	}
}

// TestSealedOfAnotherLayer: a service that hands out user records already, as kplkit proxy does.
func TestSealedOfAnotherLayer(t *testing.T) {
	server, raw := newStream(t, 1)
	fill(t, raw)
	for _, opts := range [][]deaggaws.Option{nil, {deaggaws.WithDigitPositions()}} {
		plain := newClient(server, deaggaws.WithDeaggregation(opts...))
		layer := read(t, mustIterator(t, plain, types.ShardIteratorTypeTrimHorizon, ""), 100, plain)
		var want []string
		for _, u := range deaggaws.AppendUserRecords(nil, layer, seqnum.TrimHorizon()) {
			want = append(want, describe(u))
		}
		client := (&replay{layer, func() int { return 100 }}).client()
		out, err := client.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: mustIterator(t, client, types.ShardIteratorTypeTrimHorizon, "")}, opaque.Records)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, openAfterPass(t, out.Records, seqnum.TrimHorizon())); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// TestSealedEvents: so do the events of enhanced fan-out. A client that encodes them again refuses, rather than hand on what is sealed.
func TestSealedEvents(t *testing.T) {
	stream := slices.Concat(message(t, "event", "initial-response", "{}"),
		records(t, "9", record("8", "k", []byte("plain")), record("9", "a", aggregate(t, "B", 2))))
	for name, client := range readers() {
		batch, _, err := listen(t, client, &answer{body: bytes.NewReader(stream)}, "", opaque.Records)
		if name != "direct" {
			if err == nil {
				t.Errorf("%s: %d records", name, len(batch))
			}
			continue
		}
		if got := openAfterPass(t, batch, seqnum.TrimHorizon()); err != nil || len(got) != 3 || len(batch) != 2 {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
