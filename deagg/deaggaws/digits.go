package deaggaws

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/seqnum"
)

// ErrDigits is wrapped by the error of GetRecords, and of the stream of SubscribeToShard, of a client with WithDigitPositions
// for a batch with a position that has no form of digits alone. Nothing of the batch is delivered, and nothing of it is
// lost: the same iterator or position brings it again.
var ErrDigits = errors.New("a position that has no form of digits alone")

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

// appendSub appends a sub-sequence number in the nine digits that seqnum.Digits has for it; -1 is all of the stored record.
func appendSub(b []byte, sub int64) []byte {
	const whole = 999_999_999
	if sub < 0 {
		sub = whole
	}
	var digits [20]byte
	return append(b, strconv.AppendInt(digits[:0], whole+1+sub, 10)[1:]...) // without the 1 that keeps the zeros
}

// digitError returns why a stored record has no digits for sub, the sub-sequence number of its first user record, or for all of
// it; nil if it has. Those after the first are far less than a billion.
func digitError(sequence string, sub int64) error {
	n, err := seqnum.Parse(sequence)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDigits, err)
	}
	for _, e := range []seqnum.Extended{seqnum.After(n), seqnum.At(n, max(sub, 0))} {
		if _, ok := e.Digits(); !ok {
			return noDigits(e)
		}
	}
	return nil
}

func noDigits(e seqnum.Extended) error {
	why := "its sub-sequence number is larger than 999999998"
	if n, _ := e.Number(); n.Version() != 2 {
		why = fmt.Sprintf("only sequence numbers of version 2 have one, and this is of version %d", n.Version())
	}
	return fmt.Errorf("%w: %v: %s; read the shard without WithDigitPositions, and keep positions as text", ErrDigits, e, why)
}

// goOn sets where a subscription goes on: at after, as long as that has not passed, else where AWS says, which is a bare number.
func (d *deaggregation) goOn(e *types.SubscribeToShardEvent, after seqnum.Extended) error {
	switch {
	case e.ContinuationSequenceNumber == nil:
		return nil
	case !d.form.digits:
		if after.IsValid() {
			e.ContinuationSequenceNumber = aws.String(after.String())
		}
		return nil
	case !after.IsValid():
		var err error
		if after, err = seqnum.ParseExtended(*e.ContinuationSequenceNumber); err != nil {
			return fmt.Errorf("%w: %w", ErrDigits, err)
		}
	}
	digits, ok := after.Digits()
	if !ok {
		return noDigits(after)
	}
	e.ContinuationSequenceNumber = &digits
	return nil
}
