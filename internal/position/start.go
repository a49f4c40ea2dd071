// Package position is what readers of user records keep of where they are: where a shard iterator or a subscription starts
// that is asked for inside an aggregate, what has to be skipped then, what of it travels in front of iterators, and which
// sequence number each user record gets. It is one for the middleware of the SDK for Go and for the proxy, and knows
// neither.
package position

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/kplkit/kplkit/seqnum"
)

// ErrStart is wrapped by the error for a starting position that names no place to start from.
var ErrStart = errors.New("no position to start from")

// AWS's names of where a shard iterator or a subscription may start.
const (
	AtNumber    = "AT_SEQUENCE_NUMBER"
	AfterNumber = "AFTER_SEQUENCE_NUMBER"

	trimHorizon = "TRIM_HORIZON"
	latest      = "LATEST"
	atTimestamp = "AT_TIMESTAMP"
)

// Start is where a shard iterator or a subscription starts: what AWS is told, and what is skipped of what comes then.
type Start struct {
	Kind   string
	Number *string
	Time   *time.Time
	After  seqnum.Extended
}

// Resolve turns a position as a checkpoint has it into one that AWS knows. Any other kind of position, and a bare
// sequence number, goes through untouched.
func (s Start) Resolve() (Start, error) {
	if s.Kind != AfterNumber && s.Kind != AtNumber || s.Number == nil {
		return s, nil
	}
	if ms, ok := strings.CutPrefix(*s.Number, "AT_TIMESTAMP:"); ok {
		return startAt(ms)
	}
	e, err := seqnum.ParseExtended(*s.Number)
	if err != nil {
		return s, fmt.Errorf("%w: %w", ErrStart, err)
	}
	switch e {
	case seqnum.TrimHorizon():
		return Start{Kind: trimHorizon}, nil
	case seqnum.Latest():
		return Start{Kind: latest}, nil
	case seqnum.AtTimestamp():
		if s.Time == nil {
			return s, fmt.Errorf("%w: AT_TIMESTAMP without a time; AT_TIMESTAMP:MILLISECONDS has one", ErrStart)
		}
		return Start{Kind: atTimestamp, Time: s.Time}, nil
	case seqnum.ShardEnd():
		return s, fmt.Errorf("%w: SHARD_END; nothing comes after it, go on with the shard's children", ErrStart)
	}
	return s.inside(e), nil
}

// lastMillisecond is the last one that the SDK can send: it counts nanoseconds, and a later time becomes another one.
const lastMillisecond = math.MaxInt64 / int64(time.Millisecond)

func startAt(ms string) (Start, error) {
	n, err := strconv.ParseInt(ms, 10, 64)
	if err != nil || n < 0 || n > lastMillisecond {
		return Start{}, fmt.Errorf("%w: AT_TIMESTAMP:%q is not a number of milliseconds from 0 to %d", ErrStart, ms, lastMillisecond)
	}
	at := time.UnixMilli(n)
	return Start{Kind: atTimestamp, Time: &at}, nil
}

// inside returns the start at a stored record of which everything up to, or before, e is skipped.
func (s Start) inside(e seqnum.Extended) Start {
	n, _ := e.Number()
	sub, number := e.SubSequenceNumber(), n.String()
	if e.Whole() { // a bare number, or digits
		return Start{Kind: s.Kind, Number: &number}
	}
	if s.Kind == AtNumber {
		sub--
	}
	return Start{Kind: AtNumber, Number: &number, After: seqnum.At(n, sub)} // invalid, so nothing, for "at user record 0"
}
