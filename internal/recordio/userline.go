package recordio

import (
	"errors"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/internal/base64x"
)

// AppendUserRecord appends u as a line of JSON, without a shard_id if shardID is empty; asText writes data as text
// instead of base64. A partition key or an explicit hash key that is no UTF-8, and data that should be text and is none,
// go by another name, NAME_base64: nothing is replaced.
func AppendUserRecord(b []byte, u *deagg.UserRecord, shardID string, asText bool) []byte {
	b = append(b, `{"v":1`...)
	b = AppendText(b, `,"shard_id":`, shardID)
	b = AppendText(b, `,"sequence_number":`, u.SequenceNumber)
	b = append(b, `,"sub_sequence_number":`...)
	b = strconv.AppendInt(b, u.SubSequenceNumber, 10)
	b = append(b, `,"aggregated":`...)
	b = strconv.AppendBool(b, u.Aggregated)
	b = append(b, `,"last":`...)
	b = strconv.AppendBool(b, u.Last)
	if !u.ArrivalTime.IsZero() {
		b = append(b, `,"approximate_arrival_timestamp":`...)
		b = appendSeconds(b, u.ArrivalTime)
	}
	b = AppendKeys(b, u.PartitionKey, u.ExplicitHashKey)
	switch {
	case !asText:
		b = append(b, `,"data":`...)
		b = AppendBase64(b, u.Data)
	case utf8.Valid(u.Data):
		b = append(b, `,"data":`...)
		b = appendJSONString(b, alias(u.Data))
	default:
		b = append(b, `,"data_base64":`...)
		b = AppendBase64(b, u.Data)
	}
	if u.Malformed != nil {
		b = AppendText(b, `,"malformed":`, Malformation(u.Malformed))
	}
	return append(b, "}\n"...)
}

// AppendKeys appends the fields of both keys: explicit_hash_key is null where there is none, and a key that is not UTF-8
// goes by the name NAME_base64.
func AppendKeys(b []byte, partitionKey, explicitHashKey string) []byte {
	if utf8.ValidString(partitionKey) {
		b = AppendText(b, `,"partition_key":`, partitionKey)
	} else {
		b = append(b, `,"partition_key_base64":`...)
		b = AppendBase64(b, []byte(partitionKey))
	}
	b = append(b, `,"explicit_hash_key":`...)
	switch {
	case explicitHashKey == "":
		b = append(b, "null"...)
	case utf8.ValidString(explicitHashKey):
		b = appendJSONString(b, explicitHashKey)
	default:
		b = append(b, `null,"explicit_hash_key_base64":`...)
		b = AppendBase64(b, []byte(explicitHashKey))
	}
	return b
}

// AppendText appends a field of a JSON object, unless value is empty. key is all that comes before the value, as in
// `,"shard_id":`. What is not UTF-8 in the value becomes replacement characters.
func AppendText(b []byte, key, value string) []byte {
	if value == "" {
		return b
	}
	return appendJSONString(append(b, key...), value)
}

// AppendBase64 appends data as a JSON string in base64.
func AppendBase64(b, data []byte) []byte {
	b = append(b, '"')
	b = base64x.AppendEncode(b, data)
	return append(b, '"')
}

// appendJSONString appends s as a JSON string. What is not UTF-8 becomes replacement characters. The line ends of Unicode are
// escaped: readline of Node.js 24 would cut a line of JSON there.
func appendJSONString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		r, size := rune(c), 1
		if c >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(s[i:])
			if invalid := r == utf8.RuneError && size == 1; !invalid && r != '\u2028' && r != '\u2029' {
				i += size
				continue
			}
		}
		b = append(b, s[start:i]...)
		b = appendEscaped(b, r)
		i += size
		start = i
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

func appendEscaped(b []byte, r rune) []byte {
	switch r {
	case '"', '\\':
		return append(b, '\\', byte(r))
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	}
	const hex = "0123456789abcdef"
	return append(b, '\\', 'u', hex[r>>12], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}

// appendSeconds appends t as seconds since 1970, with as many decimals as it needs.
func appendSeconds(b []byte, t time.Time) []byte {
	seconds, nanos := t.Unix(), int64(t.Nanosecond())
	if seconds < 0 && nanos > 0 { // the decimals count away from zero
		seconds, nanos = seconds+1, int64(time.Second)-nanos
		if seconds == 0 {
			b = append(b, '-')
		}
	}
	b = strconv.AppendInt(b, seconds, 10)
	if nanos == 0 {
		return b
	}
	b = append(b, '.')
	for unit := int64(time.Second) / 10; nanos > 0; unit /= 10 {
		b = append(b, byte('0'+nanos/unit))
		nanos %= unit
	}
	return b
}

var malformations = [...]struct {
	err  error
	name string
}{
	{deagg.ErrTruncated, "truncated"},
	{deagg.ErrChecksum, "checksum"},
	{deagg.ErrIndex, "index"},
	{deagg.ErrHashKey, "hash-key"},
	{deagg.ErrWire, "wire"},
}

// Malformation returns the one word for err, which says what is wrong with an aggregate.
func Malformation(err error) string {
	for _, kind := range malformations {
		if errors.Is(err, kind.err) {
			return kind.name
		}
	}
	return "wire"
}

// malformedAs is the inverse: nil for any other word, and for none.
func malformedAs(name string) error {
	for _, kind := range malformations {
		if name == kind.name {
			return kind.err
		}
	}
	return nil
}
