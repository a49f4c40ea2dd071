package bench

import (
	"fmt"

	a8m "github.com/a8m/kinesis-producer"

	"github.com/kplkit/kplkit/producer/aggregator"
)

// aggregation fills and closes aggregates of 50 KB from user records, the MD5s of sixteen together.
func aggregation(s *session) {
	plot := s.plot("performance-aggregate", "CPU time of a user record that is aggregated", "bytes of a user record", "ns")
	s.note("%d MiB of user records into aggregates of 50 KB. a8m gives all user records of an aggregate the first one's partition key.", s.volume>>20)
	s.table("bytes", "keys", "kplkit, ns", "a8m, ns")
	for _, keys := range []int{10, 0} {
		for _, size := range sizes {
			all := userRecords(s.volume/(size+8), size, keys)
			spent := takeTurns(s.rounds, s.each, []contender{byEncoder(all), a8mAggregator(all)})
			ours, theirs := spent["kplkit"].per(len(all)).median, spent["a8m"].per(len(all)).median
			s.row(fmt.Sprint(size), map[int]string{10: "ten", 0: "one each"}[keys], number(ours), number(theirs))
			if keys == 0 {
				continue
			}
			plot.add("kplkit", float64(size), ours)
			plot.add("a8m/kinesis-producer", float64(size), theirs)
			if size == 100 || size == 1000 {
				s.atLeast(byLanes(9, 0), fmt.Sprintf("aggregator, × a8m, %d B", size), spent["a8m"].over(spent["kplkit"]), "")
			}
		}
	}
}

// byEncoder sums sixteen aggregates together.
func byEncoder(all []aggregator.Record) contender {
	const together = 16
	e, summer, open := aggregator.Encoder{MaxBytes: usualAggregate}, aggregator.Summer{}, make([][]byte, together)
	return contender{name: "kplkit", pass: func() {
		e.Reset()
		n := 0
		next := func() {
			open[n] = e.AppendUnsummed(open[n][:0])
			e.Reset()
			if n++; n == together {
				summer.Sum(open...)
				n = 0
			}
		}
		for i := range all {
			ok, err := e.Add(all[i])
			if err == nil && !ok {
				next()
				_, err = e.Add(all[i])
			}
			if err != nil {
				panic(err)
			}
		}
		if e.Len() > 1 {
			next()
		}
		summer.Sum(open[:n]...)
	}}
}

func a8mAggregator(all []aggregator.Record) contender {
	var a a8m.Aggregator
	drain := func() {
		if _, err := a.Drain(); err != nil {
			panic(err)
		}
	}
	return contender{name: "a8m", pass: func() {
		for i := range all {
			if a.Size()+len(all[i].Data)+len(all[i].PartitionKey) > usualAggregate {
				drain()
			}
			a.Put(all[i].Data, all[i].PartitionKey)
		}
		drain()
	}}
}
