package bench

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/producer"
)

// producing puts records of three sizes to four shards, in a stream that takes signed requests and stores nothing.
func producing(s *session) {
	s.note("Four shards, 1,000 partition keys, signed requests. CPU time per record: producer, SDK, signature, garbage.")
	s.table("bytes", "kplkit, ns", "a8m, ns", "kplkit by the clock, ns", "a8m by the clock, ns")
	for _, set := range []struct {
		size int
		goal float64
	}{{10, 0}, {100, 0.70}, {1000, 0.55}, {10_000, 0.55}} {
		n := min(30_000_000/set.size, 300_000)
		ours, theirs := s.put(4, set.size, n)
		s.row(fmt.Sprint(set.size), number(ours.per(n).median), number(theirs.per(n).median), number(ours.perWall(n).median), number(theirs.perWall(n).median))
		s.atMost(set.goal, fmt.Sprintf("producer, 4 shards, %d B, CPU of a8m", set.size), ours.over(theirs), "")
	}
}

// byShards puts records of 100 bytes as fast as may be. a8m does not look at shards.
func byShards(s *session) {
	plot := s.plot("performance-shards", "CPU time of a record that is put", "shards", "ns")
	s.note("100 B records, as fast as may be.")
	s.table("shards", "kplkit, ns", "a8m, ns")
	shards := []int{1, 4, 64, 1000, 10_000}
	if s.short() {
		shards = []int{4, 1000}
	}
	for _, count := range shards {
		n := 300_000
		ours, theirs := s.put(count, 100, n)
		s.row(fmt.Sprint(count), number(ours.per(n).median), number(theirs.per(n).median))
		plot.add("kplkit", float64(count), ours.per(n).median)
		plot.add("a8m/kinesis-producer", float64(count), theirs.per(n).median)
		if goal := map[int]float64{64: 0.9, 1000: 1.0}[count]; goal > 0 {
			s.atMost(goal, fmt.Sprintf("producer, %d shards, 100 B, CPU of a8m (which ignores shards)", count), ours.over(theirs), "")
		}
	}
}

func (s *session) put(shards, size, n int) (ours, theirs spendings) {
	if s.short() {
		n /= 10
	}
	stream, keys := newSwallow(shards), cpuKeyNames()
	spent := takeTurns(min(s.rounds, 5), 0, []contender{
		{name: "kplkit", pass: func() { swallowedByKplkit(s.t, stream, keys, n, size) }},
		{name: "a8m", pass: func() { swallowedByA8m(s.t, stream, keys, n, size) }},
	})
	return spent["kplkit"].scaled(n), spent["a8m"].scaled(n)
}

// atOnce answers PutRecords without the SDK.
type atOnce struct{ swallowAPI }

func (a atOnce) PutRecords(_ context.Context, in *kinesis.PutRecordsInput, _ ...func(*kinesis.Options)) (*kinesis.PutRecordsOutput, error) {
	a.requests.Add(1)
	out := &kinesis.PutRecordsOutput{Records: make([]types.PutRecordsResultEntry, len(in.Records))}
	number := "49590338271490256608559692538361571095921575989136588898"
	for i, r := range in.Records {
		out.Records[i] = types.PutRecordsResultEntry{ShardId: &a.ids[a.ownerOf(r)], SequenceNumber: &number}
	}
	return out, nil
}

// trickle puts a record each 5 ms of virtual time, so that it measures the producer alone, and how late records are.
func trickle(s *session) {
	const n, every, linger = 4000, 5 * time.Millisecond, 100 * time.Millisecond
	s.note("A record each 5 ms, linger %v, in virtual time, without the SDK: the producer's own cost.", linger)
	s.table("shards", "requests a second", "µs of CPU per record", "latest result after")
	var costs []float64
	for _, count := range []int{1, 10, 100, 1000, 10_000} {
		var latest time.Duration
		var requests []float64
		stream := newSwallow(count)
		spent := takeTurns(min(s.rounds, 3), 0, []contender{{name: "kplkit", pass: func() {
			synctest.Test(s.t, func(t *testing.T) {
				stream.requests.Store(0)
				p, err := producer.New(atOnce{swallowAPI{nil, stream}}, "s", producer.WithRateLimit(0), producer.WithLinger(linger))
				if err != nil {
					t.Fatal(err)
				}
				if err := p.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
				for i := range n {
					put := time.Now()
					done := func(_ producer.Record, r producer.Result) { latest = max(latest, time.Since(put)) }
					if err := p.Put(t.Context(), producer.Record{PartitionKey: strconv.Itoa(i), Data: putData(i)}, done); err != nil {
						t.Fatal(err)
					}
					time.Sleep(every)
				}
				if err := p.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
				requests = append(requests, float64(stream.requests.Load())/(n*every).Seconds())
			})
		}}})
		x := spent["kplkit"].per(n * 1000)
		costs = append(costs, x.median)
		s.row(fmt.Sprint(count), number(summarize(requests).median), number(x.median), fmt.Sprint(latest))
		if count == 1000 {
			s.atMost(20, "trickle of 200 records a second, 1,000 shards, requests a second", summarize(requests), "")
			s.atMost(100, "the same, latest result of a record, linger 100 ms", summarize([]float64{float64(latest.Milliseconds())}), " ms")
		}
	}
	c := summarize(costs)
	s.atMost(1.3/0.7, "trickle, cost per record from 1 to 10,000 shards (±30 %), largest of smallest", summarize([]float64{c.high / c.low}), "")
}
