package bench

import (
	"bytes"
	"fmt"
	"testing"

	a8m "github.com/a8m/kinesis-producer"

	"github.com/kplkit/kplkit/internal/md5x"
	"github.com/kplkit/kplkit/producer/aggregator"
)

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

// BenchmarkAggregator fills 16 aggregates of 50 KB, by turns: a8m; kplkit one aggregate after the other; kplkit with the MD5s of
// all 16 together. keys=1 is the only case in which a8m makes the same bytes.
//
//	go test -run '^$' -bench Aggregator -benchtime 15x .
func BenchmarkAggregator(b *testing.B) {
	for _, lanes := range []int{16, 8, 1} {
		before := md5x.SetLanes(lanes)
		if md5x.Lanes() != lanes {
			b.Logf("not run with %d lanes: this processor does not have them", lanes)
			continue
		}
		for _, size := range []int{10, 100, 1000, 10_000} {
			for _, keys := range []int{1, 10, 1 << 20} {
				b.Run(fmt.Sprintf("lanes=%d/bytes=%d/keys=%s", lanes, size, keysName(keys)), func(b *testing.B) {
					benchmarkAggregator(b, records(50_000/(size+30), keys, size))
				})
			}
		}
		md5x.SetLanes(before)
	}
}

func keysName(keys int) string {
	if keys > 400 {
		return "distinct"
	}
	return fmt.Sprint(keys)
}

func benchmarkAggregator(b *testing.B, records []aggregator.Record) {
	const aggregates, rounds = 16, 4
	var peer a8m.Aggregator
	var encoder aggregator.Encoder
	var summer aggregator.Summer
	var dst []byte
	buffers := make([][]byte, aggregates)
	fill := func() {
		encoder.Reset()
		for _, r := range records {
			if ok, err := encoder.Add(r); !ok || err != nil {
				b.Fatal(ok, err)
			}
		}
	}
	byTurns(b, aggregates*rounds*len(records),
		contender{name: "a8m", pass: times(aggregates*rounds, func() { byA8m(b, &peer, records) })},
		contender{name: "one", pass: times(aggregates*rounds, func() { fill(); dst = encoder.AppendTo(dst[:0]) })},
		contender{name: "together", pass: times(rounds, func() {
			for i := range buffers {
				fill()
				buffers[i] = encoder.AppendUnsummed(buffers[i][:0])
			}
			summer.Sum(buffers...)
		})},
	)
	if !bytes.Equal(buffers[3], dst) {
		b.Fatal("the aggregates differ")
	}
}

// records returns n user records of size bytes with as many keys as told; together they fit one aggregate.
func records(n, keys, size int) []aggregator.Record {
	all := make([]aggregator.Record, n)
	for i := range all {
		all[i] = aggregator.Record{PartitionKey: fmt.Sprint("device-", i%keys), Data: bytes.Repeat([]byte{byte(i)}, size)}
	}
	return all
}
