package bench

import (
	"crypto/md5"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	awslabs "github.com/awslabs/kinesis-aggregation/go/v2/deaggregator"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/hashkey"
	"github.com/kplkit/kplkit/internal/md5x"
	"github.com/kplkit/kplkit/producer/aggregator"
	"github.com/kplkit/kplkit/seqnum"
)

// BenchmarkReading takes aggregates of 50 KB apart, 8 MiB in all, by turns: crypto/md5 over the same bytes and nothing else;
// kplkit one stored record at a time, all at once, with a range; awslabs.
//
//	go test -run '^$' -bench Reading -benchtime 15x .
func BenchmarkReading(b *testing.B) {
	for _, lanes := range []int{16, 8, 1} {
		before := md5x.SetLanes(lanes)
		if md5x.Lanes() != lanes {
			b.Logf("not run with %d lanes: this processor does not have them", lanes)
			continue
		}
		for _, size := range []int{10, 100, 1000} {
			for _, keys := range []int{10, 1 << 20} {
				b.Run(fmt.Sprintf("lanes=%d/bytes=%d/keys=%s", lanes, size, keysName(keys)), func(b *testing.B) {
					benchmarkReading(b, size, keys)
				})
			}
		}
		md5x.SetLanes(before)
	}
}

func benchmarkReading(b *testing.B, size, keys int) {
	stored, sdk, users := manyAggregates(b, 8<<20, size, keys)
	var d, ranged, pointer deagg.Decoder
	ranged.HashRange, ranged.Ancestors = hashkey.Whole(), []hashkey.Range{hashkey.Whole()}
	check := func(n int) {
		if n != users {
			b.Fatal(n, users)
		}
	}
	byTurns(b, users,
		contender{name: "md5", pass: func() {
			for i := range stored {
				md5.Sum(stored[i].Data)
			}
		}},
		contender{name: "one", pass: func() {
			n := 0
			for i := range stored {
				for range d.UserRecords(stored[i]) {
					n++
				}
			}
			check(n)
		}},
		contender{name: "each", pass: func() {
			n := 0
			for i := range stored {
				pointer.Each(stored[i:i+1], func(int, *deagg.UserRecord) bool { n++; return true })
			}
			check(n)
		}},
		contender{name: "batch", pass: func() {
			n := 0
			for range d.UserRecords(stored...) {
				n++
			}
			check(n)
		}},
		contender{name: "batch-each", pass: func() {
			n := 0
			pointer.Each(stored, func(int, *deagg.UserRecord) bool { n++; return true })
			check(n)
		}},
		contender{name: "range", pass: func() {
			n := 0
			for range ranged.UserRecords(stored...) {
				n++
			}
			check(n)
		}},
		contender{name: "awslabs", pass: func() {
			all, err := awslabs.DeaggregateRecords(sdk)
			if err != nil {
				b.Fatal(err)
			}
			check(len(all))
		}},
	)
}

// manyAggregates returns about so many bytes of aggregates, in both forms, and how many user records they have.
func manyAggregates(b *testing.B, bytes, size, keys int) (stored []deagg.StoredRecord, sdk []types.Record, users int) {
	r := rand.New(rand.NewPCG(1, 2))
	var e aggregator.Encoder
	for total := 0; total < bytes; {
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		record := aggregator.Record{PartitionKey: fmt.Sprintf("partition-key-%d", r.IntN(keys)), Data: data}
		if ok, err := e.Add(record); err != nil {
			b.Fatal(err)
		} else if ok {
			continue
		}
		s := deagg.StoredRecord{SequenceNumber: sequenceNumber(len(stored)), PartitionKey: "a", Data: e.AppendTo(nil), ArrivalTime: time.Unix(1795529850, 0)}
		stored = append(stored, s)
		sdk = append(sdk, types.Record{SequenceNumber: &s.SequenceNumber, PartitionKey: &s.PartitionKey, Data: s.Data, ApproximateArrivalTimestamp: aws.Time(s.ArrivalTime)})
		users += e.Len()
		total += len(s.Data)
		e.Reset()
	}
	return stored, sdk, users
}

