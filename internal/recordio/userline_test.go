package recordio

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/kplkit/kplkit/deagg"
)

// FuzzUserRecord holds the lines against encoding/json: they are valid, and nothing in them is lost.
func FuzzUserRecord(f *testing.F) {
	f.Add("shardId-0", "1", int64(0), "k", "7", []byte("hi"), int64(1795529839123000000), true)
	f.Add("", "", int64(5), "\xff\"\\\n\x01\u2028é", "undefined\xff", []byte("\xf3\x89"), int64(-1), false)
	f.Add("\u2029", "\u2028", int64(5), "é\u2028\xff", "a\u2029b", []byte("\u2028\u2029"), int64(-1), true)
	f.Add("", "", int64(5), "a\u2028b\ufffd", "a\u2029", []byte("\u2028\u2029\x7f\x1f"), int64(-1), true)
	f.Fuzz(func(t *testing.T, shard, seq string, sub int64, key, hashKey string, data []byte, nanos int64, asText bool) {
		if !utf8.ValidString(shard) || !utf8.ValidString(seq) {
			t.Skip("both come out of JSON: always UTF-8")
		}
		u := deagg.UserRecord{SequenceNumber: seq, SubSequenceNumber: sub, PartitionKey: key, ExplicitHashKey: hashKey,
			Data: data, ArrivalTime: time.Unix(0, nanos), Last: true}
		var got struct {
			Shard         string      `json:"shard_id"`
			Seq           string      `json:"sequence_number"`
			Sub           int64       `json:"sub_sequence_number"`
			Key           *string     `json:"partition_key"`
			KeyBase64     []byte      `json:"partition_key_base64"`
			HashKey       *string     `json:"explicit_hash_key"`
			HashKeyBase64 []byte      `json:"explicit_hash_key_base64"`
			Data          *string     `json:"data"`
			DataBase64    []byte      `json:"data_base64"`
			Arrival       json.Number `json:"approximate_arrival_timestamp"`
		}
		line := AppendUserRecord(nil, &u, shard, asText)
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if n := bytes.Count(line, []byte("\n")) + bytes.Count(line, []byte("\u2028")) + bytes.Count(line, []byte("\u2029")); n != 1 {
			t.Errorf("%q has %d line ends, for some language", line, n)
		}
		either := func(text *string, data []byte) string {
			if text != nil {
				return *text
			}
			return string(data)
		}
		gotData := either(got.Data, got.DataBase64)
		if !asText {
			decoded, err := base64.StdEncoding.DecodeString(gotData)
			if err != nil {
				t.Fatal(err)
			}
			gotData = string(decoded)
		}
		if got.Shard != shard || got.Seq != seq || got.Sub != sub || either(got.Key, got.KeyBase64) != key ||
			either(got.HashKey, got.HashKeyBase64) != hashKey || gotData != string(data) {
			t.Errorf("%s of %+v", line, u)
		}
		if nanos >= 0 {
			if back, ok := parseEpoch(got.Arrival.String()); !ok || !back.Equal(u.ArrivalTime) {
				t.Errorf("time %v became %v", u.ArrivalTime, got.Arrival)
			}
		}
	})
}
