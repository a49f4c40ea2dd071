package rows

import "strings"

// handOver is a lease that passes from one version of the KCL to another: an upgrade, or the way back.
func handOver() part {
	return part{
		name: "hand-over", kpl: "0.14.13", versions: map[string]string{"Java": javaVersion()},
		scenarios: []scenario{
			handed("none", exact, "1.4.0", "1.3.0"),
			handed("sequence-number", restLost, "1.4.0", "1.3.0"),
			handed("extended", restLost, "1.4.0", "1.3.0"),
			handed("none", lastOfBatchTwice, "1.3.0", "1.4.0"),
			handed("sequence-number", subZero, "1.3.0", "1.4.0"),
			handed("sequence-number", subZero, "1.3.0", "2.7.2"),
			handed("extended", exact, "1.4.0", "1.14.10"),
			handed("extended", exact, "1.4.0", "2.7.2"),
			handed("extended", exact, "1.14.10", "2.7.2"),
			handed("extended", exact, "2.7.2", "1.14.10"),
			handed("extended", exact, "2.7.2", "1.4.0"),
			handed("extended", exact, "2.7.2", "3.5.1"),
			refusing(handed("extended", behindLost, "3.5.1", "2.7.2"), refusesLease),
			stale("stale", "and checkpoints a finished aggregate", atLast, staleTwice),
			stale("stale-inside", "and checkpoints inside a later aggregate", place{user: 1}, staleLost),
		},
	}
}

// refusesLease is what a worker says that finds an item in its lease table that is no lease.
const refusesLease = `^java\.lang\.NullPointerException: leaseCounter is marked non-null but is null$`

// handed is a run in which a worker of one version is stopped hard after a checkpoint, and one of another goes on.
func handed(style string, w want, from, to string) scenario {
	at, when, max, what := inside, "at", 0, call(styleArguments[style], inside)
	if style == "none" {
		when, max, what = "batch", 3, afterBatch
	}
	s := crash(from+"-to-"+to+"/"+style, what+"; KCL "+from+", then KCL "+to, style, when, at, max, w)
	s.stops[0].by, s.stops[0].settings = kcl(from), settingsOf(from)
	s.last, s.settings = kcl(to), settingsOf(to)
	s.versions = map[string]string{"KCL": from + ", " + to}
	return s
}

var styleArguments = map[string]string{"sequence-number": "sequence number", "extended": "sequence number, sub-sequence number"}

// settingsOf are the settings that a version needs: applications of 1.3.0 de-aggregate by themselves.
func settingsOf(version string) map[string]string {
	if version == "1.3.0" {
		return selfSettings
	}
	return nil
}

func refusing(s scenario, says string) scenario {
	s.refuses = says
	s.what += ", which does not start"
	return s
}

// stale is a lease that 1.4.0 has left with a sub-sequence number, which 1.3.0 does not know and leaves beside its own
// checkpoint, two aggregates later, and which 1.4.0 then finds there.
func stale(id, what string, at place, w want) scenario {
	at.after = 2
	versions := []string{"1.4.0", "1.3.0", "1.4.0"}
	return scenario{
		id:   strings.Join(versions, "-to-") + "/" + id,
		what: "KCL 1.4.0 checkpoints (sequence number, sub-sequence number) inside an aggregate, KCL 1.3.0 goes on " + what + ", KCL 1.4.0 goes on",
		stops: []stop{
			{at: inside, checkpoint: "extended", when: "at", by: kcl("1.4.0")},
			{at: at, checkpoint: "sequence-number", when: "at", by: kcl("1.3.0"), settings: selfSettings},
		},
		last: kcl("1.4.0"), want: w, versions: map[string]string{"KCL": strings.Join(versions, ", ")},
	}
}

// lastOfBatchTwice: the last aggregate of the batch is finished, and comes again but for its first user record.
func lastOfBatchTwice(p *plan) (lost, twice int) {
	for _, u := range p.users {
		if p.batch(u) == p.batch(p.at()) {
			twice = u.sub // of the batch's last one, when all is done
		}
	}
	return 0, twice
}

// behindLost: nothing behind the stop is delivered at all.
func behindLost(p *plan) (lost, twice int) { return len(p.users) - 1 - p.stops[0], 0 }

// On the way down the rest of the first aggregate is lost. On the way up the stale sub-sequence number, 4, is taken
// for one of the second aggregate.
func staleTwice(p *plan) (lost, twice int) {
	return p.behindStop(0), p.at().sub - p.users[p.stops[0]].sub
}
func staleLost(p *plan) (lost, twice int) {
	return p.behindStop(0) + p.users[p.stops[0]].sub - p.at().sub, 0
}
