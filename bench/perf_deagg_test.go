package bench

import (
	"crypto/md5"
	"fmt"

	awslabs "github.com/awslabs/kinesis-aggregation/go/v2/deaggregator"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/hashkey"
	"github.com/kplkit/kplkit/internal/md5x"
	"github.com/kplkit/kplkit/seqnum"
)

// The contenders that read stored records. Each checks that it has met all user records.

func ofMD5(d dataSet) contender {
	return contender{name: "crypto/md5 alone", pass: func() {
		for _, r := range d.stored {
			md5.Sum(r.Data)
		}
	}}
}

func ofDecoder(name string, d dataSet, decoder *deagg.Decoder) contender {
	return contender{name: name, pass: func() {
		n := 0
		decoder.Each(d.stored, func(_ int, u *deagg.UserRecord) bool {
			n += min(1, len(u.Data))
			return true
		})
		d.check(n)
	}}
}

// byAVX2 is kplkit on a processor without AVX-512.
func byAVX2(d dataSet) contender {
	c := ofDecoder("kplkit by AVX2", d, new(deagg.Decoder))
	pass := c.pass
	c.pass = func() {
		defer md5x.SetLanes(md5x.SetLanes(8))
		pass()
	}
	return c
}

func oneByOne(d dataSet) contender {
	var decoder deagg.Decoder
	return contender{name: "kplkit, one by one", pass: func() {
		n := 0
		for i := range d.stored {
			decoder.Each(d.stored[i:i+1], func(_ int, u *deagg.UserRecord) bool {
				n += min(1, len(u.Data))
				return true
			})
		}
		d.check(n)
	}}
}

func ofAwslabs(d dataSet) contender {
	return contender{name: "awslabs Go", pass: func() {
		all, err := awslabs.DeaggregateRecords(d.batch)
		if err != nil {
			panic(err)
		}
		d.check(len(all))
	}}
}

func (d dataSet) check(n int) {
	if n != d.users {
		panic(fmt.Sprintf("%d user records, want %d", n, d.users))
	}
}

// byLanes returns the goal for what this machine has: AVX-512, AVX2, or neither.
func byLanes(avx512, avx2 float64) float64 {
	switch md5x.Lanes() {
	case 16:
		return avx512
	case 8:
		return avx2
	}
	return 0
}

// deaggregation takes aggregates apart, of all sizes of user records, under ten keys an aggregate and under one each.
func deaggregation(s *session) {
	java := javaKCL.there(s)
	plots := s.plot("performance-sizes", "CPU time of a user record that is read", "bytes of a user record", "ns")
	s.note("%d MiB of aggregates of 50 KB. Nanoseconds of CPU time per user record, medians.", s.volume>>20)
	s.table("bytes", "keys", "crypto/md5 alone", "kplkit", "kplkit, one by one", "awslabs Go", javaKCL.name)
	for _, keys := range []int{10, 0} {
		for _, size := range sizes {
			d := aggregates(s.volume, usualAggregate, size, keys)
			cs := []contender{ofMD5(d), ofDecoder("kplkit", d, new(deagg.Decoder)), oneByOne(d), ofAwslabs(d)}
			if size == 100 && keys > 0 && md5x.Lanes() == 16 {
				cs = append(cs, byAVX2(d))
			}
			if java && (size == 100 || !s.short()) && keys > 0 {
				cs = append(cs, warmJava(s.t, d))
			}
			spent := takeTurns(s.rounds, s.each, cs)
			name := map[int]string{10: "ten an aggregate", 0: "one each"}[keys]
			cells := []string{fmt.Sprint(size), name}
			for _, c := range []string{"crypto/md5 alone", "kplkit", "kplkit, one by one", "awslabs Go", javaKCL.name} {
				if spent[c] == nil {
					cells = append(cells, "–")
					continue
				}
				ns := spent[c].per(d.users).median
				if cells = append(cells, number(ns)); keys > 0 {
					plots.add(c, float64(size), ns)
				}
			}
			s.row(cells...)
			s.deaggregationGoals(size, keys, name, spent)
		}
	}
}

