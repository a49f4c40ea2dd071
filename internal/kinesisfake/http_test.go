package kinesisfake_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kplkit/kplkit/internal/kinesisfake"
)

func request(op, body string) *http.Request {
	r, _ := http.NewRequest(http.MethodPost, "http://kinesis.test", strings.NewReader(body))
	r.Header.Set("X-Amz-Target", "Kinesis_20131202."+op)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	return r
}

func TestPlainHTTP(t *testing.T) {
	s := kinesisfake.New(kinesisfake.Options{})
	defer s.Close()
	for _, tt := range []struct {
		op, body string
		status   int
		want     string // in the answer
	}{
		{"CreateStream", `{"StreamName":"s","ShardCount":1}`, 200, ""},
		{"PutRecord", `{"StreamName":"s","PartitionKey":"k","Data":"aGVsbG8="}`, 200, `"ShardId":"shardId-000000000000"`},
		{"ListStreams", `{}`, 200, `"StreamNames":["s"]`},
		{"PutRecord", `{"StreamName":"s","PartitionKey":"k","Data":"no base64"}`, 400, `"__type":"SerializationException"`},
		{"PutRecord", `{"StreamName":"s",`, 400, `"__type":"SerializationException"`},
		{"PutRecord", `{"StreamName":5}`, 400, `"__type":"SerializationException"`},
		{"PutRecord", `{"StreamName":"s","PartitionKey":"k"}`, 400, `Value 'null' at 'data'`},
		{"GetShardIterator", `{"StreamName":"s","ShardId":"shardId-000000000000","ShardIteratorType":"AT_TIMESTAMP","Timestamp":1e300}`, 400, "SerializationException"},
		{"GetRecords", `{}`, 400, `"__type":"ValidationException"`},
		{"ListShards", `{}`, 400, `"__type":"InvalidArgumentException"`},
		{"SubscribeToShard", `{}`, 400, `"__type":"ValidationException"`},
		{"DescribeTable", `{}`, 400, `"__type":"UnknownOperationException"`},
	} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, request(tt.op, tt.body))
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) {
			t.Errorf("%s %s: %d %s, want %d %s", tt.op, tt.body, w.Code, w.Body, tt.status, tt.want)
		}
	}
}

func TestCBORIsRefused(t *testing.T) {
	s := kinesisfake.New(kinesisfake.Options{})
	defer s.Close()
	r := request("ListStreams", "\xa0")
	r.Header.Set("Content-Type", "application/x-amz-cbor-1.1")
	out, err := s.Transport().RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	if body, _ := io.ReadAll(out.Body); out.StatusCode != 400 || !strings.Contains(string(body), "SerializationException") {
		t.Errorf("%d %s", out.StatusCode, body)
	}
}

// The same calls at the same instants of virtual time get the same answers.
func TestAnswersAreReproducible(t *testing.T) {
	transcript := func() (all string) {
		synctest.Test(t, func(t *testing.T) {
			s := kinesisfake.New(kinesisfake.Options{})
			defer s.Close()
			for _, call := range []string{
				`CreateStream {"StreamName":"b","ShardCount":2}`, `CreateStream {"StreamName":"a","ShardCount":2}`,
				`RegisterStreamConsumer {"StreamARN":"arn:aws:kinesis:us-east-1:000000000000:stream/a","ConsumerName":"y"}`,
				`RegisterStreamConsumer {"StreamARN":"arn:aws:kinesis:us-east-1:000000000000:stream/a","ConsumerName":"x"}`,
				`PutRecords {"StreamName":"a","Records":[{"PartitionKey":"k","Data":"AA=="},{"PartitionKey":"l","Data":"AQ=="}]}`,
				`SplitShard {"StreamName":"a","ShardToSplit":"shardId-000000000000","NewStartingHashKey":"99"}`,
				`GetShardIterator {"StreamName":"a","ShardId":"shardId-000000000000","ShardIteratorType":"TRIM_HORIZON"}`,
				`ListStreams {}`, `ListShards {"StreamName":"a","MaxResults":2}`, `DescribeStream {"StreamName":"a"}`,
				`ListStreamConsumers {"StreamARN":"arn:aws:kinesis:us-east-1:000000000000:stream/a"}`,
			} {
				time.Sleep(time.Second)
				op, body, _ := strings.Cut(call, " ")
				w := httptest.NewRecorder()
				s.ServeHTTP(w, request(op, body))
				all += fmt.Sprintln(w.Code, w.Body, w.Header())
			}
		})
		return all
	}
	if diff := cmp.Diff(transcript(), transcript()); diff != "" {
		t.Error(diff)
	}
}

// No body, however odd, may end in a panic or in an answer of another kind than the API's.
func FuzzBody(f *testing.F) {
	ops := []string{"CreateStream", "PutRecords", "ListShards", "GetShardIterator", "GetRecords", "SplitShard", "RegisterStreamConsumer"}
	f.Add(1, `{"StreamName":"s","Records":[{"PartitionKey":"k","Data":"","ExplicitHashKey":"1"}]}`)
	f.Add(2, `{"StreamName":"s","ShardFilter":{"Type":"FROM_TIMESTAMP","Timestamp":1.5}}`)
	f.Add(3, `{"StreamARN":"arn:aws:kinesis:us-east-1:000000000000:stream/s","ShardId":"shardId-000000000000","ShardIteratorType":"LATEST"}`)
	f.Add(4, `{"ShardIterator":"AAAA","Limit":-1}`)
	f.Add(5, `{"StreamName":"s","ShardToSplit":"shardId-000000000000","NewStartingHashKey":"340282366920938463463374607431768211455"}`)
	f.Fuzz(func(t *testing.T, op int, body string) {
		s := kinesisfake.New(kinesisfake.Options{})
		defer s.Close()
		s.ServeHTTP(httptest.NewRecorder(), request("CreateStream", `{"StreamName":"s","ShardCount":2}`))
		w := httptest.NewRecorder()
		s.ServeHTTP(w, request(ops[uint(op)%uint(len(ops))], body))
		if w.Code != 200 && !strings.Contains(w.Body.String(), `"__type"`) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}
