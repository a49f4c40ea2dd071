package recordio

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
)

// arrival reads the time of arrival: a number since 1970, or one of the texts that programs print. What can't be read
// is left out.
func (d *draft) arrival() time.Time {
	text := d.text(arrivalField)
	if text == "" {
		return time.Time{}
	}
	t, ok := parseArrival(text)
	if !ok {
		d.leaveOut(arrivalField, d.texts[arrivalField], notATime)
	}
	return t
}

func parseArrival(text string) (time.Time, bool) {
	if isDate := len(text) > 10 && text[4] == '-'; !isDate { // to parse one as a number allocates the error
		if t, ok := parseEpoch(text); ok {
			return t, true
		}
	}
	return parseTime(text)
}

// units are those in which programs count since 1970, and the magnitudes at which the next finer one begins: in all of
// them the years 1973 to 5138 have 12 digits or less, 13 and 14, 15 to 17, and more.
var units = [...]struct {
	below  int64
	unit   time.Duration
	digits int // of a fraction, down to nanoseconds
}{
	{1e11, time.Second, 9}, {1e14, time.Millisecond, 6}, {1e17, time.Microsecond, 3}, {math.MaxInt64, time.Nanosecond, 0},
}

// parseEpoch reads a number of seconds, milliseconds, microseconds or nanoseconds exactly, to the nanosecond; one with
// an exponent to the microsecond.
func parseEpoch(text string) (time.Time, bool) {
	whole, fraction, _ := strings.Cut(text, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || !isDigits(fraction) || n < 0 || whole == "-0" {
		return parseEpochFloat(text)
	}
	u := units[0]
	for i := 1; i < len(units) && n >= u.below; i++ {
		u = units[i]
	}
	var nanos int64
	for i := range u.digits {
		nanos *= 10
		if i < len(fraction) {
			nanos += int64(fraction[i] - '0')
		}
	}
	perSecond := int64(time.Second / u.unit)
	return time.Unix(n/perSecond, n%perSecond*int64(u.unit)+nanos), true
}

func parseEpochFloat(text string) (time.Time, bool) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(f) || f < 0 {
		return time.Time{}, false
	}
	for _, u := range units {
		if f < float64(u.below) {
			return time.UnixMicro(int64(math.Round(f * u.unit.Seconds() * 1e6))), true
		}
	}
	return time.Time{}, false
}

func isDigits(text string) bool { return skipDigits([]byte(text), 0) == len(text) }

// layouts are what is left to try once normalTime has made one text of the ways to write the zone.
var layouts = [...]string{
	time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07", // of the AWS CLI, Python, Ruby, Go, .NET, PHP
	time.RFC1123Z, "Mon, 02 Jan 2006 15:04:05 GMT", "Mon Jan _2 15:04:05 GMT 2006", "Mon Jan _2 2006 15:04:05 GMT-0700", // HTTP, Java, JavaScript
}

// parseTime reads a time that a program has printed. One without a zone is none that can be told.
func parseTime(text string) (time.Time, bool) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, true
	}
	if number, ok := strings.CutPrefix(text, "/Date("); ok { // of .NET, in milliseconds
		number = strings.TrimRight(number, ")/")
		if zone := strings.LastIndexAny(number, "+-"); zone > 0 {
			number = number[:zone]
		}
		ms, err := strconv.ParseInt(number, 10, 64)
		return time.UnixMilli(ms), err == nil
	}
	text = normalTime(text)
	for _, layout := range layouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// normalTime writes "2026-11-28 10:00:00.5 +0000 UTC", which is Go's, and its likes as 2026-11-28T10:00:00.5+0000.
func normalTime(text string) string {
	text = strings.TrimSpace(text)
	if words, _, ok := strings.Cut(text, " ("); ok { // (Coordinated Universal Time)
		text = words
	}
	if len(text) < len("2006-01-02 15:04:05") || text[4] != '-' {
		if words, ok := strings.CutSuffix(text, " UTC"); ok {
			return words + " GMT"
		}
		return strings.Replace(text, " UTC ", " GMT ", 1)
	}
	text, _, _ = strings.Cut(text, " m=") // Go's monotonic clock
	date, rest := text[:10], text[11:]
	clock, zone, _ := strings.Cut(rest, " ")
	offset, _, _ := strings.Cut(zone, " ")
	switch offset {
	case "UTC", "GMT", "Z":
		offset = "Z"
	}
	return strings.ToUpper(date + "T" + clock + offset)
}

// arrivalObject reads a time that comes in two numbers, as Java's Instant and Rust's DateTime do when they become JSON.
func (r *reader) arrivalObject() error {
	raw, err := r.dec.ReadValue()
	if err != nil {
		return err
	}
	var t struct { // one name of each kind is there
		EpochSecond, Seconds json.Number
		Nano, Nanos          json.Number
		SubsecondNanos       json.Number `json:"subsecond_nanos"`
	}
	_ = json.Unmarshal(raw, &t) // then nothing is there
	seconds, nanos := string(t.EpochSecond+t.Seconds), string(t.Nano+t.Nanos+t.SubsecondNanos)
	if seconds != "" && isDigits(seconds) && isDigits(nanos) && len(nanos) <= 9 {
		r.draft.set(arrivalField, '0', []byte(seconds+"."+strings.Repeat("0", 9-len(nanos))+nanos))
		return nil
	}
	r.draft.leaveOut(arrivalField, bytes.Clone(raw), notATime)
	return nil
}
