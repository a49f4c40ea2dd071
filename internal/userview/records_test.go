package userview_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/deagg/deaggaws"
	"github.com/kplkit/kplkit/internal/userview"
)

// kind is a form of positions, in both packages.
type kind struct {
	name   string
	config userview.Config
	opts   []deaggaws.Option
}

func kinds() []kind {
	return []kind{{"text", userview.Config{}, nil}, {"digits", userview.Config{Digits: true}, []deaggaws.Option{deaggaws.WithDigitPositions()}}}
}

// TestAsDeaggaws: a client that knows nothing of aggregates is given, through a split and a merge, what deaggaws gives a Go
// program: the same records, numbers, keys and times; whatever its Limit, and by --limit strict never more than that.
func TestAsDeaggaws(t *testing.T) {
	for seed := range uint64(12) {
		for _, k := range kinds() {
			w := newWorld(t)
			random := rand.New(rand.NewPCG(seed, 18))
			shards := w.resharded(random, 12)
			strict := k.config
			strict.StrictLimit = true
			ours, exact, theirs := w.proxy(k.config), w.proxy(strict), w.byDeaggaws(k.opts...)
			for _, shard := range shards {
				want := lines(read(t, iteratorAt(t, theirs, shard, types.ShardIteratorTypeTrimHorizon, ""), 0, theirs))
				for _, limit := range []int32{0, 1, 2, 5, 100} {
					got := lines(read(t, iteratorAt(t, ours.Client, shard, types.ShardIteratorTypeTrimHorizon, ""), limit, ours.Client))
					same(t, got, want, "%s, seed %d, %s, limit %d", k.name, seed, shard, limit)
					got = lines(read(t, iteratorAt(t, exact.Client, shard, types.ShardIteratorTypeTrimHorizon, ""), limit, exact.Client))
					same(t, got, want, "strict, %s, seed %d, %s, limit %d", k.name, seed, shard, limit)
				}
			}
			if held := ours.view.Held() + exact.view.Held(); held != 0 {
				t.Errorf("%d bytes are held", held)
			}
		}
	}
}

// TestResume: a client stops after any record, with the number that it was given, in text or in digits, and goes on by any
// proxy: nothing is lost, nothing comes twice.
func TestResume(t *testing.T) {
	for seed := range uint64(4) {
		w := newWorld(t)
		shards := w.resharded(rand.New(rand.NewPCG(seed, 19)), 10)
		text, digits := w.proxy(userview.Config{}), w.proxy(userview.Config{Digits: true})
		exact := w.proxy(userview.Config{StrictLimit: true})
		for _, shard := range shards {
			all := read(t, iteratorAt(t, text.Client, shard, types.ShardIteratorTypeTrimHorizon, ""), 0, text.Client)
			places := read(t, iteratorAt(t, digits.Client, shard, types.ShardIteratorTypeTrimHorizon, ""), 0, digits.Client)
			for i := range all {
				for form, number := range map[string]string{"text": *all[i].SequenceNumber, "digits": *places[i].SequenceNumber} {
					from := iteratorAt(t, text.Client, shard, types.ShardIteratorTypeAfterSequenceNumber, number)
					same(t, lines(read(t, from, 2, text.Client, exact.Client)), lines(all[i+1:]), "seed %d, %s, after %s %s", seed, shard, form, number)
					from = iteratorAt(t, digits.Client, shard, types.ShardIteratorTypeAfterSequenceNumber, number)
					same(t, lines(read(t, from, 0, digits.Client)), lines(places[i+1:]), "digits, seed %d, %s, after %s %s", seed, shard, form, number)
				}
			}
		}
	}
}

// TestStrict: with any Limit up to all that there is, each answer has no more records than that; while there is a rest
// there is an iterator, and something behind it.
func TestStrict(t *testing.T) {
	w := newWorld(t)
	for _, n := range []int{1, 5, 3} {
		w.put("a", aggregate(t, fmt.Sprint("A", n), n))
	}
	w.put("k", []byte("plain"))
	w.put("a", aggregate(t, "Z", 4))
	w.split(shard0)
	for _, cfg := range []userview.Config{{StrictLimit: true}, {StrictLimit: true, Digits: true}} {
		p := w.proxy(cfg)
		for limit := int32(1); limit <= 15; limit++ {
			from, got := iteratorAt(t, p.Client, shard0, types.ShardIteratorTypeTrimHorizon, ""), 0
			for calls := 0; from != nil; calls++ {
				out, err := p.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: from, Limit: &limit})
				if err != nil {
					t.Fatal(err)
				}
				if from, got = out.NextShardIterator, got+len(out.Records); got < 14 && (from == nil || *out.MillisBehindLatest < 1 || out.ChildShards != nil) {
					t.Errorf("limit %d: after %d records: %v %d %v", limit, got, from, *out.MillisBehindLatest, out.ChildShards)
				}
				if len(out.Records) > int(limit) || calls > 30 {
					t.Fatalf("limit %d: %d records, %d calls", limit, len(out.Records), calls)
				}
			}
			if got != 14 {
				t.Errorf("limit %d: %d records", limit, got)
			}
		}
	}
}
