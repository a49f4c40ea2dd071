package scale

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// size is one row's set-up. Each scenario says what of it counts.
type size struct {
	shards, workers int
	joining         int           // workers that start later
	kill            bool          // workers are killed, not terminated
	refusing        time.Duration // how long DynamoDB refuses
	rate            int           // user records a second
	steady          bool          // go on for five minutes
	rest            time.Duration // between two kills; 0: none
	lasts           time.Duration
	alone           bool // for kplkit only: at one lease a pass, vmware would have it measured for hours
}

func (s size) String() string {
	text := fmt.Sprintf("%d shards, %d workers", s.shards, s.workers)
	add := func(is bool, format string, args ...any) {
		if is {
			text += fmt.Sprintf(format, args...)
		}
	}
	add(s.joining > 0, " and %d more", s.joining)
	add(s.refusing > 0, ", refused for %.0f s", s.refusing.Seconds())
	add(s.kill && s.rest == 0, ", killed")
	add(s.rest > 0, ", one killed every %.0f s", s.rest.Seconds())
	return strings.Replace(text, " 1 workers", " 1 worker", 1)
}

// figures is what one run has measured, as far as its scenario measures it.
type figures struct {
	size
	consumed       time.Duration // until a record of every shard was delivered
	consumedShards int
	reached        time.Duration // the scenario's own goal: every shard owned again, or even shares
	owned          int
	shares         []int // shards of each worker
	startErrors    int
	turnover
	delivery
	busy, steady calls  // until the goal is reached; later
	first, last  memory // of the workers, when all is settled, and at the end
}

// isEven tells whether every worker has its share of the shards, within a tenth.
func (f figures) isEven() bool {
	mean := float64(f.shards) / float64(len(f.shares))
	low, high := math.Floor(0.9*mean), math.Ceil(1.1*mean)
	return !slices.ContainsFunc(f.shares, func(n int) bool { return float64(n) < low || float64(n) > high })
}

// column is one column of a scenario's table.
type column struct {
	head string
	of   func(figures) string
}

func seconds(d time.Duration) string {
	switch {
	case d == never:
		return "never"
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%.0f s", d.Seconds())
}

// The columns that scenarios choose from.
var (
	sharesColumn   = column{"shards of a worker", func(f figures) string { return fmt.Sprintf("%d–%d", slices.Min(f.shares), slices.Max(f.shares)) }}
	lostColumn     = column{"leases lost", func(f figures) string { return fmt.Sprint(f.turnover.lost) }}
	movesColumn    = column{"moves of a shard, most and mean", func(f figures) string { return fmt.Sprintf("%d, %.1f", f.most(), f.mean(f.shards)) }}
	gapColumn      = column{"longest without an owner", func(f figures) string { return seconds(f.gap) }}
	ackedColumn    = column{"acknowledged", func(f figures) string { return fmt.Sprint(f.acked) }}
	deliveryColumn = column{"records lost", func(f figures) string { return fmt.Sprint(f.delivery.lost) }}
	repeatsColumn  = column{"repeated", func(f figures) string { return fmt.Sprint(f.repeats) }}
	latencyColumn  = column{"latency p50, p99, max", func(f figures) string {
		return fmt.Sprintf("%s, %s, %s", seconds(f.p50), seconds(f.p99), seconds(f.max))
	}}
	startColumn = column{"failed starts", func(f figures) string { return fmt.Sprint(f.startErrors) }}
)

func reachedColumn(head string) column {
	return column{head, func(f figures) string {
		if f.reached == never {
			return fmt.Sprintf("never (%d owned)", f.owned)
		}
		return seconds(f.reached)
	}}
}
