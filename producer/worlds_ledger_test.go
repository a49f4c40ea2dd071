package producer_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/hashkey"
	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/producer"
	"github.com/kplkit/kplkit/producer/aggregator"
	"github.com/kplkit/kplkit/seqnum"
)

const streamARN = "arn:aws:kinesis:us-east-1:000000000000:stream/s"

// ledger knows what was put, what became of it, and how much of it the producer held. It is told of the producer's retries.
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

func (l *ledger) retry(why producer.Reason, userRecords int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.retries[why] += userRecords
}

// check holds what the package promises.
func (w *world) check() {
	if w.most > maxBuffered {
		w.T.Errorf("%d bytes were buffered, %d are allowed", w.most, maxBuffered)
	}
	stored := w.outcome()
	twiceKCL, twiceLossless := 0, 0
	for _, in := range append(w.gone, w.stream()) {
		there := in.of(stored)
		for data := range there {
			delete(stored, data)
		}
		kcl, lossless := in.read(deagg.KCL, in.acknowledged), in.read(deagg.Lossless, in.acknowledged)
		w.readOnce("KCL", kcl, there, true)
		// On a service-managed stream, and on one made anew, an aggregate may miss its shard in ways that are no evidence
		// of a reshard.
		w.readOnce("Lossless", lossless, there, !w.switches && !w.anew)
		if w.strict && !w.switches {
			w.inOrder(kcl, there)
		}
		w.positions(there, in.all)
		twiceKCL += len(in.read(deagg.KCL, in.all)) - len(kcl)
		twiceLossless += len(in.read(deagg.Lossless, in.all)) - len(lossless)
		totals.add(func(n *figures) { n.stored += len(there) })
	}
	for data, r := range stored {
		w.T.Errorf("%.20s: no stream of this name ever had the position %v in %s", data, r.Position, r.ShardID)
	}
	totals.count(w, twiceKCL, twiceLossless)
}

// stream is one of those that had the name, with what it holds, and what the producer was told of it.
type stream struct {
	acknowledged, all map[string][]kinesisfake.Record
	ranges            map[string]hashkey.Range
	ancestors         map[string][]hashkey.Range
	born              map[string]time.Time // its shards
}

// stream is the one that has the name now.
func (w *world) stream() stream {
	client := kinesis.NewFromConfig(w.Control())
	s := stream{acknowledged: w.Acknowledged("s"), all: w.Kinesis.Records("s"), born: map[string]time.Time{}}
	s.ranges, s.ancestors = lineage(w.T, client, "s")
	out, err := client.ListShards(context.Background(), &kinesis.ListShardsInput{StreamName: aws.String("s")})
	if err != nil {
		w.T.Fatal(err)
	}
	for _, shard := range out.Shards {
		s.born[*shard.ShardId], _ = seqnum.MustParse(*shard.SequenceNumberRange.StartingSequenceNumber).ShardCreated()
	}
	return s
}

// of picks the results that say that a record is in this stream, by the birth of the shard.
func (s stream) of(results map[string]producer.Result) map[string]producer.Result {
	there := map[string]producer.Result{}
	for data, r := range results {
		n, _ := r.Position.Number()
		if born, ok := n.ShardCreated(); ok && born == s.born[r.ShardID] {
			there[data] = r
		}
	}
	return there
}

// read returns what a consumer of that policy has who knows the stream's ranges.
func (s stream) read(p deagg.Policy, from map[string][]kinesisfake.Record) (users []deagg.UserRecord) {
	for _, shard := range slices.Sorted(maps.Keys(from)) { // parents come first
		d := deagg.Decoder{Policy: p, HashRange: s.ranges[shard], Ancestors: s.ancestors[shard]}
		users = slices.AppendSeq(users, d.UserRecords(storedRecords(from[shard])...))
	}
	return users
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
		case w.faulty && errors.Is(err, producer.ErrExpired), w.anew && isPermanent(err):
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
