package seqnum

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"
)

// kind orders positions as Java does; the numbers lie between the sentinels.
type kind uint8

const (
	invalid kind = iota
	atTimestamp
	trimHorizon
	latest
	number
	shardEnd
)

var names = [...]string{
	invalid: "invalid", atTimestamp: "AT_TIMESTAMP", trimHorizon: "TRIM_HORIZON", latest: "LATEST", shardEnd: "SHARD_END",
}

// Extended is an extended sequence number: a position in a shard up to and including which all is done.
// The zero value is invalid.
type Extended struct {
	kind kind
	n    Number // of kind number only
	sub  int64  // likewise; math.MaxInt64: all of the stored record
}

// At returns the position of user record sub of stored record n. It is invalid if n is, or if sub is negative.
// At(n, math.MaxInt64) is After(n).
func At(n Number, sub int64) Extended {
	if !n.IsValid() || sub < 0 {
		return Extended{}
	}
	return Extended{number, n, sub}
}

// After returns the position after all of stored record n, (n, math.MaxInt64). It is invalid if n is.
func After(n Number) Extended { return At(n, math.MaxInt64) }

// TrimHorizon is the position before the oldest record that the stream still holds.
func TrimHorizon() Extended { return Extended{kind: trimHorizon} }

// Latest is the position after the newest record, whichever that is when it is asked for.
func Latest() Extended { return Extended{kind: latest} }

// AtTimestamp is the position at a time that is kept elsewhere.
func AtTimestamp() Extended { return Extended{kind: atTimestamp} }

// ShardEnd is the position after the last record of a closed shard.
func ShardEnd() Extended { return Extended{kind: shardEnd} }

func sentinel(text string) (Extended, bool) {
	for k, name := range names {
		if name == text && kind(k) != invalid && kind(k) != number {
			return Extended{kind: kind(k)}, true
		}
	}
	return Extended{}, false
}

// ParseExtended reads a text form: SEQ:SUB is At, a bare SEQ is After, sentinels go by their names, and what Digits
// returns is what it was of. A sub-sequence number is a decimal number of 0…2^63−1.
func ParseExtended(text string) (Extended, error) {
	if e, ok := sentinel(text); ok {
		return e, nil
	}
	if e, ok := parseDigits(text); ok {
		return e, nil
	}
	digits, subText, composite := strings.Cut(text, ":")
	if _, ok := parseDigits(digits); ok {
		return Extended{}, syntaxError(text, "has two sub-sequence numbers: nine of its 65 digits, and what is after the colon")
	}
	n, err := Parse(digits)
	if err != nil {
		return Extended{}, syntaxError(text, "is neither SEQUENCE, SEQUENCE:SUB nor a sentinel (TRIM_HORIZON, LATEST, AT_TIMESTAMP, SHARD_END)")
	}
	if !composite {
		return After(n), nil
	}
	sub, err := strconv.ParseUint(subText, 10, 63)
	if err != nil {
		return Extended{}, syntaxError(text, "has no sub-sequence number of 0 to 2^63-1 after its colon")
	}
	return At(n, int64(sub)), nil
}

// FromCheckpoint reads the two lease attributes of the Java KCL, checkpoint and checkpointSubSequenceNumber.
// Where the second is absent pass 0, as Java does: to Java a bare number means "up to user record 0",
// not "all of it" as in a text form. A sentinel's sub-sequence number says nothing and is not kept. A checkpoint of digits
// alone, as Digits returns them, has its sub-sequence number in it, so that sub has to be 0.
func FromCheckpoint(checkpoint string, sub int64) (Extended, error) {
	if e, ok := sentinel(checkpoint); ok {
		return e, nil
	}
	if e, ok := parseDigits(checkpoint); ok {
		if sub != 0 {
			return Extended{}, syntaxError(checkpoint, "has a sub-sequence number in its digits, and another one beside it")
		}
		return e, nil
	}
	n, err := Parse(checkpoint)
	if err != nil {
		return Extended{}, syntaxError(checkpoint, "is neither a sequence number nor a sentinel")
	}
	if sub < 0 {
		return Extended{}, syntaxError(strconv.FormatInt(sub, 10), "is negative: not a sub-sequence number")
	}
	return At(n, sub), nil
}

