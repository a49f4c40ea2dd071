package position

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/seqnum"
)

// ErrDigits is wrapped by the error for a position that has no form of digits alone.
var ErrDigits = errors.New("a position that has no form of digits alone")

// How a user record is numbered.
type How uint8

const (
	Same   How = iota // by its stored record's own text
	Bare              // by Sequence alone
	Inside            // by Append: a place inside its stored record
	Whole             // by Append: all of its stored record, in digits
)

// Numbers says which sequence numbers the user records of a stored record get.
type Numbers struct {
	Digits   bool
	Sequence string // the stored record's number, without a sub-sequence number; "" if its text is not a position
	Finished bool   // it is a user record already
	whole    bool   // its text is digits, which say all of it
}

// Begin takes the stored record's text that the next user records come out of, and the first of them. It fails only for
// digits that there are not.
func (n *Numbers) Begin(text string, u *deagg.UserRecord) error {
	n.Finished, n.whole = false, false
	if len(text) != len(u.SequenceNumber) {
		e, _ := seqnum.ParseExtended(text) // the Decoder has read it
		n.Finished, n.whole = !e.Whole(), e.Whole()
	}
	n.Sequence = sequenceOf(u.SequenceNumber)
	if !n.Digits {
		return nil
	}
	return digitError(n.Sequence, u.SubSequenceNumber)
}

// sequenceOf returns what a position begins with, "" where that would not be a position: so it has no more than 129
// digits, however long the text is that the stored record has instead.
func sequenceOf(text string) string {
	if len(text) <= seqnum.MaxDigits {
		return text
	}
	n, err := seqnum.Parse(text)
	if err != nil {
		return ""
	}
	return n.String()
}

// How returns how u is numbered; magic says that its data starts with an aggregate's.
func (n *Numbers) How(u *deagg.UserRecord, magic bool) How {
	switch inside := u.Aggregated && !(u.Last && !magic); {
	case inside && (n.Digits || n.Sequence != ""):
		return Inside
	case n.Digits:
		return Whole
	case n.whole && !inside:
		return Bare
	}
	return Same
}

// Append appends the number of the user record sub, where it is not the Same.
func (n *Numbers) Append(b []byte, how How, sub int64) []byte {
	return n.AppendSuffix(append(b, n.Sequence...), how, sub)
}

// AppendSuffix appends what follows Sequence in that number.
func (n *Numbers) AppendSuffix(b []byte, how How, sub int64) []byte {
	switch {
	case how == Bare:
		return b
	case !n.Digits:
		return appendShort(append(b, ':'), sub)
	case how == Whole:
		return appendSub(b, -1)
	}
	return appendSub(b, sub)
}

// appendShort appends a number that has up to three digits, nearly always: strconv takes three times as long.
func appendShort(b []byte, n int64) []byte {
	switch {
	case n < 0 || n > 999:
		return strconv.AppendInt(b, n, 10)
	case n < 10:
		return append(b, byte('0'+n))
	case n < 100:
		return append(b, byte('0'+n/10), byte('0'+n%10))
	}
	return append(b, byte('0'+n/100), byte('0'+n/10%10), byte('0'+n%10))
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
	return fmt.Errorf("%w: %v: %s; read the shard without WithDigitPositions or --positions digits, and keep positions as text", ErrDigits, e, why)
}

// GoOn returns where a subscription goes on: at after, as long as that has not passed (it is zero then), else where AWS
// says, which is a bare number.
func GoOn(continuation string, after seqnum.Extended, digits bool) (string, error) {
	switch {
	case !digits && after.IsValid():
		return after.String(), nil
	case !digits:
		return continuation, nil
	case !after.IsValid():
		var err error
		if after, err = seqnum.ParseExtended(continuation); err != nil {
			return "", fmt.Errorf("%w: %w", ErrDigits, err)
		}
	}
	text, ok := after.Digits()
	if !ok {
		return "", noDigits(after)
	}
	return text, nil
}
