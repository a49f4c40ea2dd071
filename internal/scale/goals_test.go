package scale

import "time"

// goal is what kplkit has to reach in a scenario.
type goal struct {
	scenario string
	says     string
	met      func(figures) bool
	notYet   bool // known to be missed: said in the log, and no failure
}

// goals is the one place that says what is enough. (The goals of issue "Fleets".)
var goals = []goal{
	{"start", "a worker of up to 128 shards consumes all within 60 s", func(f figures) bool {
		return f.shards > 128*f.workers || within(f.consumed, 60*time.Second)
	}, true},
	{"start", "all shards are consumed within 180 s", func(f figures) bool {
		return f.workers == 1 || within(f.consumed, 180*time.Second)
	}, true},
	{"start", "every worker has its share, within a tenth", func(f figures) bool {
		return f.shards < 10*f.workers || f.isEven()
	}, false},
	{"start", "no lease is lost meanwhile", func(f figures) bool { return f.turnover.lost == 0 }, false},
	{"start", "every Start succeeds", func(f figures) bool { return f.startErrors == 0 }, false},
	{"start", "one worker reads the table by one Scan a pass, and by nothing else", func(f figures) bool {
		return !f.size.steady || f.workers > 1 ||
			f.steady.n(reads...) == f.steady.n("Scan", nextPage) && f.steady.n("Scan") <= passes(f)
	}, false},
	{"start", "the table is read at most 43 times a second", func(f figures) bool {
		return f.steady.perSecond(reads...) <= 43
	}, false},
	{"start", "a worker lists the shards at most once a pass", func(f figures) bool {
		return f.steady.n("ListShards") <= passes(f)
	}, false},
	{"start", "writes are renewals: nothing is read, so there are no checkpoints", func(f figures) bool {
		renewals := f.steady.took.Seconds() / renewal.Seconds() * float64(f.shards)
		return float64(f.steady.n(writes...)) <= 1.02*renewals
	}, false},

	{"rolling", "every shard is owned within 15 s of a step", func(f figures) bool { return within(f.reached, 15*time.Second) }, true},
	{"rolling", "no shard moves more than twice", func(f figures) bool { return f.most() <= 2 }, true},

	{"outage", "4 s cost no lease", func(f figures) bool {
		return f.refusing > 4*time.Second || f.turnover.lost == 0
	}, true},
	{"outage", "every shard is owned 15 s after the end", func(f figures) bool { return within(f.reached, 15*time.Second) }, true},

	{"reshard", "every open shard is owned within two minutes", func(f figures) bool { return within(f.reached, 2*time.Minute) }, true},

	{"new-table", "every Start succeeds", func(f figures) bool { return f.startErrors == 0 }, false},

	{"stealing", "every worker gets its share, within a tenth", func(f figures) bool { return f.reached != never && f.isEven() }, false},
	{"stealing", "no lease is lost while others are free", func(f figures) bool { return f.lostWhileFree == 0 }, true},

	{"scale-in", "every shard is owned within 15 s", func(f figures) bool { return within(f.reached, 15*time.Second) }, true},

	{"soak", "repeats are those of the kills alone", func(f figures) bool { return f.kill || f.repeats == 0 }, false},
	{"soak", "memory and goroutines are flat", func(f figures) bool {
		return f.last.heap < 1.25*f.first.heap+5 && f.last.goroutines < f.first.goroutines*5/4
	}, false},

	{"", "no acknowledged record is lost", func(f figures) bool { return f.delivery.lost == 0 }, false},
}

// renewal is vmware's default.
const renewal = 2500 * time.Millisecond

// passes is how many passes of its loop a fleet may make in its steady time: one a minute and worker, each of which vmware
// shortens or stretches by up to a half.
func passes(f figures) int {
	return int(1.25*f.steady.took.Minutes()*float64(f.workers)) + 1
}

func within(d, limit time.Duration) bool { return d != never && d <= limit }
