package scale

import "time"

// goal is what kplkit has to reach in a scenario.
type goal struct {
	scenario string
	says     string
	met      func(figures) bool
}

// goals is the one place that says what is enough. (The goals of issue "Fleets".)
var goals = []goal{
	{scenario: "start", says: "up to 128 shards are consumed within 60 s, by one worker and by more", met: func(f figures) bool {
		return f.shards > 128 || within(f.consumed, 60*time.Second)
	}},
	{scenario: "start", says: "1,000 shards are consumed by 20 workers within 180 s", met: func(f figures) bool {
		return f.shards <= 128 || f.workers < 20 || within(f.consumed, 180*time.Second)
	}},
	{scenario: "start", says: "every worker has its share, within a tenth", met: func(f figures) bool {
		return f.shards < 10*f.workers || f.isEven()
	}},
	{scenario: "start", says: "no lease is lost meanwhile", met: func(f figures) bool { return f.turnover.lost == 0 }},
	{scenario: "start", says: "every Start succeeds", met: func(f figures) bool { return f.startErrors == 0 }},
	{scenario: "start", says: "one worker reads the table by one Scan a pass, and by nothing else", met: func(f figures) bool {
		return !f.size.steady || f.workers > 1 ||
			f.steady.n(reads...) == f.steady.n("Scan", nextPage) && f.steady.n("Scan") <= passes(f)
	}},
	{scenario: "start", says: "the table is read at most 43 times a second", met: func(f figures) bool {
		return f.steady.perSecond(reads...) <= 43
	}},
	{scenario: "start", says: "a worker lists the shards at most once a pass", met: func(f figures) bool {
		return f.steady.n("ListShards") <= passes(f)
	}},
	{scenario: "start", says: "writes are renewals: nothing is read, so there are no checkpoints", met: func(f figures) bool {
		renewals := f.steady.took.Seconds() / renewal.Seconds() * float64(f.shards)
		return float64(f.steady.n(writes...)) <= 1.02*renewals
	}},

	{scenario: "rolling", says: "every shard is owned within 15 s of a step", met: func(f figures) bool { return within(f.reached, 15*time.Second) }},
	{scenario: "rolling", says: "no shard moves more than twice", met: func(f figures) bool { return f.most() <= 2 }},

	{scenario: "outage", says: "4 s cost no lease", met: func(f figures) bool {
		return f.refusing > 4*time.Second || f.turnover.lost == 0
	}},
	{scenario: "outage", says: "every shard is owned 15 s after the end", met: func(f figures) bool { return within(f.reached, 15*time.Second) }},

	{scenario: "reshard", says: "every open shard is owned within two minutes", met: func(f figures) bool { return within(f.reached, 2*time.Minute) }},

	{scenario: "new-table", says: "every Start succeeds", met: func(f figures) bool { return f.startErrors == 0 }},

	{scenario: "stealing", says: "every worker gets its share, within a tenth", met: func(f figures) bool { return f.reached != never && f.isEven() }},
	{scenario: "stealing", says: "no lease is lost while others are free", met: func(f figures) bool { return f.lostWhileFree == 0 }},

	{scenario: "scale-in", says: "every shard is owned within 20 s of a kill, of a SIGTERM within 15 s", met: func(f figures) bool {
		return within(f.reached, 15*time.Second) || f.kill && within(f.reached, 20*time.Second)
	}},

	{scenario: "soak", says: "repeats are those of the kills alone", met: func(f figures) bool { return f.kill || f.repeats == 0 }},
	{scenario: "soak", says: "memory and goroutines are flat", met: func(f figures) bool {
		return f.last.heap < 1.25*f.first.heap+5 && f.last.goroutines < f.first.goroutines*5/4
	}},

	{scenario: "", says: "no acknowledged record is lost", met: func(f figures) bool { return f.delivery.lost == 0 }},
}

// renewal is vmware's default.
const renewal = 2500 * time.Millisecond

// passes is how many listings a fleet may make in its steady time: one a minute and worker, which is vmware's default
// interval, and a quarter more for where the time begins and ends.
func passes(f figures) int {
	return int(1.25*f.steady.took.Minutes()*float64(f.workers)) + 1
}

func within(d, limit time.Duration) bool { return d != never && d <= limit }
