package deaggaws

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/seqnum"
)

// AppendUserRecords appends the user records of a batch to dst, where a client with WithDeaggregation has delivered the batch: each
// with its sub-sequence number, Aggregated and Last again, as kclcompat.Checkpointer wants them. A damaged aggregate that was handed on
// whole is Malformed. Data is shared.
//
// after is the position after which the shard is read, a checkpoint's or that of the batch before: by it the last user record of an
// aggregate is known where it comes alone. The sub-sequence number of an aggregate's last user record is one more than that of the one
// before it; where WithHashRanges has dropped some between them, that is less than its index on the wire.
func AppendUserRecords(dst []deagg.UserRecord, batch []types.Record, after seqnum.Extended) []deagg.UserRecord {
	var a apart
	if n, ok := after.Number(); ok && !after.Whole() {
		a = apart{n.String(), after.SubSequenceNumber()}
	}
	for i := range batch {
		dst = append(dst, a.userRecord(storedRecord(&batch[i])))
	}
	return dst
}

// apart is an aggregate of which the last user record is still to come.
type apart struct {
	number string // "" is none
	sub    int64  // of the user record that came last
}

// userRecord returns the user record that r is.
func (a *apart) userRecord(r deagg.StoredRecord) deagg.UserRecord {
	u := deagg.UserRecord{SequenceNumber: r.SequenceNumber, PartitionKey: r.PartitionKey, Data: r.Data, ArrivalTime: r.ArrivalTime, Last: true}
	switch position, isInside := insideOf(r.SequenceNumber); {
	case isInside:
		a.number, _, _ = strings.Cut(r.SequenceNumber, ":")
		a.sub = position.SubSequenceNumber()
		u.SequenceNumber, u.SubSequenceNumber, u.Aggregated, u.Last = a.number, a.sub, true, false
	case a.number != "" && r.SequenceNumber == a.number:
		u.SubSequenceNumber, u.Aggregated = a.sub+1, true
		a.number = ""
	case deagg.HasMagic(r.Data):
		_, u.Malformed = deagg.Parse(r)
	}
	return u
}

// insideOf reads SEQUENCE:SUB.
func insideOf(number string) (position seqnum.Extended, ok bool) {
	if !strings.Contains(number, ":") {
		return position, false
	}
	position, err := seqnum.ParseExtended(number)
	return position, err == nil
}
