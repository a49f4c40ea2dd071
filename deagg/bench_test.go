package deagg_test

import (
	"crypto/md5"
	"fmt"
	"strings"
	"testing"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/hashkey"
)

// BenchmarkUserRecords reads aggregates of 50 KB with 10 keys, one by one, next to crypto/md5 on the same bytes:
// the checksum alone sets the limit.
//
//	go test -bench UserRecords -run '^$' ./deagg
func BenchmarkUserRecords(b *testing.B) {
	for _, size := range []int{10, 100, 1000} {
		data, n := benchAggregate(b, size)
		stored := deagg.StoredRecord{SequenceNumber: "49680523304536297513748243888185500536114644917201928194", PartitionKey: "a", Data: data}
		b.Run(fmt.Sprintf("%d-bytes/md5", size), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				md5.Sum(data)
			}
		})
		for name, d := range map[string]*deagg.Decoder{
			"no-range": {},
			"range":    {HashRange: hashkey.Whole(), Ancestors: []hashkey.Range{hashkey.Whole()}},
		} {
			b.Run(fmt.Sprintf("%d-bytes/%s", size, name), func(b *testing.B) {
				b.SetBytes(int64(len(data)))
				b.ReportAllocs()
				total := 0
				for b.Loop() {
					for u := range d.UserRecords(stored) {
						total += len(u.Data)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/record")
			})
		}
	}
}

// benchAggregate returns an aggregate of about 50 KB and how many user records of a size it holds.
func benchAggregate(b *testing.B, size int) ([]byte, int) {
	m := message(nil, nil)
	for i := range 10 {
		m.PartitionKeyTable = append(m.PartitionKeyTable, fmt.Sprintf("partition-key-%d", i))
	}
	n := 50_000 / (size + 6)
	for i := range n {
		m.Records = append(m.Records, user(uint64(i%10), strings.Repeat("x", size)))
	}
	return aggregateOf(b, m), n
}
