package deaggaws_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/deagg/deaggaws"
	"github.com/kplkit/kplkit/producer/aggregator"
)

// BenchmarkDeaggregateRecords reads a batch of 10,000 user records, in aggregates of 400.
func BenchmarkDeaggregateRecords(b *testing.B) {
	for _, size := range []int{100, 200} {
		var batch []types.Record
		for i := range 25 {
			var e aggregator.Encoder
			e.MaxBytes = 1 << 20
			for j := range 400 {
				r := aggregator.Record{PartitionKey: fmt.Sprintf("user-%d", j%10), Data: bytes.Repeat([]byte{byte(j)}, size)}
				if ok, err := e.Add(r); err != nil || !ok {
					b.Fatal(ok, err)
				}
			}
			batch = append(batch, types.Record{
				SequenceNumber: aws.String(fmt.Sprintf("495903382714902566085596925383615710959215759891365888%02d", i)),
				PartitionKey:   aws.String("a"), Data: e.AppendTo(nil),
			})
		}
		b.Run(fmt.Sprintf("%d-bytes", size), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if rs, err := deaggaws.DeaggregateRecords(batch); err != nil || len(rs) != 10_000 {
					b.Fatal(len(rs), err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10_000, "ns/record")
		})
	}
}
