package kinesisfake_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/kplkit/kplkit/internal/kinesisfake"
)

func post(b *testing.B, s *kinesisfake.Server, op, body string) string {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, request(op, body))
	if w.Code != http.StatusOK {
		b.Fatal(w.Body)
	}
	return w.Body.String()
}

func putBody(size int) string {
	entry := `{"PartitionKey":"key","Data":"` + base64.StdEncoding.EncodeToString(make([]byte, size)) + `"}`
	return `{"StreamName":"s","Records":[` + strings.Repeat(entry+",", 499) + entry + `]}`
}

func BenchmarkPutRecords(b *testing.B) {
	body := putBody(1000)
	b.SetBytes(500 * 1000)
	for b.Loop() {
		s := kinesisfake.New(kinesisfake.Options{})
		post(b, s, "CreateStream", `{"StreamName":"s","ShardCount":4}`)
		post(b, s, "PutRecords", body)
		s.Close()
	}
}

func BenchmarkGetRecords(b *testing.B) {
	s := kinesisfake.New(kinesisfake.Options{})
	defer s.Close()
	post(b, s, "CreateStream", `{"StreamName":"s","ShardCount":1}`)
	for range 20 {
		post(b, s, "PutRecords", putBody(100))
	}
	var it struct{ ShardIterator string }
	if err := json.Unmarshal([]byte(post(b, s, "GetShardIterator",
		`{"StreamName":"s","ShardId":"shardId-000000000000","ShardIteratorType":"TRIM_HORIZON"}`)), &it); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(10_000 * 100)
	for b.Loop() {
		post(b, s, "GetRecords", `{"ShardIterator":"`+it.ShardIterator+`"}`)
	}
}
