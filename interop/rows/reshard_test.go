package rows

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/deaggaws"
	"github.com/kplkit/kplkit/deagg/hashkey"
)

// What is put into each stream of a reshard. Whether the KPL loses anything hangs on how it packs: hence three.
const (
	reshardStreams = 3
	reshardRecords = 500
	beforeSplits   = 170
	// mostReshards is how many streams are put until one is packed so that something is lost, which about every third is.
	mostReshards = 40
)

// reshard is a producer that still holds the map of two shards when both are split, and what consumers deliver of
// the user records that it said are stored. Those that start after the splits read the same streams.
func reshard() part {
	newKPL, oldKPL, ours := splitStreams{kpl: "1.0.7", loses: true}, splitStreams{kpl: "0.14.13"}, splitStreams{}
	versions := func(kpl, consumer string) map[string]string {
		v := map[string]string{"KPL": kpl, "KCL": consumer}
		if kpl == "" {
			delete(v, "KPL")
		}
		return v
	}
	return part{
		name: "reshard", versions: map[string]string{"Java": javaVersion()},
		scenarios: []scenario{
			{id: "kpl-1.0.7/kcl-1.4.0", what: splitWhat + "a worker that starts afterwards", versions: versions("1.0.7", "1.4.0"), users: reshardRecords, play: newKPL.readBy(kcl("1.4.0")), check: losesSome, keeps: noneMixed},
			{id: "kpl-1.0.7/kcl-1.14.10", what: splitWhat + "a worker that starts afterwards", versions: versions("1.0.7", "1.14.10"), users: reshardRecords, play: newKPL.readBy(kcl("1.14.10")), check: losesNone, keeps: everyOne},
			{id: "kpl-1.0.7/kcl-2.7.2", what: splitWhat + "a worker that starts afterwards", versions: versions("1.0.7", "2.7.2"), users: reshardRecords, play: newKPL.readBy(kcl("2.7.2")), check: losesOrRepeats, keeps: noneMixed, or: everyOne},
			{id: "kpl-1.0.7/kcl-3.5.1", what: splitWhat + "a worker that starts afterwards", versions: versions("1.0.7", "3.5.1"), users: reshardRecords, play: newKPL.readBy(kcl("3.5.1")), check: losesOrRepeats, keeps: noneMixed, or: everyOne},
			{id: "kpl-0.14.13/kcl-1.14.10", what: splitWhat + "a worker that starts afterwards", versions: versions("0.14.13", "1.14.10"), users: reshardRecords, play: oldKPL.readBy(kcl("1.14.10")), check: losesNone, keeps: everyOne},
			{id: "kpl-1.0.7/kplkit", what: splitWhat + "kplkit's Decoder", versions: map[string]string{"KPL": "1.0.7"}, users: reshardRecords, play: newKPL.decode(false), check: repeatsSome, keeps: everyOne},
			{id: "kpl-1.0.7/kplkit-ranges", what: splitWhat + "kplkit's Decoder, which knows the shards' hash ranges and ancestors", versions: map[string]string{"KPL": "1.0.7"}, users: reshardRecords, play: newKPL.decode(true), check: losesNone},
			{id: "kpl-0.14.13/kplkit-ranges", what: splitWhat + "kplkit's Decoder, which knows the shards' hash ranges and ancestors", versions: map[string]string{"KPL": "0.14.13"}, users: reshardRecords, play: oldKPL.decode(true), check: losesNone},
			{id: "kplkit/kcl-2.7.2", what: splitWhat + "a worker that starts afterwards", versions: versions("", "2.7.2"), users: reshardRecords, play: ours.readBy(kcl("2.7.2")), check: exactly, keeps: noneMixed},
			{id: "kplkit/kplkit-ranges", what: splitWhat + "kplkit's Decoder, which knows the shards' hash ranges and ancestors", users: reshardRecords, play: ours.decode(true), check: exactly},
		},
	}
}

const splitWhat = "500 user records are put while both shards are split, three times; "

// Expectations, where the KPL's timing decides how many: no more than these, by what was seen and what a split can touch.
// How many exactly follows from what is stored (scenario.keeps).

func losesSome(l ledger) bool { return l.Lost > 0 && l.Lost <= l.Put/2 && l.Twice <= l.Put/50 }

// losesOrRepeats: a worker of KCL 2 and 3 that starts without leases has listed the shards by now, or it lists those that
// were there at first and takes 30 s to learn of the others.
func losesOrRepeats(l ledger) bool {
	return l.Lost <= l.Put/2 && l.Twice <= 2*l.Put && l.Lost+l.Twice > 0
}

func losesNone(l ledger) bool   { return l.Lost == 0 && l.Twice <= 2*l.Put }
func repeatsSome(l ledger) bool { return losesNone(l) && l.Twice > 0 }
func exactly(l ledger) bool     { return l.Lost == 0 && l.Twice == 0 }

// splitStreams are streams whose shards were split while a producer put: the KPL or, without a version, kplkit's.
type splitStreams struct {
	kpl     string
	daemon  bool // the KPL's native process is kplkit daemon
	loses   bool // one that drops mixed aggregates loses user records of one of them, at least
	once    sync.Once
	streams []splitStream
}

type splitStream struct {
	name   string
	stored []string // what the producer said is stored
}

