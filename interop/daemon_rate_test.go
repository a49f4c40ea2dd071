package interop

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
)

// costs is what a child takes to put user records of one size as fast as the wrapper hands them over.
type costs struct {
	Wrapper string `json:"wrapper"`
	Child   string `json:"child"`
	Size    int    `json:"bytes"`
	Records int    `json:"records"` // in each run
	Runs    int    `json:"runs"`    // by turns with the other child's

	CPU  float64 `json:"cpu_seconds_per_million"` // of the child alone, median
	Rate float64 `json:"records_per_second"`      // median; the wrapper and Kinesis run on the same processors
	Peak float64 `json:"peak_mib"`                // VmHWM, the most of all runs

	cpus, rates []float64
}

const (
	costRuns   = 3
	costShards = 8
	costWindow = 10000 // user records without a result
	costWarmUp = 5000  // before it is measured
)

// costSizes are the sizes that are measured, and how many records of each.
var costSizes = []struct{ size, records int }{{100, 200_000}, {1000, 60_000}}

// costs measures both children by turns.
func (s *daemonSession) costs(t *testing.T) (all []*costs) {
	for _, of := range costSizes {
		pair := []*costs{{Child: s.native.name}, {Child: s.daemon.name}}
		for run := range costRuns {
			for i, c := range []child{s.native, s.daemon} {
				pair[i].Wrapper, pair[i].Size, pair[i].Records = s.version, of.size, of.records
				pair[i].measure(t, s, c, fmt.Sprint("cost-", of.size, "-", run, "-", i))
			}
		}
		for _, c := range pair {
			c.Runs, c.CPU, c.Rate = costRuns, median(c.cpus), median(c.rates)
			t.Logf("%s %-13s %4d bytes: %6.2f CPU s per million, %7.0f records/s, %6.1f MiB at most  %.2f", c.Wrapper, c.Child, c.Size, c.CPU, c.Rate, c.Peak, c.cpus)
		}
		t.Logf("kplkit daemon takes %.2f of the native binary's CPU time, %.2f of its memory, at %.2f of its rate",
			pair[1].CPU/pair[0].CPU, pair[1].Peak/pair[0].Peak, pair[1].Rate/pair[0].Rate)
		all = append(all, pair...)
	}
	return all
}

func (c *costs) measure(t *testing.T, s *daemonSession, by child, stream string) {
	s.world.create(t, stream, costShards)
	k := s.feed.start(by, map[string]string{"RateLimit": "100000"}) // so that it is not what limits
	wake(t, k, stream)
	k.load(stream, costWarmUp, c.Size, costWindow)
	before := by.usage(t)
	stored, took := k.load(stream, c.Records, c.Size, costWindow)
	after := by.usage(t)
	k.end()
	if stored != c.Records {
		t.Errorf("%s: %d of %d are stored", by.name, stored, c.Records)
	}
	c.cpus = append(c.cpus, (after.cpu-before.cpu).Seconds()/float64(c.Records)*1e6)
	c.rates = append(c.rates, float64(c.Records)/took.Seconds())
	c.Peak = max(c.Peak, float64(after.peak)/(1<<20))
	checkLoad(t, s.world, stream, by.name, c.Records)
	s.world.remove(t, stream)
}

// checkLoad holds that each user record of a load is in the stream once: twice are those that are in the warm-up, too.
func checkLoad(t *testing.T, w *daemonWorld, stream, by string, records int) {
	times := make([]int, records)
	for _, r := range w.read(t, stream) {
		users, err := takeApart(r)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range users {
			if u.key != "awake" {
				times[binary.BigEndian.Uint64([]byte(u.data))]++
			}
		}
	}
	for i, n := range times {
		if want := 1; n != want && !(i < costWarmUp && n == want+1) {
			t.Fatalf("%s: user record %d is there %d times", by, i, n)
		}
	}
}

func median(of []float64) float64 {
	of = slices.Sorted(slices.Values(of))
	return of[len(of)/2]
}
