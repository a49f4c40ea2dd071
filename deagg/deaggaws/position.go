package deaggaws

import (
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/seqnum"
)

// start is where a shard iterator or a subscription starts: what AWS is told, and what is skipped of what comes then.
type start struct {
	kind   types.ShardIteratorType
	number *string
	time   *time.Time
	after  seqnum.Extended
}

// resolve turns a position as a checkpoint has it into one that AWS knows. Any other kind of position, and a bare
// sequence number, goes through untouched.
func (s start) resolve() (start, error) {
	if s.kind != types.ShardIteratorTypeAfterSequenceNumber && s.kind != types.ShardIteratorTypeAtSequenceNumber || s.number == nil {
		return s, nil
	}
	if ms, ok := strings.CutPrefix(*s.number, "AT_TIMESTAMP:"); ok {
		return atTimestamp(ms)
	}
	e, err := seqnum.ParseExtended(*s.number)
	if err != nil {
		return s, fmt.Errorf("%w: %w", ErrPosition, err)
	}
	switch e {
	case seqnum.TrimHorizon():
		return start{kind: types.ShardIteratorTypeTrimHorizon}, nil
	case seqnum.Latest():
		return start{kind: types.ShardIteratorTypeLatest}, nil
	case seqnum.AtTimestamp():
		if s.time == nil {
			return s, fmt.Errorf("%w: AT_TIMESTAMP without a time; AT_TIMESTAMP:MILLISECONDS has one", ErrPosition)
		}
		return start{kind: types.ShardIteratorTypeAtTimestamp, time: s.time}, nil
	case seqnum.ShardEnd():
		return s, fmt.Errorf("%w: SHARD_END; nothing comes after it, go on with the shard's children", ErrPosition)
	}
	return s.inside(e), nil
}

// lastMillisecond is the last one that the SDK can send: it counts nanoseconds, and a later time becomes another one.
const lastMillisecond = math.MaxInt64 / int64(time.Millisecond)

func atTimestamp(ms string) (start, error) {
	n, err := strconv.ParseInt(ms, 10, 64)
	if err != nil || n < 0 || n > lastMillisecond {
		return start{}, fmt.Errorf("%w: AT_TIMESTAMP:%q is not a number of milliseconds from 0 to %d", ErrPosition, ms, lastMillisecond)
	}
	return start{kind: types.ShardIteratorTypeAtTimestamp, time: aws.Time(time.UnixMilli(n))}, nil
}

// inside returns the start at a stored record of which everything up to, or before, e is skipped.
func (s start) inside(e seqnum.Extended) start {
	n, _ := e.Number()
	sub := e.SubSequenceNumber()
	if e.Whole() { // a bare number, or digits
		return start{kind: s.kind, number: aws.String(n.String())}
	}
	if s.kind == types.ShardIteratorTypeAtSequenceNumber {
		sub--
	}
	return start{
		kind:   types.ShardIteratorTypeAtSequenceNumber,
		number: aws.String(n.String()),
		after:  seqnum.At(n, sub), // invalid, so nothing, for "at user record 0"
	}
}

// passed reports whether the position after, or anything after it, is among the records of a batch: what comes later
// comes after it, too. A text that is not a sequence number says nothing.
func passed(after seqnum.Extended, batch []types.Record) bool {
	if _, ok := after.Number(); !ok {
		return true
	}
	for i := range slices.Backward(batch) { // they are in order: the last one decides, nearly always
		if e, err := seqnum.ParseExtended(aws.ToString(batch[i].SequenceNumber)); err == nil && e.Compare(after) >= 0 {
			return true
		}
	}
	return false
}

// beyond returns what is wrong where after lies after the last user record of its stored record: nobody can have
// processed such a one, so the position was not written for it. It returns "" where nothing is. A plain stored record
// has one user record; the last one of an aggregate that was taken apart before may look like it.
func beyond(after seqnum.Extended, batch []types.Record) string {
	n, ok := after.Number()
	if !ok || after.Whole() {
		return ""
	}
	for i := range batch {
		e, err := seqnum.ParseExtended(aws.ToString(batch[i].SequenceNumber))
		switch own, ok := e.Number(); {
		case err != nil || !ok || own != n:
			continue
		case !e.Whole():
			return "" // taken apart before
		}
		a, err := deagg.Parse(storedRecord(&batch[i]))
		switch {
		case err == nil && after.SubSequenceNumber() >= int64(max(a.Len(), 1)):
			return "kplkit: the checkpoint lies beyond the end of its aggregate, which can't be; all of the aggregate is delivered"
		case err != nil && after.SubSequenceNumber() > 0:
			return "kplkit: the checkpoint lies inside an aggregate, but its stored record is none, or is only the last of what " +
				"was one; it is delivered"
		}
		return ""
	}
	return ""
}

// front is what travels in front of an opaque shard iterator.
type front struct {
	after         seqnum.Extended // zero: nothing is to be skipped
	stream, shard string          // of the iterator, where an option needs them; shard also along with after
}

// frontMark tells an iterator with a front from AWS's, which are base64.
const frontMark = "kplkit1:"

// join returns iterator with f in front; without, if there is nothing to say.
func (f front) join(iterator *string) *string {
	if iterator == nil || f == (front{}) {
		return iterator
	}
	after, _ := f.after.MarshalText()
	return aws.String(frontMark + string(after) + "/" + url.PathEscape(f.stream) + "/" + url.PathEscape(f.shard) + "/" + *iterator)
}

// splitIterator takes apart what join returned.
func splitIterator(iterator *string) (front, *string, error) {
	rest, ok := strings.CutPrefix(aws.ToString(iterator), frontMark)
	if !ok {
		return front{}, iterator, nil
	}
	parts := strings.SplitN(rest, "/", 4)
	if len(parts) != 4 {
		return front{}, nil, fmt.Errorf("%w: its front ends too early", ErrIterator)
	}
	var f front
	err := f.after.UnmarshalText([]byte(parts[0]))
	if err != nil {
		return front{}, nil, fmt.Errorf("%w: %w", ErrIterator, err)
	}
	if f.stream, err = url.PathUnescape(parts[1]); err == nil {
		f.shard, err = url.PathUnescape(parts[2])
	}
	if err != nil {
		return front{}, nil, fmt.Errorf("%w: %w", ErrIterator, err)
	}
	return f, &parts[3], nil
}