// written returns the streams, once they are all put.
func (s *splitStreams) written(t *testing.T, st *stage) []splitStream {
	s.once.Do(func() {
		var p putter = newOurs(st.world)
		if s.kpl != "" {
			executable := ""
			if s.daemon {
				executable = daemonExecutable(st.test)
			}
			p = startKPL(st.test, s.kpl, st.kplPort, executable)
		}
		loses := !s.loses
		for i := 0; len(s.streams) < reshardStreams; i++ {
			name := fmt.Sprintf("%s--%d", st.stream, i)
			st.createStream(t, name, 2)
			stream := splitStream{name, putAndSplit(t, st.world, p, name)}
			st.endShards(t, name)
			loses = loses || certainLoss(st.world.stored(t, name), stream.stored, noneMixed)
			if loses || len(s.streams) < reshardStreams-1 {
				s.streams = append(s.streams, stream)
			} else if i == mostReshards {
				t.Fatalf("the KPL has packed %d streams so that nothing can be lost", i+1)
			}
		}
	})
	if len(s.streams) < reshardStreams {
		t.Fatal("the streams were not written")
	}
	return s.streams
}

// putter puts user records, and returns those that are stored.
type putter interface {
	put(t *testing.T, stream string, plain bool, users []string) (stored []string)
}

// putAndSplit puts, splits all shards, and puts the rest.
func putAndSplit(t *testing.T, w *world, p putter, stream string) (stored []string) {
	users := names(reshardRecords)
	stored = p.put(t, stream, false, users[:beforeSplits])
	w.splitAll(t, stream)
	return append(stored, p.put(t, stream, false, users[beforeSplits:])...)
}

// splitAll splits both shards in halves.
func (w *world) splitAll(t *testing.T, stream string) {
	quarters := hashkey.Whole().Split(4)
	for i, shard := range w.shards(t, stream) {
		_, err := w.client.SplitShard(t.Context(), &kinesis.SplitShardInput{
			StreamName: &stream, ShardToSplit: shard.ShardId, NewStartingHashKey: aws.String(quarters[2*i+1].Start().String()),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// endShards puts END into each open shard.
func (w *world) endShards(t *testing.T, stream string) {
	for _, shard := range w.openShards(t, stream) {
		beside(stream, end)
		_, err := w.client.PutRecord(t.Context(), &kinesis.PutRecordInput{
			StreamName: &stream, PartitionKey: aws.String("end"), ExplicitHashKey: shard.HashKeyRange.StartingHashKey, Data: []byte(end),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (w *world) openShards(t *testing.T, stream string) []types.Shard {
	return slices.DeleteFunc(w.shards(t, stream), func(s types.Shard) bool { return s.SequenceNumberRange.EndingSequenceNumber != nil })
}

func rangeOf(t *testing.T, s types.Shard) hashkey.Range {
	keys, err := hashkey.ParseRange(*s.HashKeyRange.StartingHashKey, *s.HashKeyRange.EndingHashKey)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

var endsOfFour = map[string]string{"ROW_ENDS": "4", "ROW_CHECKPOINT": "none", "ROW_WHEN": "later"}

// readBy is a scenario: one worker for each stream.
func (s *splitStreams) readBy(by program) func(*stage, *testing.T) ledger {
	return func(st *stage, t *testing.T) (sum ledger) {
		for _, stream := range s.written(t, st) {
			o := st.reader(stream.name, by).work(t, by, endsOfFour)
			sum.add(newLedger(stream.stored, o.records, o.refused))
		}
		return sum
	}
}

// reader is a stage on a stream that others read, too: its application has a name of its own.
func (st *stage) reader(stream string, by program) *stage {
	return &stage{world: st.world, scenario: st.scenario, recorder: st.recorder, stream: stream, application: st.stream + "--" + stream}
}

// decode is a scenario: our Decoder on each shard, with or without what ListShards tells of it.
func (s *splitStreams) decode(ranges bool) func(*stage, *testing.T) ledger {
	return func(st *stage, t *testing.T) (sum ledger) {
		for _, stream := range s.written(t, st) {
			var seen []event
			shards := st.shards(t, stream.name)
			for _, shard := range shards {
				var d deagg.Decoder
				if ranges {
					d.HashRange, d.Ancestors = rangeOf(t, shard), ancestors(t, shards, shard)
				}
				for u := range d.UserRecords(deaggaws.AppendStored(nil, st.readShard(t, stream.name, *shard.ShardId))...) {
					seen = append(seen, event{Record: slices.Clone(u.Data), PartitionKey: u.PartitionKey, SequenceNumber: u.SequenceNumber, SubSequenceNumber: u.SubSequenceNumber})
				}
			}
			st.recorder.note(stream.name, workerRecording{Reader: "Decoder", Events: seen})
			sum.add(newLedger(stream.stored, seen, ""))
		}
		return sum
	}
}

// ancestors are the ranges of the shards that one came from, all the way up.
func ancestors(t *testing.T, shards []types.Shard, of types.Shard) (ranges []hashkey.Range) {
	for _, s := range shards {
		if is(of.ParentShardId, s) || is(of.AdjacentParentShardId, s) {
			ranges = append(append(ranges, rangeOf(t, s)), ancestors(t, shards, s)...)
		}
	}
	return ranges
}

func is(id *string, s types.Shard) bool { return id != nil && *id == *s.ShardId }
