package deaggaws

import (
	"math"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/internal/opaque"
	"github.com/kplkit/kplkit/seqnum"
)

// AppendUserRecords appends the user records of a batch to dst, where a client with WithDeaggregation (and not WithSecondPass) has
// delivered the batch: each with its sub-sequence number, Aggregated and Last again, as kclcompat.Checkpointer wants them. A
// damaged aggregate that was handed on whole is Malformed. Data is shared.
//
// after is the position after which the shard is read, a checkpoint's or that of the batch before: by it the last user record of an
// aggregate is known where it comes alone. That one comes with a bare number, without its index, so its SubSequenceNumber is one
// more than that of the one before it; where after lies beyond the aggregate, it is math.MaxInt64, which makes its Position all of
// the stored record. Where WithHashRanges has dropped user records between the two, it is less than the index on the wire, and a
// resume there brings the user record again: a Sink that keeps what it is told of finished stored records, too, avoids that.
// One whose data starts with the magic comes with its index, and is not known to be Last: a checkpoint there may be held.
func AppendUserRecords(dst []deagg.UserRecord, batch []types.Record, after seqnum.Extended) []deagg.UserRecord {
	before, most := after, len(batch)
	for i := range batch {
		users, _ := opaque.Open(&batch[i])
		most += len(users)
	}
	dst = slices.Grow(dst, most)
	for i := range batch {
		if users, ok := opaque.Open(&batch[i]); ok {
			if len(users) == 0 {
				users = openedAgain(&batch[i])
			}
			dst, before = appendSealed(dst, users, after)
			continue
		}
		var u deagg.UserRecord
		u, before = userRecord(storedRecord(&batch[i]), before, after)
		dst = append(dst, u)
	}
	return dst
}

// userRecord returns the user record that r is. before is the user record before it, or where reading began.
func userRecord(r deagg.StoredRecord, before, after seqnum.Extended) (u deagg.UserRecord, next seqnum.Extended) {
	position, _ := seqnum.ParseExtended(r.SequenceNumber) // the zero one of a text that is not a position
	own, isPosition := position.Number()
	if isPosition {
		r.SequenceNumber = own.String()
	}
	u = deagg.UserRecord{SequenceNumber: r.SequenceNumber, PartitionKey: r.PartitionKey, Data: r.Data, ArrivalTime: r.ArrivalTime, Last: true}
	n, isNumber := before.Number()
	switch {
	case isPosition && !position.Whole(): // inside an aggregate
		u.SubSequenceNumber, u.Aggregated, u.Last = position.SubSequenceNumber(), true, false
		return u, position
	case deagg.HasMagic(r.Data): // never the last of an aggregate, which would have its index then
		_, u.Malformed = deagg.Parse(r)
	case isNumber && !before.Whole() && r.SequenceNumber == n.String():
		u.SubSequenceNumber, u.Aggregated = before.SubSequenceNumber()+1, true
		if after.IsValid() && before.Less(after) { // which lies beyond the aggregate, so that all of it comes
			u.SubSequenceNumber = math.MaxInt64
		}
	}
	return u, seqnum.Extended{}
}

// openedAgain returns the user records of a sealed record whose sequence number a step of the user's client has changed. What
// was done before, or was another shard's, comes again: that is known no more, and nothing is lost.
func openedAgain(r *types.Record) []deagg.UserRecord {
	stored := storedRecord(r)
	stored.Data = opaque.Data(r)
	return slices.Collect(new(deagg.Decoder).UserRecords(stored))
}
