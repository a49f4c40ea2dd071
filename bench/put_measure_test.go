package bench

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"syscall"
	"testing"
	"time"
)

// usage is what a producer took: peaks are the highest of all runs, the rest are sums.
type usage struct {
	took, cpu       time.Duration
	allocations     uint64
	runs            int
	heap, rss, gors uint64 // peaks above what there was before
}

func (u *usage) add(v usage) {
	u.took += v.took
	u.cpu += v.cpu
	u.allocations += v.allocations
	u.runs++
	u.heap, u.rss, u.gors = max(u.heap, v.heap), max(u.rss, v.rss), max(u.gors, v.gors)
}

func (u *usage) report(b *testing.B, name string) {
	records := float64(u.runs * putRecords)
	b.ReportMetric(records/u.took.Seconds(), name+"-records/s")
	b.ReportMetric(float64(u.cpu.Nanoseconds())/records, name+"-cpu-ns/record")
	b.ReportMetric(float64(u.allocations)/records, name+"-allocs/record")
	b.ReportMetric(float64(u.heap)/(1<<20), name+"-heap-MiB")
	b.ReportMetric(float64(u.rss)/(1<<20), name+"-RSS-MiB")
	b.ReportMetric(float64(u.gors), name+"-goroutines")
}

// measure runs fn and looks at memory and goroutines every two milliseconds meanwhile.
func measure(fn func()) usage {
	debug.FreeOSMemory()
	before := look()
	var u usage
	ask, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for tick := time.NewTicker(2 * time.Millisecond); ; {
			select {
			case <-tick.C:
				now := look()
				u.heap, u.rss, u.gors = max(u.heap, now.heap), max(u.rss, now.rss), max(u.gors, now.gors)
			case <-ask:
				tick.Stop()
				return
			}
		}
	}()
	var first, last runtime.MemStats
	runtime.ReadMemStats(&first)
	begin, busy := time.Now(), cpuTime()
	fn()
	u.took, u.cpu = time.Since(begin), cpuTime()-busy
	runtime.ReadMemStats(&last)
	close(ask)
	<-ended
	u.allocations = last.Mallocs - first.Mallocs
	u.heap, u.rss, u.gors = above(u.heap, before.heap), above(u.rss, before.rss), above(u.gors, before.gors+1)
	return u
}

func above(peak, before uint64) uint64 { return max(peak, before) - before }

// look returns what the heap's objects take, dead ones that are not collected yet included, the resident memory (0 but
// on Linux) and the goroutines.
func look() (u usage) {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/sched/goroutines:goroutines"}}
	metrics.Read(s)
	u.heap, u.gors = s[0].Value.Uint64(), s[1].Value.Uint64()
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return u
	}
	var size, resident uint64
	fmt.Fscan(bytes.NewReader(statm), &size, &resident)
	u.rss = resident * uint64(os.Getpagesize())
	return u
}

// cpuTime is what this process has taken of the processors.
func cpuTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
