package bench

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	a8m "github.com/a8m/kinesis-producer"

	"github.com/kplkit/kplkit/producer/aggregator"
)

// BenchmarkAggregate fills, closes and checksums one aggregate after another from 100-byte user records, by turns with
// kplkit and with a8m, so that both meet the same machine. MB/s counts the data of the user records; ratio is ours
// over theirs. a8m gives every user record of an aggregate the first one's partition key; with one key per aggregate
// the bytes are the same, with one per user record kplkit does what a8m leaves out.
func BenchmarkAggregate(b *testing.B) {
	for _, keys := range []int{1, 16, 400} {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) { benchmarkAggregate(b, records(400, keys, 100)) })
	}
}

func benchmarkAggregate(b *testing.B, records []aggregator.Record) {
	var ours, theirs time.Duration
	var encoder aggregator.Encoder
	var peer a8m.Aggregator
	var dst []byte
	volume := 0
	for b.Loop() {
		start := time.Now()
		dst = kplkit(b, &encoder, dst[:0], records)
		middle := time.Now()
		aggregate := byA8m(b, &peer, records)
		ours += middle.Sub(start)
		theirs += time.Since(middle)
		volume += len(records) * len(records[0].Data)
		if oneKey := records[0].PartitionKey == records[1].PartitionKey; oneKey && !bytes.Equal(dst, aggregate) {
			b.Fatal("the aggregates differ")
		}
	}
	b.ReportMetric(float64(volume)/1e6/ours.Seconds(), "kplkit-MB/s")
	b.ReportMetric(float64(volume)/1e6/theirs.Seconds(), "a8m-MB/s")
	b.ReportMetric(theirs.Seconds()/ours.Seconds(), "ratio")
}

func kplkit(b *testing.B, e *aggregator.Encoder, dst []byte, records []aggregator.Record) []byte {
	e.Reset()
	for _, r := range records {
		if ok, err := e.Add(r); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
	return e.AppendTo(dst)
}

func byA8m(b *testing.B, a *a8m.Aggregator, records []aggregator.Record) []byte {
	for _, r := range records {
		a.Put(r.Data, r.PartitionKey)
	}
	entry, err := a.Drain()
	if err != nil {
		b.Fatal(err)
	}
	return entry.Data
}

// records returns n user records of size bytes with as many keys as told; together they fit one aggregate.
func records(n, keys, size int) []aggregator.Record {
	all := make([]aggregator.Record, n)
	for i := range all {
		all[i] = aggregator.Record{PartitionKey: fmt.Sprint("device-", i%keys), Data: bytes.Repeat([]byte{byte(i)}, size)}
	}
	return all
}
