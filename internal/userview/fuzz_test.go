package userview_test

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/deaggaws"
	"github.com/kplkit/kplkit/internal/userview"
	"github.com/kplkit/kplkit/internal/wire"
)

// FuzzAnswers: whatever upstream answers, the client is given an error that it tries again, or the user records that a
// deagg.Decoder gives on the stored records that the SDK's own deserializer reads in that answer: all of them, in order,
// however many answers they take.
func FuzzAnswers(f *testing.F) {
	for _, data := range []string{"eA==", "84mawgp!", "", base64.StdEncoding.EncodeToString(aggregate(f, "A", 3))} {
		f.Add([]byte(`{"Records":[{"SequenceNumber":"7","PartitionKey":"a","Data":"`+data+`"}],"NextShardIterator":"AAA","MillisBehindLatest":0}`), false, uint16(0))
	}
	f.Add([]byte(`{"Records":[{"SequenceNumber":"7","PartitionKey":"a","Data":null,"ApproximateArrivalTimestamp":1.5,"X":[{}]}],"ChildShards":[]}`), true, uint16(9))
	f.Fuzz(checkAnswer)
}

// FuzzRecords: the same with answers in Kinesis's form, so that aggregates are met: data is cut at each 01 00, and a piece
// that begins with the magic gets its checksum.
func FuzzRecords(f *testing.F) {
	body := func(n int) string { whole := aggregate(f, "A", n); return string(whole[:len(whole)-md5.Size]) }
	f.Add([]byte("plain\x01\x00"+body(5)+"\x01\x00"+body(2)), false, uint16(300))
	f.Add([]byte(body(2)), true, uint16(0))
	f.Add([]byte(wire.Magic+"\x0a\x01a\x1a\x04\x08\x05\x1a\x01x\x1a\x07\x08\x01\x1a\x03x\xf3\x89\x9a\xc2"), false, uint16(1))
	f.Fuzz(func(t *testing.T, data []byte, digits bool, bound uint16) {
		type record struct {
			SequenceNumber, PartitionKey string
			Data                         []byte
		}
		var answer struct {
			Records            []record
			NextShardIterator  string
			MillisBehindLatest int
		}
		answer.NextShardIterator = "AAA"
		for i, piece := range strings.Split(string(data), "\x01\x00") {
			if strings.HasPrefix(piece, wire.Magic) {
				sum := md5.Sum([]byte(piece[len(wire.Magic):]))
				piece += string(sum[:])
			}
			answer.Records = append(answer.Records, record{numberOf(i), "a", []byte(piece)})
		}
		body, err := json.Marshal(answer)
		if err != nil {
			t.Fatal(err)
		}
		checkAnswer(t, body, digits, bound)
	})
}

// numberOf returns a sequence number of version 2.
func numberOf(i int) string {
	return fmt.Sprintf("4968052330453629651374824388818550053611464491720%07d", i*16+2)
}

func checkAnswer(t *testing.T, body []byte, digits bool, bound uint16) {
	up := &answers{body: body, length: -1}
	stored, err := clientOf(up).GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: aws.String("AAA")})
	p := newProxied(t, up, userview.Config{Digits: digits})
	if bound > 0 {
		p.view.SetBounds(int(bound), 1<<20)
	}
	got := []types.Record{}
	for iterator, calls := "AAA", 0; ; calls++ {
		out, failed := p.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: &iterator})
		switch {
		case failed != nil && calls > 0 && !strings.Contains(failed.Error(), "ServiceUnavailable"):
			t.Fatalf("%d records, and then %v", len(got), failed)
		case failed != nil:
			return
		case err != nil:
			t.Fatalf("the SDK can't read what the proxy passes on as an answer: %v: %q", err, body)
		}
		got = append(got, out.Records...)
		if iterator = aws.ToString(out.NextShardIterator); !strings.HasPrefix(iterator, "kplkitproxy1:") || len(out.Records) == 0 {
			break
		}
	}
	if p.view.Held() != 0 {
		t.Errorf("%d bytes are held", p.view.Held())
	}
	var d deagg.Decoder
	i := 0
	for u := range d.UserRecords(deaggaws.AppendStored(nil, stored.Records)...) {
		if i >= len(got) || string(got[i].Data) != string(u.Data) || u.Aggregated && aws.ToString(got[i].PartitionKey) != asText(u.PartitionKey) {
			t.Fatalf("user record %d, %q %q of %s, is missing or another, of %d: %q", i, u.PartitionKey, u.Data, u.SequenceNumber, len(got), body)
		}
		i++
	}
	if i != len(got) {
		t.Fatalf("%d user records, want %d: %q", len(got), i, body)
	}
}

// asText is what JSON makes of a key.
func asText(key string) string {
	b, _ := json.Marshal(key)
	var text string
	json.Unmarshal(b, &text)
	return text
}
