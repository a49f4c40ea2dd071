package scale

import (
	"fmt"
	"time"
)

// fromNothing: workers start at the same time, with a new table and nothing configured; then nothing happens.
func fromNothing(f *fleet, s size) (r figures) {
	f.CreateStream(stream, s.shards)
	f.seed(s.shards)
	before := memoryOfWorkers()
	f.meter.lap()
	f.start(s.workers)
	r.consumed = until(patience, func() bool { return f.book.consumed() == s.shards })
	r.consumedShards = f.book.consumed()
	r.busy = f.meter.lap()
	r.turnover = f.ledger.lap()
	if s.steady {
		f.settle(s.shards)
		time.Sleep(time.Minute)
		f.meter.lap()
		time.Sleep(5 * time.Minute)
		r.steady = f.meter.lap()
		now := memoryOfWorkers()
		r.last = memory{now.heap - before.heap, now.goroutines - before.goroutines}
	}
	r.shares, r.owned, r.startErrors = f.ledger.shares(f.live()), f.ledger.owned(), f.failedStarts()
	return r
}

var consumedColumn = column{"every shard is consumed after", func(f figures) string {
	if f.consumed == never {
		return fmt.Sprintf("more than 3600 s (%d are)", f.consumedShards)
	}
	return seconds(f.consumed)
}}

var fromNothingColumns = []column{
	consumedColumn, sharesColumn, lostColumn, startColumn,
	{"calls a second meanwhile (in the busiest second)", func(f figures) string { return f.busy.String() }},
}

// Of the same runs: what it costs once all is settled.
var steadyColumns = []column{
	{"shards owned", func(f figures) string { return fmt.Sprint(f.owned) }},
	{"reads of the table a second", func(f figures) string { return rate(f.steady.perSecond(reads...)) }},
	{"writes", func(f figures) string { return rate(f.steady.perSecond(writes...)) }},
	{"ListShards a worker and minute", func(f figures) string {
		return fmt.Sprintf("%.1f", 60*f.steady.perSecond("ListShards")/float64(f.workers))
	}},
	{"calls a second (in the busiest second)", func(f figures) string { return f.steady.String() }},
	{"heap of the workers", func(f figures) string { return fmt.Sprintf("%.0f MB", f.last.heap) }},
	{"goroutines", func(f figures) string { return fmt.Sprint(f.last.goroutines) }},
}

// tooSmall: the table is made with the capacity that vmware's configuration has by default, ten units, if it is made
// with any. owned is the mean of the last ten minutes.
func tooSmall(f *fleet, s size) (r figures) {
	f.capacity = &capacity{}
	f.CreateStream(stream, s.shards)
	f.start(s.workers)
	f.hurry(1000)
	time.Sleep(20 * time.Minute)
	f.ledger.lap()
	const looks = 600
	for range looks {
		time.Sleep(time.Second)
		r.owned += f.ledger.owned()
	}
	r.owned /= looks
	r.turnover, r.shares = f.ledger.lap(), f.ledger.shares(f.live())
	return r
}

var tooSmallColumns = []column{
	{"shards owned, mean of ten minutes", func(f figures) string { return fmt.Sprint(f.owned) }}, lostColumn, gapColumn,
}
