package producer_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/producer"
	"github.com/kplkit/kplkit/producer/aggregator"
)

const streamARN = "arn:aws:kinesis:us-east-1:000000000000:stream/s"

// ledger knows what was put, what became of it, and how much of it the producer held. It is the producer's Observer.
type ledger struct {
	mu      sync.Mutex
	taken   []producer.Record // in the order of the Puts
	results map[string][]producer.Result
	held    int // bytes without a result
	most    int // of held
	retries map[producer.Reason]int
}

func newLedger() *ledger {
	return &ledger{results: map[string][]producer.Result{}, retries: map[producer.Reason]int{}}
}

// cost is what a record counts in the buffer, as WithMaxBuffered says.
func cost(r producer.Record) int {
	return 256 + len(r.Data) + len(r.PartitionKey) + len(r.ExplicitHashKey)
}

func (l *ledger) took(r producer.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken = append(l.taken, r)
	l.held += cost(r)
	l.most = max(l.most, l.held)
}

func (l *ledger) done(r producer.Record, res producer.Result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.results[string(r.Data)] = append(l.results[string(r.Data)], res)
	l.held -= cost(r)
}

func (l *ledger) Attempt(producer.Attempt) {}

func (l *ledger) Retry(why producer.Reason, userRecords int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.retries[why] += userRecords
}

// watchedAPI knows how much is under way, and whether the producer must have noticed that the stream is service-managed.
type watchedAPI struct {
	*kinesis.Client
	mu                                       sync.Mutex
	requests, bytes, mostRequests, mostBytes int
	described                                types.RecordDistributionStrategy
	managedSince                             time.Time // zero: it is not, or not known to be
	aggregates                               int       // sent to a stream that is known to be service-managed
}

func (a *watchedAPI) DescribeStreamSummary(ctx context.Context, in *kinesis.DescribeStreamSummaryInput, opts ...func(*kinesis.Options)) (*kinesis.DescribeStreamSummaryOutput, error) {
	out, err := a.Client.DescribeStreamSummary(ctx, in, opts...)
	a.mu.Lock()
	defer a.mu.Unlock()
	if err == nil {
		a.described = out.StreamDescriptionSummary.RecordDistributionStrategy
		if a.described != types.RecordDistributionStrategyAuto {
			a.managedSince = time.Time{}
		}
	}
	return out, err
}

// ListShards ends a look at the stream.
func (a *watchedAPI) ListShards(ctx context.Context, in *kinesis.ListShardsInput, opts ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error) {
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.described == types.RecordDistributionStrategyAuto && a.managedSince.IsZero() {
			a.managedSince = time.Now()
		}
	}()
	return a.Client.ListShards(ctx, in, opts...)
}

func (a *watchedAPI) PutRecords(ctx context.Context, in *kinesis.PutRecordsInput, opts ...func(*kinesis.Options)) (*kinesis.PutRecordsOutput, error) {
	size, aggregates := 0, 0
	for _, r := range in.Records {
		size += len(r.Data) + len(aws.ToString(r.PartitionKey))
		if deagg.HasMagic(r.Data) {
			aggregates++
		}
	}
	a.add(1, size, aggregates)
	defer a.add(-1, -size, 0)
	return a.Client.PutRecords(ctx, in, opts...)
}

func (a *watchedAPI) add(requests, bytes, aggregates int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.requests += requests
	a.bytes += bytes
	a.mostRequests, a.mostBytes = max(a.mostRequests, a.requests), max(a.mostBytes, a.bytes)
	if !a.managedSince.IsZero() && time.Now().After(a.managedSince) {
		a.aggregates += aggregates
	}
}

// check holds what can be seen at the API: limits, and the strategy once it is known.
func (a *watchedAPI) check(w *world) {
	if a.mostBytes > maxBuffered || a.mostRequests > w.inFlight {
		w.T.Errorf("%d requests under way at most, of %d bytes at most", a.mostRequests, a.mostBytes)
	}
	if a.aggregates > 0 {
		w.T.Errorf("%d aggregates sent when the stream was known to be service-managed", a.aggregates)
	}
}

// check holds what the package promises.
func (w *world) check() {
	if w.most > maxBuffered {
		w.T.Errorf("%d bytes were buffered, %d are allowed", w.most, maxBuffered)
	}
	stored := w.outcome()
	acknowledged, all := w.Acknowledged("s"), w.Kinesis.Records("s")
	ranges, ancestors := lineage(w.T, kinesis.NewFromConfig(w.Control()), "s")
	read := func(p deagg.Policy, from map[string][]kinesisfake.Record) (users []deagg.UserRecord) {
		for _, shard := range slices.Sorted(maps.Keys(from)) { // parents come first
			d := deagg.Decoder{Policy: p, HashRange: ranges[shard], Ancestors: ancestors[shard]}
			users = slices.AppendSeq(users, d.UserRecords(storedRecords(from[shard])...))
		}
		return users
	}
	kcl, lossless := read(deagg.KCL, acknowledged), read(deagg.Lossless, acknowledged)
	w.readOnce("KCL", kcl, stored, true)
	// On a service-managed stream an aggregate may miss its shard in ways that are no evidence of a reshard.
	w.readOnce("Lossless", lossless, stored, !w.switches)
	if w.strict && !w.switches {
		w.inOrder(kcl, stored)
	}
	w.positions(stored, all)
	count(w, stored, len(read(deagg.KCL, all))-len(kcl), len(read(deagg.Lossless, all))-len(lossless))
}

