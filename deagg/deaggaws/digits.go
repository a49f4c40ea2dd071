package deaggaws

import (
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/internal/position"
	"github.com/kplkit/kplkit/seqnum"
)

// ErrDigits is wrapped by the error of GetRecords, and of the stream of SubscribeToShard, of a client with WithDigitPositions
// for a batch with a position that has no form of digits alone. Nothing of the batch is delivered, and nothing of it is
// lost: the same iterator or position brings it again.
var ErrDigits = position.ErrDigits

// WithDigitPositions is for a store that wants numbers, such as the numeric columns of harlow/kinesis-consumer's Postgres
// and MySQL stores. Every sequence number of the client's records, and every ContinuationSequenceNumber, is then 65 digits:
// that of the stored record, and nine digits of sub-sequence number, 999999999 for the last user record of an aggregate and
// for what is not aggregated. They compare as integers, and as texts, as the positions do. numeric(65,0) takes them, and
// so does the API's pattern of a sequence number.
//
// The option decides what is written. Read are digits, SEQUENCE:SUB and bare numbers alike, by every client of this package. A
// store that only moves up takes no bare number after digits, which are a billion times as large. Only sequence numbers of
// version 2, which are all that Kinesis gives out, have the form; a batch with any other fails with ErrDigits.
//
// Without kplkit Kinesis refuses such a number (InvalidArgumentException): harlow/kinesis-consumer then reads the shard
// again from TRIM_HORIZON, and vmware-go-kcl-v2 sticks. For the way back, store SEQUENCE, the first 56 digits: of an
// aggregate that was not finished, what was left then does not come.
func WithDigitPositions() Option { return func(d *deaggregation) { d.form.digits = true } }

// DigitPositions reports whether WithDigitPositions is among opts, for a package that can't work with it.
func DigitPositions(opts ...Option) bool {
	var d deaggregation
	for _, opt := range opts {
		if opt != nil {
			opt(&d)
		}
	}
	return d.form.digits
}

// goOn sets where a subscription goes on: at after, as long as that has not passed, else where AWS says, which is a bare number.
func (d *deaggregation) goOn(e *types.SubscribeToShardEvent, after seqnum.Extended) error {
	if e.ContinuationSequenceNumber == nil {
		return nil
	}
	at, err := position.GoOn(*e.ContinuationSequenceNumber, after, d.form.digits)
	if err == nil {
		e.ContinuationSequenceNumber = &at
	}
	return err
}
