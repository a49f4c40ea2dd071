package bench

import (
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

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
		n := s.puts(set.size)
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
		n := s.puts(100)
		ours, theirs := s.put(count, 100, n)
		s.row(fmt.Sprint(count), number(ours.per(n).median), number(theirs.per(n).median))
		plot.add("kplkit", float64(count), ours.per(n).median)
		plot.add("a8m/kinesis-producer", float64(count), theirs.per(n).median)
		if goal := map[int]float64{64: 0.9, 1000: 1.0}[count]; goal > 0 {
			s.atMost(goal, fmt.Sprintf("producer, %d shards, 100 B, CPU of a8m (which ignores shards)", count), ours.over(theirs), "")
		}
	}
}

// puts is how many records of a size are put in a pass.
func (s *session) puts(size int) int {
	n := min(30_000_000/size, 300_000)
	if s.short() {
		n /= 10
	}
	return n
}

func (s *session) put(shards, size, n int) (ours, theirs spendings) {
	stream, keys := newSwallow(shards), cpuKeyNames()
	spent := takeTurns(min(s.rounds, 5), 0, []contender{
		{name: "kplkit", pass: func() { swallowedByKplkit(s.t, stream, keys, n, size) }},
		{name: "a8m", pass: func() { swallowedByA8m(s.t, stream, keys, n, size) }},
	})
	return spent["kplkit"], spent["a8m"]
}

// trickle puts a record each 5 ms to more and more shards. What it costs is measured by the clock, wake-ups and all; how many requests
// it takes, and how long the slowest result, in virtual time, where nothing else is at work.
func trickle(s *session) {
	n := 800
	if s.short() {
		n = 200
	}
	s.note("A record each 5 ms, the usual linger of 100 ms, signed requests. CPU time from the first record to the last result.")
	s.table("shards", "µs of CPU per record", "requests a second", "latest result after")
	var costs []float64
	for _, shards := range []int{1, 10, 100, 1000, 10_000} {
		stream := newSwallow(shards)
		x := takeTurns(min(s.rounds, 3), 0, []contender{{name: "kplkit", timed: func(time.Duration) spending {
			spent, _, _ := drip(s.t, stream, n)
			return spent
		}}})["kplkit"].per(n * 1000)
		costs = append(costs, x.median)
		var requests float64
		var latest time.Duration
		synctest.Test(s.t, func(t *testing.T) { _, requests, latest = drip(t, stream, n) })
		s.row(fmt.Sprint(shards), number(x.median), number(requests), fmt.Sprint(latest))
		if shards == 1000 {
			s.atMost(20, "trickle of 200 records a second, 1,000 shards, requests a second", summarize([]float64{requests}), "")
			s.atMost(100, "the same, latest result of a record, linger 100 ms", summarize([]float64{float64(latest.Milliseconds())}), " ms")
		}
	}
	c := summarize(costs)
	s.atMost(1.3/0.7, "trickle, cost per record from 1 to 10,000 shards (±30 %), largest of smallest", summarize([]float64{c.high / c.low}), "")
}

// drip puts n records, one each 5 ms.
func drip(t *testing.T, stream *swallow, n int) (spent spending, requestsPerSecond float64, latest time.Duration) {
	p := stream.producer(t)
	before, began, busy := stream.requests.Load(), time.Now(), cpuTime()
	for i := range n {
		put := time.Now()
		done := func(_ producer.Record, r producer.Result) { latest = max(latest, time.Since(put)) }
		if err := p.Put(t.Context(), producer.Record{PartitionKey: strconv.Itoa(i), Data: putData(i)}, done); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Until(began.Add(time.Duration(i+1) * 5 * time.Millisecond)))
	}
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	spent = spending{cpuTime() - busy, time.Since(began)}
	return spent, float64(stream.requests.Load()-before) / spent.wall.Seconds(), latest
}