// outcome holds that each record has one result, and returns those of what is stored.
func (w *world) outcome() map[string]producer.Result {
	stored := map[string]producer.Result{}
	for _, r := range w.taken {
		all := w.results[string(r.Data)]
		if len(all) != 1 {
			w.T.Errorf("%.20s has %d results", r.Data, len(all))
			continue
		}
		switch err := all[0].Err; {
		case err == nil:
			stored[string(r.Data)] = all[0]
		case w.faulty && errors.Is(err, producer.ErrExpired):
		case r.PartitionKey == "" && (errors.Is(err, producer.ErrRefused) || errors.Is(err, aggregator.ErrPartitionKey)):
		default:
			w.T.Errorf("%.20s: %v", r.Data, err)
		}
	}
	if len(w.results) != len(w.taken) {
		w.T.Errorf("%d records have results, %d were put", len(w.results), len(w.taken))
	}
	return stored
}

// readOnce holds that a reader of what was acknowledged to the producer finds each record that it acknowledged in turn,
// and once. What was stored without an answer comes besides.
func (w *world) readOnce(policy string, users []deagg.UserRecord, stored map[string]producer.Result, once bool) {
	read := map[string]int{}
	for _, u := range users {
		read[string(u.Data)]++
	}
	for _, r := range w.taken {
		_, ok := stored[string(r.Data)]
		if n := read[string(r.Data)]; ok && n == 0 || once && n > 1 {
			w.T.Errorf("%s: %.20s has the result %v and is read %d times", policy, r.Data, w.results[string(r.Data)], n)
		}
	}
}

// inOrder holds that records of one key are read in the order of their Puts.
func (w *world) inOrder(users []deagg.UserRecord, stored map[string]producer.Result) {
	place, last := map[string]int{}, map[string]int{}
	for i, r := range w.taken {
		place[string(r.Data)] = i
	}
	for _, u := range users {
		if _, ok := stored[string(u.Data)]; !ok {
			continue
		}
		i := place[string(u.Data)]
		if before := last[u.PartitionKey]; i < before {
			w.T.Errorf("%s: record %d is read behind record %d", u.PartitionKey, i, before)
		}
		last[u.PartitionKey] = i
	}
}

// positions holds that each result tells where the record is.
func (w *world) positions(stored map[string]producer.Result, all map[string][]kinesisfake.Record) {
	at := map[string]string{}
	for shard, records := range all {
		for u := range new(deagg.Decoder).UserRecords(storedRecords(records)...) {
			position, _ := u.Position()
			at[shard+" "+position.String()] = string(u.Data)
		}
	}
	for data, r := range stored {
		if at[r.ShardID+" "+r.Position.String()] != data {
			w.T.Errorf("%.20s: it is not at %s %v", data, r.ShardID, r.Position)
		}
	}
}

// figures are what all worlds of a test run come to.
type figures struct {
	mu sync.Mutex

	worlds, records, failed, shards, children, merges, expiries, switches, full int

	twiceKCL, twiceLossless int
	retries                 map[producer.Reason]int

	time time.Duration // virtual
}

var totals = figures{retries: map[producer.Reason]int{}}

func (f *figures) add(change func(*figures)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

func (f *figures) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return fmt.Sprintf("%d worlds so far, %v of virtual time: %d records, %d of them failed; %d shards, %d splits, %d merges; %d times credentials expired, %d times AUTO and back, %d times the buffer was nearly full; user records sent again: %v; read besides after an answer was lost: %d under KCL, %d under Lossless",
		f.worlds, f.time.Round(time.Minute), f.records, f.failed, f.shards, f.children/2, f.merges, f.expiries, f.switches, f.full, f.retries, f.twiceKCL, f.twiceLossless)
}

func count(w *world, stored map[string]producer.Result, twiceKCL, twiceLossless int) {
	out, err := kinesis.NewFromConfig(w.Control()).ListShards(context.Background(), &kinesis.ListShardsInput{StreamName: aws.String("s")})
	if err != nil {
		w.T.Error(err)
		return
	}
	totals.add(func(n *figures) {
		n.worlds++
		n.time += time.Since(w.born)
		n.records += len(w.taken)
		n.failed += len(w.taken) - len(stored)
		n.twiceKCL += twiceKCL
		n.twiceLossless += twiceLossless
		if w.most > maxBuffered*9/10 {
			n.full++
		}
		for why, records := range w.retries {
			n.retries[why] += records
		}
		for _, s := range out.Shards {
			n.shards++
			switch {
			case s.AdjacentParentShardId != nil:
				n.merges++
			case s.ParentShardId != nil:
				n.children++
			}
		}
	})
}
