package bench

import (
	"runtime"
	"slices"
	"time"
)

// A contender goes over the same data as the others, in the same number of units, such as user records.
type contender struct {
	name  string
	pass  func()                         // once over the data, in this process
	timed func(d time.Duration) spending // or for about that long in another one; the spending of one pass
}

// spending is what a pass took: CPU time of all threads, the garbage collector's included, and time by the clock.
type spending struct{ cpu, wall time.Duration }

// spendings are those of a contender, by round.
type spendings []spending

// takeTurns measures contenders by turns, each for a time and at least one pass, in a number of rounds. What else the machine does
// meets all of them, so that ratios within a round hold where absolute figures do not.
func takeTurns(rounds int, each time.Duration, contenders []contender) map[string]spendings {
	all := map[string]spendings{}
	for round := range rounds + 1 {
		for i := range contenders {
			c := contenders[(i+round)%len(contenders)]
			spent := c.measure(each)
			if round > 0 { // the first one warms up
				all[c.name] = append(all[c.name], spent)
			}
		}
	}
	return all
}

func (c contender) measure(each time.Duration) spending {
	if c.timed != nil {
		return c.timed(each)
	}
	runtime.GC() // what others have left
	passes, began, busy := 0, time.Now(), cpuTime()
	for passes == 0 || time.Since(began) < each {
		c.pass()
		passes++
	}
	return spending{(cpuTime() - busy) / time.Duration(passes), time.Since(began) / time.Duration(passes)}
}

// summary is the median of all rounds, and the range.
type summary struct{ median, low, high float64 }

func summarize(x []float64) summary {
	x = slices.Sorted(slices.Values(x))
	return summary{x[len(x)/2], x[0], x[len(x)-1]}
}

// per returns nanoseconds of CPU time per unit.
func (s spendings) per(units int) summary {
	return s.each(func(i int) float64 { return float64(s[i].cpu) / float64(units) })
}

// perWall returns nanoseconds by the clock per unit.
func (s spendings) perWall(units int) summary {
	return s.each(func(i int) float64 { return float64(s[i].wall) / float64(units) })
}

// over returns how many times the CPU time of other this is, round by round.
func (s spendings) over(other spendings) summary {
	return s.each(func(i int) float64 { return float64(s[i].cpu) / float64(other[i].cpu) })
}

func (s spendings) each(f func(round int) float64) summary {
	x := make([]float64, len(s))
	for i := range s {
		x[i] = f(i)
	}
	return summarize(x)
}
