package recordio

import (
	"strings"
	"testing"
	"time"
)

// TestArrival: a time of arrival is read as programs write it, by magnitude and form.
func TestArrival(t *testing.T) {
	want := time.Date(2026, 11, 28, 10, 0, 0, 123456000, time.UTC)
	toSecond, toMilli := want.Truncate(time.Second), want.Truncate(time.Millisecond)
	for text, want := range map[string]time.Time{
		`1795860000.123456`:                             want,
		`1795860000123`:                                 toMilli,
		`1795860000123.456`:                             want,
		`1795860000123456`:                              want,
		`1795860000123456000`:                           want,
		`1.795860000123E9`:                              toMilli,
		`1.795860000123e+12`:                            toMilli,
		`"1795860000.123456"`:                           want,
		`"1795860000123"`:                               toMilli,
		`"2026-11-28T10:00:00.123456Z"`:                 want,
		`"2026-11-28T11:00:00.123456+01:00"`:            want,
		`"2026-11-28 10:00:00.123456+00:00"`:            want, // Python
		`"2026-11-28 11:00:00.123456+0100"`:             want,
		`"2026-11-28 10:00:00 +0000"`:                   toSecond, // Ruby
		`"2026-11-28 10:00:00 UTC"`:                     toSecond,
		`"2026-11-28 10:00:00.123456 +0000 UTC"`:        want, // Go
		`"2026-11-28 10:00:00.123456 +0000 UTC m=+0.1"`: want,
		`"2026-11-28 10:00:00.123456Z"`:                 want,
		`"Sat, 28 Nov 2026 10:00:00 GMT"`:               toSecond,
		`"Sat, 28 Nov 2026 10:00:00 UTC"`:               toSecond,
		`"Sat, 28 Nov 2026 11:00:00 +0100"`:             toSecond,
		`"2026-11-28t10:00:00.123456z"`:                 want,
		`"Sat, 28 Nov 2026 10:00:00 PST"`:               {},
		`"Sat, 28 Nov 2026 10:00:00 CET"`:               {},
		`"Sat Nov 28 10:00:00 UTC 2026"`:                toSecond, // Java
		`"Sat Nov 28 2026 11:00:00 GMT+0100 (Central European Standard Time)"`: toSecond, // JavaScript
		`"/Date(1795860000123)/"`:                            toMilli, // PowerShell 5
		`"/Date(1795860000123+0100)/"`:                       toMilli,
		`{"epochSecond":1795860000,"nano":123456000}`:        want, // Java's Instant
		`{"seconds":1795860000,"subsecond_nanos":123456000}`: want, // Rust

		// Where the units meet.
		`99999999999`:        time.Unix(99999999999, 0),
		`100000000000`:       time.UnixMilli(100000000000),
		`99999999999999`:     time.UnixMilli(99999999999999),
		`100000000000000`:    time.UnixMicro(100000000000000),
		`99999999999999999`:  time.UnixMicro(99999999999999999),
		`100000000000000000`: time.Unix(100000000, 0),
		`1e17`:               time.Unix(100000000, 0),

		// What can't be told is left out.
		`"2026-11-28 10:00:00.123456"`:        {}, // of no zone
		`"yesterday"`:                         {},
		`"+49707-03-11T07:59:00Z"`:            {},
		`1e300`:                               {},
		`-1`:                                  {}, // since 1970
		`-0.5`:                                {},
		`"NaN"`:                               {},
		`{"date":"2026-11-28"}`:               {},
		`{"epochSecond":1,"nano":1234567890}`: {},
		`[1795860000]`:                        {},
		`true`:                                {},
		`""`:                                  {},
		`null`:                                {},
	} {
		told := 0
		src := sourceOf(nil, new([]string))
		src.Tell = func(err error) {
			told++
			if !strings.Contains(err.Error(), "neither a number since 1970 nor a time") {
				t.Errorf("%s: %v", text, err)
			}
		}
		for _, name := range []string{"data", `d\u0061ta`} { // the fast way, and the general one
			src.Reader = strings.NewReader(`{"` + name + `":"aGk=","approximate_arrival_timestamp":` + text + `,"sequence_number":"7"}`)
			for r, err := range src.Records() {
				if err != nil || !r.ArrivalTime.Equal(want) || string(r.Data) != "hi" || r.SequenceNumber != "7" {
					t.Errorf("%s: %v, %v", text, r, err)
				}
			}
		}
		if unread := want.IsZero() && text != `""` && text != "null"; unread != (told == 2 && src.LeftOut == 2) || !unread && told > 0 {
			t.Errorf("%s: told %d times, %d left out", text, told, src.LeftOut)
		}
	}
}
