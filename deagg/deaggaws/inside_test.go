package deaggaws

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/internal/position"
	"github.com/kplkit/kplkit/seqnum"
)

// TestEvents: through events of user records that another layer delivered, the number to go on at stays the position
// until it has passed; an event without such a number gets none.
func TestEvents(t *testing.T) {
	f := position.Front{After: seqnum.At(seqnum.MustParse("7"), 1)}
	for _, c := range []struct {
		number, next, want string
		delivered          int
	}{
		{"", "6", "7:1", 0}, {"6", "6", "7:1", 0}, {"7:0", "7", "7:1", 0}, {"7:0", "", "", 0}, {"7:1", "7", "7", 0}, {"7", "7", "7", 1}, {"8", "8", "8", 1},
	} {
		var e types.SubscribeToShardEvent
		if c.number != "" {
			e.Records = []types.Record{{SequenceNumber: &c.number}}
		}
		if c.next != "" {
			e.ContinuationSequenceNumber = &c.next
		}
		(&deaggregation{}).event(t.Context(), &e, &f)
		if got := aws.ToString(e.ContinuationSequenceNumber); got != c.want || len(e.Records) != c.delivered {
			t.Errorf("after %s: go on at %q, want %q; %d records, want %d", c.number, got, c.want, len(e.Records), c.delivered)
		}
	}
}

// TestSameFields: with the SDK of go.mod no field is left for the slow way.
func TestSameFields(t *testing.T) {
	if !sameFields {
		t.Error("types.Record has other fields: set them in expansion.add, and read them in fillRecord")
	}
}