func (s *session) deaggregationGoals(size, keys int, name string, spent map[string]spendings) {
	if size == 10 && keys > 0 {
		s.atLeast(0.60, "10 B records one by one, speed of crypto/md5", spent["crypto/md5 alone"].over(spent["kplkit, one by one"]), "")
	}
	if size != 100 {
		return
	}
	what := "MD5 of many aggregates, 100 B records, keys " + name
	if keys == 0 { // the goals are of repeated keys
		s.atLeast(0, what+", × awslabs Go", spent["awslabs Go"].over(spent["kplkit"]), "")
		return
	}
	for _, c := range []struct {
		name, by              string
		awslabsGoal, javaGoal float64
	}{{"kplkit", "", byLanes(18, 9), byLanes(14, 7)}, {"kplkit by AVX2", ", by AVX2", 9, 7}} {
		ours := spent[c.name]
		if ours == nil {
			continue
		}
		s.atLeast(c.awslabsGoal, what+c.by+", × awslabs Go", spent["awslabs Go"].over(ours), "")
		if spent[javaKCL.name] != nil {
			s.atLeast(c.javaGoal, what+c.by+", × "+javaKCL.name+" warm", spent[javaKCL.name].over(ours), "")
		}
	}
}

// decoding measures what a Decoder does besides: the filter by range, plain records, and batches of all sizes.
func decoding(s *session) {
	for _, set := range []struct {
		name string
		keys int
		goal float64
	}{{"all keys distinct", 0, 0.70}, {"ten keys", 10, 0.91}} {
		d := aggregates(s.volume, usualAggregate, 100, set.keys)
		spent := takeTurns(s.rounds, s.each, []contender{
			ofDecoder("all", d, new(deagg.Decoder)), ofDecoder("filtered", d, &deagg.Decoder{HashRange: hashkey.Whole(), Ancestors: []hashkey.Range{hashkey.Whole()}}),
		})
		s.atLeast(set.goal, "range filter, of the unfiltered speed: "+set.name, spent["all"].over(spent["filtered"]), "")
	}
	p := plain(10_000, 100)
	after := seqnum.After(seqnum.MustParse("49590338271490256608559692538361571095921575989120000000"))
	spent := takeTurns(s.rounds, s.each, []contender{
		ofDecoder("plain", p, new(deagg.Decoder)), ofDecoder("plain, After", p, &deagg.Decoder{After: after}),
	})
	s.atMost(25, "plain records in a batch", spent["plain"].per(p.users), " ns")
	s.atMost(35, "plain records in a batch, with After set", spent["plain, After"].per(p.users), " ns")
	s.table("bytes of a batch", "aggregates", "ns per user record of 100 B")
	for _, bytes := range []int{usualAggregate - 200, 2 * usualAggregate, 16 * usualAggregate, 1 << 20, 8 << 20, 64 << 20} {
		if s.short() && bytes > s.volume {
			continue
		}
		d := aggregates(bytes, usualAggregate, 100, 10)
		spent := takeTurns(max(3, s.rounds/2), s.each, []contender{ofDecoder("kplkit", d, new(deagg.Decoder))})
		s.row(fmt.Sprint(d.bytes), fmt.Sprint(len(d.stored)), number(spent["kplkit"].per(d.users).median))
	}
	for _, limit := range []int{1 << 20, 8 << 20} {
		d := aggregates(limit-1000, limit, 100, 10)
		spent := takeTurns(max(3, s.rounds/2), s.each, []contender{ofDecoder("kplkit", d, new(deagg.Decoder))})
		s.row(fmt.Sprint(d.bytes), fmt.Sprintf("%d, of up to %d MiB", len(d.stored), limit>>20), number(spent["kplkit"].per(d.users).median))
	}
}
