package opaque_test

import (
	"bytes"
	"runtime"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/awslabs/kinesis-aggregation/go/v2/deaggregator"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/internal/opaque"
	"github.com/kplkit/kplkit/producer/aggregator"
)

// TestPassesADeaggregator: awslabs' takes nothing of it apart, and what it held comes out of every copy.
func TestPassesADeaggregator(t *testing.T) {
	var e aggregator.Encoder
	for range 2 {
		if _, err := e.Add(aggregator.Record{PartitionKey: "key", Data: []byte("text")}); err != nil {
			t.Fatal(err)
		}
	}
	for _, data := range [][]byte{e.AppendTo(nil), []byte("\xf3\x89\x9a\xc2"), []byte(strings.Repeat("\xf3\x89\x9a\xc2", 9))} {
		in := types.Record{SequenceNumber: aws.String("7"), Data: data}
		out, err := deaggregator.DeaggregateRecords([]types.Record{opaque.Seal(in, []deagg.UserRecord{{PartitionKey: "1"}, {PartitionKey: "2"}})})
		if err != nil || len(out) != 1 || aws.ToString(out[0].SequenceNumber) != "7" || !bytes.Equal(opaque.Data(&out[0]), data) {
			t.Fatalf("%q: %d records, %v", data, len(out), err)
		}
		runtime.GC() // the pointer into its middle keeps all of it
		users, ok := opaque.Open(&out[0])
		if !ok || len(users) != 2 || users[1].PartitionKey != "2" {
			t.Errorf("%q: %v %v", data, users, ok)
		}
	}
}

// TestNothingElseIsSealed: a text from outside that reads as the mark is not taken for it.
func TestNothingElseIsSealed(t *testing.T) {
	mark := seal("7").EncryptionType
	for _, text := range []types.EncryptionType{"", types.EncryptionTypeKms, types.EncryptionType(strings.Clone(string(mark))), mark[:3]} {
		if _, ok := opaque.Open(&types.Record{EncryptionType: text, SequenceNumber: aws.String("7")}); ok {
			t.Errorf("%q is taken for sealed", text)
		}
	}
}

// TestNumberChanged: a sealed record with another sequence number is known as one, and holds nothing.
func TestNumberChanged(t *testing.T) {
	type twin struct { // as a sealed record's number stands, but for the text
		number string
		_      [129]byte
	}
	sealed := seal("7")
	copied := *sealed.SequenceNumber
	for _, number := range []*string{nil, aws.String("7"), aws.String(""), &copied, &(&twin{number: "7"}).number} {
		changed := sealed
		changed.SequenceNumber = number
		if users, ok := opaque.Open(&changed); len(users) > 0 || !ok {
			t.Errorf("%v: %d user records, sealed: %t", number, len(users), ok)
		}
	}
	long := seal(strings.Repeat("7", 500))
	if users, ok := opaque.Open(&long); len(users) != 1 || !ok || len(*long.SequenceNumber) != 129 {
		t.Errorf("%d user records, sealed: %t, number of %d", len(users), ok, len(*long.SequenceNumber))
	}
}

func seal(number string) types.Record {
	return opaque.Seal(types.Record{SequenceNumber: aws.String(number), Data: []byte("\xf3\x89\x9a\xc2")}, []deagg.UserRecord{{PartitionKey: "1"}})
}
