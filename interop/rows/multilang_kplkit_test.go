package rows

import (
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/kplkit/kplkit/deagg/hashkey"
)

// onMultilang are the MultiLangDaemons with record processors on kplkit: in Go on package multilang, and in Python under kplkit
// multilang run. Aggregation is on, whatever the version.
func onMultilang() []part {
	var parts []part
	for _, version := range []string{"1.3.0", "1.4.0", "1.14.10", "2.7.2", "3.1.3"} {
		p := part{
			name: "multilang-kplkit-" + version, kpl: "1.0.7",
			versions: map[string]string{"MultiLangDaemon": version, "Java": javaVersion()},
		}
		if version < "2" {
			p.kpl = "0.14.13"
		}
		goes := multilangWith(version, filepath.Join(cache, "row", "row")+" multilang")
		python := multilangWith(version, filepath.Join(cache, "row", "kplkit")+" multilang run -- python3 ../python/kplkit_child.py")
		for _, s := range onMultilangScenarios(version) {
			p.scenarios = append(p.scenarios,
				s.onKplkit("go", goes, map[string]string{"Go": strings.TrimPrefix(runtime.Version(), "go")}),
				s.onKplkit("python", python, map[string]string{"Python": pythonVersion()}))
		}
		parts = append(parts, p)
	}
	return parts
}

// onKplkit is on, for runs that are played otherwise, too.
func (s scenario) onKplkit(name string, consumer program, versions map[string]string) scenario {
	if s.play != nil {
		play := splitInside{consumer}
		s.play = play.run
	}
	return s.on(name, consumer, versions)
}

func onMultilangScenarios(version string) []scenario {
	held := map[string]want{"1.3.0": sinceFinished, "1.4.0": sinceFirstOfFinished}[version]
	heldAtLast := map[string]want{"1.4.0": subZero}[version]
	if held == nil {
		held = exact
	}
	if heldAtLast == nil {
		heldAtLast = exact
	}
	scenarios := []scenario{
		{id: "decoded", what: "read to the end", want: exact},
		crash("inside", "checkpoint at the 5th of 10 user records of an aggregate, then stopped hard", "kplkit", "at", inside, 0, held),
		crash("last", "checkpoint at an aggregate's last user record, then stopped hard", "kplkit", "at", atLast, 0, heldAtLast),
		crash("after-batch", "checkpoint at the end of a batch, then stopped hard", "kplkit", "batch", inside, 3, exact),
		{
			id: "split", versions: map[string]string{"KPL": ""}, users: userRecords, check: noneLostAtSplit(version), play: splitInside{}.run,
			what: "put by kplkit into a shard that is split; checkpoint at the 5th user record of an aggregate of the parent, stopped hard, resumed through the split to the ends of the children",
		},
	}
	plain := crash("unaggregated", "put without aggregation; checkpoint inside a batch, then stopped hard", "kplkit", "at", inside, 0, exact)
	plain.plain = true
	return append(scenarios, plain)
}

// sinceFinished: the last finished stored record is stored, so that what was done of the next one comes again.
func sinceFinished(p *plan) (lost, twice int) { return 0, p.at().sub + 1 }

// sinceFirstOfFinished: the same, and of the finished one all but its first user record.
func sinceFirstOfFinished(p *plan) (lost, twice int) {
	return 0, p.finishedBefore(p.at()).of - 1 + p.at().sub + 1
}

// finishedBefore is the last user record of the stored record before that of u.
func (p *plan) finishedBefore(u userRecord) userRecord { return p.users[u.index-u.sub-1] }

// onKplkitLease is the lease after a checkpoint of kplkit's at a user record.
func (p *plan) onKplkitLease(at userRecord, version string, batch bool) (number string, sub int) {
	switch {
	case batch:
		at = p.users[p.endOfBatch(p.batch(at))]
	case version == "1.3.0" || version == "1.4.0":
		if at.sub < at.of-1 {
			at = p.finishedBefore(at)
		}
		at.sub = 0
	}
	return at.position, at.sub
}

// splitInside is a worker that is stopped hard inside an aggregate of a shard that has been split, and another that goes on.
type splitInside struct{ by program }

func (s splitInside) run(st *stage, t *testing.T) ledger {
	st.createStream(t, st.stream, 1)
	users := names(userRecords)
	stored := newOurs(st.world).put(t, st.stream, false, users[:userRecords/2])
	parent := st.shards(t, st.stream)[0]
	half := hashkey.Whole().Split(2)[1].Start().String()
	if _, err := st.client.SplitShard(t.Context(), &kinesis.SplitShardInput{StreamName: &st.stream, ShardToSplit: parent.ShardId, NewStartingHashKey: aws.String(half)}); err != nil {
		t.Fatal(err)
	}
	// By a producer that knows the children: one that does not stores what it has packed for the parent again.
	stored = append(stored, newOurs(st.world).put(t, st.stream, false, users[userRecords/2:])...)
	st.endShards(t, st.stream)
	at := insideOf(t, st.stored(t, st.stream), *parent.ShardId)
	first := st.work(t, s.by, map[string]string{"ROW_CHECKPOINT": "kplkit", "ROW_WHEN": "at", "ROW_AT": at})
	second := st.work(t, s.by, map[string]string{"ROW_CHECKPOINT": "kplkit", "ROW_WHEN": "later", "ROW_ENDS": "2"})
	return newLedger(stored, st.seen, first.refused+second.refused)
}

// insideOf is the 5th user record of the third full aggregate of a shard.
func insideOf(t *testing.T, stored []storedRecord, shard string) string {
	n := 0
	for _, r := range stored {
		if r.Shard == shard && len(r.Users) == perAggregate {
			if n++; n == 3 {
				return r.Users[4].Text
			}
		}
	}
	t.Fatalf("%d full aggregates in %s", n, shard)
	return ""
}

// noneLostAtSplit: none is lost, and no more comes twice than the daemon's version makes come.
func noneLostAtSplit(version string) func(ledger) bool {
	most := map[string]int{"1.3.0": 5, "1.4.0": perAggregate - 1 + 5}[version]
	return func(l ledger) bool {
		return l.Put == userRecords && l.Delivered == userRecords && l.Lost+l.Raw == 0 && l.Twice == most
	}
}
