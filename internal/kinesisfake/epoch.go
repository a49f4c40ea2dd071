package kinesisfake

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
)

// epoch is a time as the protocol has it: seconds since 1970 with a fraction, here to the millisecond.
type epoch time.Time

func (e epoch) time() time.Time { return time.Time(e) }

func (e epoch) append(b []byte) []byte {
	ms := time.Time(e).UnixMilli()
	if ms < 0 {
		b, ms = append(b, '-'), -ms
	}
	b = strconv.AppendInt(b, ms/1000, 10)
	return append(b, '.', byte('0'+ms/100%10), byte('0'+ms/10%10), byte('0'+ms%10))
}

func (e epoch) MarshalJSON() ([]byte, error) { return e.append(nil), nil }

func (e *epoch) UnmarshalJSON(text []byte) error {
	var seconds float64
	if err := json.Unmarshal(text, &seconds); err != nil {
		return err
	}
	if math.Abs(seconds) > 9e15 { // nearly what milliseconds in 64 bits hold; a time in milliseconds or microseconds is one, if far off
		return fmt.Errorf("timestamp %s is out of range", text)
	}
	*e = epoch(time.UnixMilli(int64(math.Round(seconds * 1000))))
	return nil
}

// known refuses a time before 1970, when there was no stream. The SDK for Go counts nanoseconds in 64 bits, so that the
// times from 2262 to 2554 come as such, and the year 9999 does. Those from 2554 on come as any time, and can't be told
// from it.
func (e *epoch) known() error {
	if e != nil && e.time().UnixMilli() < 0 {
		return invalidArgument("The Timestamp %v is before 1970. The SDK for Go makes that of a time after the year 2262.", e.time().UTC())
	}
	return nil
}