func sequenceNumber(i int) string {
	return fmt.Sprintf("49590338271490256608559692538361571095921575989136%06d", i)
}

// BenchmarkPlain hands out stored records of 100 bytes that are not aggregates, 10,000 in a batch.
//
//	go test -run '^$' -bench Plain -benchtime 15x .
func BenchmarkPlain(b *testing.B) {
	stored := make([]deagg.StoredRecord, 10_000)
	var sdk []types.Record
	for i := range stored {
		stored[i] = deagg.StoredRecord{SequenceNumber: sequenceNumber(i + 1), PartitionKey: fmt.Sprint("key-", i), Data: make([]byte, 100), ArrivalTime: time.Unix(1795529850, 0)}
		s := &stored[i]
		sdk = append(sdk, types.Record{SequenceNumber: &s.SequenceNumber, PartitionKey: &s.PartitionKey, Data: s.Data, ApproximateArrivalTimestamp: &s.ArrivalTime})
	}
	run := func(after seqnum.Extended, want int) func() {
		d := &deagg.Decoder{After: after}
		return times(20, func() {
			n := 0
			for range d.UserRecords(stored...) {
				n++
			}
			if n != want {
				b.Fatal(n, want)
			}
		})
	}
	each := deagg.Decoder{}
	byTurns(b, 20*len(stored),
		contender{name: "awslabs", pass: times(20, func() { awslabs.DeaggregateRecords(sdk) })},
		contender{name: "kplkit", pass: run(seqnum.Extended{}, len(stored))},
		contender{name: "each", pass: times(20, func() { each.Each(stored, func(int, *deagg.UserRecord) bool { return true }) })},
		contender{name: "after", pass: run(seqnum.At(seqnum.MustParse(sequenceNumber(0)), 5), len(stored))},
		contender{name: "skipped", pass: run(seqnum.After(seqnum.MustParse(sequenceNumber(len(stored)))), 0)},
	)
}

// BenchmarkFew hands over one to three aggregates at a time, one by one and together: that must never cost more.
//
//	go test -run '^$' -bench Few -benchtime 25x .
func BenchmarkFew(b *testing.B) {
	for _, lanes := range []int{16, 8, 1} {
		before := md5x.SetLanes(lanes)
		if md5x.Lanes() != lanes {
			b.Logf("not run with %d lanes: this processor does not have them", lanes)
			continue
		}
		for _, lengths := range [][]int{{2}, {400}, {2, 2}, {10, 10}, {400, 400}, {2, 400}, {100, 400}, {200, 400}, {2, 2, 400}, {400, 400, 400}} {
			b.Run(fmt.Sprintf("lanes=%d/records=%v", lanes, lengths), func(b *testing.B) { benchmarkFew(b, lengths) })
		}
		md5x.SetLanes(before)
	}
}

func benchmarkFew(b *testing.B, lengths []int) {
	var stored []deagg.StoredRecord
	users := 0
	for i, n := range lengths {
		var e aggregator.Encoder
		for _, r := range records(n, 10, 100) {
			e.Add(r)
		}
		stored = append(stored, deagg.StoredRecord{SequenceNumber: sequenceNumber(i), PartitionKey: "a", Data: e.AppendTo(nil)})
		users += n
	}
	const rounds = 20_000
	var one, together deagg.Decoder
	repeat := rounds/users + 1
	byTurns(b, repeat*users,
		contender{name: "one", pass: times(repeat, func() {
			for i := range stored {
				one.Each(stored[i:i+1], func(int, *deagg.UserRecord) bool { return true })
			}
		})},
		contender{name: "together", pass: times(repeat, func() { together.Each(stored, func(int, *deagg.UserRecord) bool { return true }) })},
	)
}
