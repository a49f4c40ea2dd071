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
	if math.Abs(seconds) > 1e11 { // some three thousand years, far inside what a time holds
		return fmt.Errorf("timestamp %s is out of range", text)
	}
	*e = epoch(time.UnixMilli(int64(math.Round(seconds * 1000))))
	return nil
}
