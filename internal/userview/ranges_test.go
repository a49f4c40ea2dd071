package userview_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/deagg/deaggaws"
	"github.com/kplkit/kplkit/internal/lineage"
	"github.com/kplkit/kplkit/internal/userview"
	"github.com/kplkit/kplkit/producer/aggregator"
)

const low, high = "0", "340282366920938463463374607431768211455"

// mixed is an aggregate of user records with hash keys of their own.
func mixed(t *testing.T, hashKeys ...string) []byte {
	var e aggregator.Encoder
	for _, k := range hashKeys {
		text := map[string]string{low: "low", high: "high"}[k]
		if ok, err := e.Add(aggregator.Record{PartitionKey: "k", ExplicitHashKey: k, Data: []byte(text)}); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	return e.AppendTo(nil)
}

// TestHashRanges: what its writer stores again is dropped, as deaggaws drops it, by iterators that any proxy goes on with and
// by names and ARNs; counted; and nothing is where shards can't be listed, or without the option.
func TestHashRanges(t *testing.T) {
	w := newWorld(t)
	w.put("a", mixed(t, low, high), low)
	w.split(shard0)
	w.put("a", mixed(t, low, high, low), low)
	w.put("b", mixed(t, low, high, low), low) // no mark
	child := "shardId-000000000001"
	one, two := w.proxy(userview.Config{Shards: w.shards()}), w.proxy(userview.Config{Shards: w.shards(), StrictLimit: true})
	theirs := w.byDeaggaws(deaggaws.WithHashRanges())
	want := lines(read(t, iteratorAt(t, theirs, child, types.ShardIteratorTypeTrimHorizon, ""), 0, theirs))
	if len(want) != 5 {
		t.Fatal(want)
	}
	same(t, lines(read(t, iteratorAt(t, one.Client, child, types.ShardIteratorTypeTrimHorizon, ""), 1, one.Client, two.Client)), want, "two proxies")
	arn, _, _ := strings.Cut(*w.consumer(), "/consumer/")
	out, err := one.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{StreamARN: &arn, ShardId: &child, ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
	if err != nil {
		t.Fatal(err)
	}
	same(t, lines(read(t, out.ShardIterator, 0, one.Client)), want, "by an ARN")
	if n := one.handler.Metrics.Dropped.Load() + two.handler.Metrics.Dropped.Load(); n != 2 { // it was read twice
		t.Errorf("%d are counted as dropped, want 2", n)
	}
	for _, limit := range []int32{1, 2} { // of which each stored record takes several answers
		p := w.proxy(userview.Config{Shards: w.shards(), StrictLimit: true})
		same(t, lines(read(t, iteratorAt(t, p.Client, child, types.ShardIteratorTypeTrimHorizon, ""), limit, p.Client)), want, "strict")
		if n := p.handler.Metrics.Dropped.Load(); n != 1 {
			t.Errorf("limit %d: %d are counted as dropped, want 1", limit, n)
		}
	}
	broken := lineage.New(func(context.Context, string) (map[string]lineage.Lineage, error) { return nil, errors.New("denied") })
	for _, cfg := range []userview.Config{{}, {Shards: broken}} {
		p := w.proxy(cfg)
		if got := read(t, iteratorAt(t, p.Client, child, types.ShardIteratorTypeTrimHorizon, ""), 0, p.Client); len(got) != 6 {
			t.Errorf("%d records, want 6", len(got))
		}
	}
}

// TestCounts: metrics count what clients were given, each stored record once, however many answers it takes.
func TestCounts(t *testing.T) {
	w := newWorld(t)
	w.put("a", aggregate(t, "A", 7))
	w.put("k", []byte("plain"))
	damaged := aggregate(t, "D", 3)
	damaged[len(damaged)-1] ^= 1
	w.put("a", damaged)
	w.put("a", aggregate(t, "B", 2))
	for _, cfg := range []userview.Config{{}, {StrictLimit: true}, {StrictLimit: true, Digits: true}} {
		p := w.proxy(cfg)
		read(t, iteratorAt(t, p.Client, shard0, types.ShardIteratorTypeTrimHorizon, ""), 3, p.Client)
		m := p.handler.Metrics
		if got := []uint64{m.UserRecords.Load(), m.StoredRecords.Load(), m.Malformed.Load(), m.Dropped.Load(), m.Unusual.Load()}; !slices.Equal(got, []uint64{11, 4, 1, 0, 0}) {
			t.Errorf("%+v: %d", cfg, got)
		}
	}
}

// TestBeyond: a position behind the end of its aggregate is not the client's: all of the aggregate comes, and it is logged.
func TestBeyond(t *testing.T) {
	w := newWorld(t)
	w.put("a", aggregate(t, "A", 3))
	p := w.proxy(userview.Config{})
	all := read(t, iteratorAt(t, p.Client, shard0, types.ShardIteratorTypeTrimHorizon, ""), 0, p.Client)
	number := aws.ToString(all[2].SequenceNumber) + ":7"
	got := read(t, iteratorAt(t, p.Client, shard0, types.ShardIteratorTypeAfterSequenceNumber, number), 0, p.Client)
	same(t, lines(got), lines(all), "beyond")
	if !strings.Contains(w.log.String(), "beyond the end of its aggregate") {
		t.Error("it is not logged")
	}
}

// TestLayers: a Go program with deaggaws behind the proxy, and a proxy behind a proxy, see what one of them shows, whatever
// the inner one keeps in its iterators.
func TestLayers(t *testing.T) {
	for _, k := range kinds() {
		w := newWorld(t)
		w.put("a", aggregate(t, "A", 5))
		w.put("k", []byte("plain"))
		w.put("a", aggregate(t, "B", 2))
		theirs := w.byDeaggaws(k.opts...)
		want := read(t, iteratorAt(t, theirs, shard0, types.ShardIteratorTypeTrimHorizon, ""), 0, theirs)
		strict := k.config
		strict.StrictLimit = true
		for _, cfg := range []userview.Config{{}, {StrictLimit: true}, {Shards: w.shards()}} {
			inner := w.proxy(cfg)
			for name, c := range map[string]*kinesis.Client{
				"deaggaws":      clientOf(inProcess{inner.handler}, deaggaws.WithDeaggregation(k.opts...)),
				"another proxy": w.proxyBefore(inProcess{inner.handler}, k.config).Client,
				"a strict one":  w.proxyBefore(inProcess{inner.handler}, strict).Client,
			} {
				same(t, lines(read(t, iteratorAt(t, c, shard0, types.ShardIteratorTypeTrimHorizon, ""), 2, c)), lines(want), "%s, %s, %+v", k.name, name, cfg)
				for i := range want {
					got := read(t, iteratorAt(t, c, shard0, types.ShardIteratorTypeAfterSequenceNumber, *want[i].SequenceNumber), 2, c)
					same(t, lines(got), lines(want[i+1:]), "%s, %s, %+v, after %s", k.name, name, cfg, *want[i].SequenceNumber)
				}
			}
		}
	}
}