// Checkpoint returns the two lease attributes that the Java KCL stores for e; ("", 0) if e is invalid.
func (e Extended) Checkpoint() (checkpoint string, sub int64) {
	switch e.kind {
	case invalid:
		return "", 0
	case number:
		return e.n.digits, e.sub
	}
	return names[e.kind], 0
}

// Compare returns -1, 0 or 1 as e comes before, is equal to, or comes after f in Java's order.
// The zero Extended comes first.
func (e Extended) Compare(f Extended) int {
	if e.kind == f.kind {
		if c := e.n.Compare(f.n); c != 0 {
			return c
		}
	}
	switch {
	case e.kind < f.kind, e.kind == f.kind && e.sub < f.sub:
		return -1
	case e.kind > f.kind, e.sub > f.sub:
		return 1
	}
	return 0
}

// Less reports whether e comes before f.
func (e Extended) Less(f Extended) bool { return e.Compare(f) < 0 }

// IsValid reports whether e is a position, and not the zero Extended.
func (e Extended) IsValid() bool { return e.kind != invalid }

// Number returns the stored record's sequence number; false for a sentinel and for the zero Extended.
func (e Extended) Number() (Number, bool) { return e.n, e.kind == number }

// SubSequenceNumber returns the sub-sequence number: math.MaxInt64 for all of a stored record, 0 for a sentinel.
func (e Extended) SubSequenceNumber() int64 { return e.sub }

// Whole reports whether e lies after all of a stored record, as After makes it.
func (e Extended) Whole() bool { return e.kind == number && e.sub == math.MaxInt64 }

// String returns the text form, or "invalid" for the zero Extended.
func (e Extended) String() string {
	if e.kind == number {
		text, _ := e.AppendText(nil)
		return string(text)
	}
	return names[e.kind]
}

// AppendText appends the text form, nothing for the zero Extended.
func (e Extended) AppendText(b []byte) ([]byte, error) {
	switch {
	case e.kind == invalid:
		return b, nil
	case e.kind != number:
		return append(b, names[e.kind]...), nil
	}
	b = append(b, e.n.digits...)
	if e.Whole() {
		return b, nil
	}
	return strconv.AppendInt(append(b, ':'), e.sub, 10), nil
}

// MarshalText returns the text form, nothing for the zero Extended. JSON holds it as a string.
func (e Extended) MarshalText() ([]byte, error) { return e.AppendText(nil) }

// UnmarshalText reads what MarshalText wrote: nothing is the zero Extended, all else is read as by ParseExtended.
func (e *Extended) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		*e = Extended{}
		return nil
	}
	*e, err = ParseExtended(string(text))
	return err
}

// AppendBinary appends a form whose bytes compare as the positions do, for the keys of an ordered store: a byte for the
// kind and, for numbers, the count of digits in a byte, the digits, and the sub-sequence number in eight bytes, highest
// first. It never fails. The zero Extended is nothing.
func (e Extended) AppendBinary(b []byte) ([]byte, error) {
	if e.kind == invalid {
		return b, nil
	}
	b = append(b, byte(e.kind))
	if e.kind == number {
		b = append(append(b, byte(len(e.n.digits))), e.n.digits...)
		b = binary.BigEndian.AppendUint64(b, uint64(e.sub))
	}
	return b, nil
}

// MarshalBinary returns the form of AppendBinary.
func (e Extended) MarshalBinary() ([]byte, error) { return e.AppendBinary(nil) }

// UnmarshalBinary reads what MarshalBinary wrote, and nothing else.
func (e *Extended) UnmarshalBinary(data []byte) error {
	f, ok := Extended{}, len(data) == 0
	switch {
	case ok:
	case kind(data[0]) == number:
		f, ok = numberFromBinary(data[1:])
	default:
		f.kind = kind(data[0])
		ok = len(data) == 1 && f.kind > invalid && f.kind <= shardEnd
	}
	if !ok {
		return syntaxError(string(data), "is not the binary form of a position")
	}
	*e = f
	return nil
}

// numberFromBinary reads a number and a sub-sequence number.
func numberFromBinary(data []byte) (Extended, bool) {
	digits := len(data) - 1 - 8
	if digits < 1 || int(data[0]) != digits {
		return Extended{}, false
	}
	n, err := Parse(string(data[1 : 1+digits]))
	if err != nil || len(n.digits) != digits {
		return Extended{}, false
	}
	e := At(n, int64(binary.BigEndian.Uint64(data[1+digits:])))
	return e, e.IsValid()
}
