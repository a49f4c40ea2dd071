package producer_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/hashkey"
	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/internal/wire"
	"github.com/kplkit/kplkit/producer"
)

// bench is a Kinesis in a bubble, with a stream "s", and a client of it.
type bench struct {
	*testing.T
	server *kinesisfake.Server
	client *kinesis.Client
	ctx    context.Context

	mu       sync.Mutex
	requests map[string]int
	fault    func(n int, r kinesisfake.Request) kinesisfake.Fault // n counts from 1, for each operation
}

// inBubble runs fn beside a Kinesis with a stream of so many shards, none if 0.
func inBubble(t *testing.T, shards int, fn func(b *bench)) {
	t.Helper()
	inBubbleWith(t, kinesisfake.Options{}, shards, fn)
}

func inBubbleWith(t *testing.T, o kinesisfake.Options, shards int, fn func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{T: t, ctx: context.Background(), requests: map[string]int{}}
		o.Fault = b.faultOf
		b.server = kinesisfake.New(o)
		defer b.server.Close()
		b.client = kinesis.New(kinesis.Options{
			Region: "us-east-1", BaseEndpoint: aws.String("http://kinesis.test"), Credentials: aws.AnonymousCredentials{},
			HTTPClient: &http.Client{Transport: b.server.Transport()},
		})
		if shards > 0 {
			b.must(b.client.CreateStream(b.ctx, &kinesis.CreateStreamInput{StreamName: aws.String("s"), ShardCount: aws.Int32(int32(shards))}))
		}
		fn(b)
	})
}

func (b *bench) faultOf(r kinesisfake.Request) kinesisfake.Fault {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.requests[r.Operation]++
	if b.fault == nil {
		return kinesisfake.Fault{}
	}
	return b.fault(b.requests[r.Operation], r)
}

func (b *bench) count(operation string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.requests[operation]
}

func (b *bench) must(_ any, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bench) producer(opts ...producer.Option) *producer.Producer {
	b.Helper()
	p, err := producer.New(b.client, "s", opts...)
	if err != nil {
		b.Fatal(err)
	}
	return p
}

// results gathers what done tells, by data.
type results struct {
	mu    sync.Mutex
	by    map[string][]producer.Result
	order []string
}

func (r *results) done(rec producer.Record, res producer.Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.by == nil {
		r.by = map[string][]producer.Result{}
	}
	r.by[string(rec.Data)] = append(r.by[string(rec.Data)], res)
	r.order = append(r.order, string(rec.Data))
}

// put puts n records with data "0" and so on, and keys of their own.
func (b *bench) put(p *producer.Producer, from, n int) *results {
	b.Helper()
	r := &results{}
	for i := from; i < from+n; i++ {
		b.must(nil, p.Put(b.ctx, record(i), r.done))
	}
	return r
}

func record(i int) producer.Record {
	return producer.Record{PartitionKey: fmt.Sprint("key-", i), Data: []byte(fmt.Sprint(i))}
}

// check holds that each record has one result, without an error, that says where the user record is.
func (b *bench) check(r *results, n int) {
	b.Helper()
	at := map[string]string{}
	for shard, records := range b.server.Records("s") {
		for u := range new(deagg.Decoder).UserRecords(storedRecords(records)...) {
			position, _ := u.Position()
			at[shard+" "+position.String()] = string(u.Data)
		}
	}
	if len(r.by) != n {
		b.Errorf("%d of %d records have a result", len(r.by), n)
	}
	for data, all := range r.by {
		if len(all) != 1 || all[0].Err != nil {
			b.Fatalf("record %s has the results %v", data, all)
		}
		if got := at[all[0].ShardID+" "+all[0].Position.String()]; got != data {
			b.Errorf("record %s: at %s %s there is %q", data, all[0].ShardID, all[0].Position, got)
		}
	}
}

func storedRecords(records []kinesisfake.Record) (out []deagg.StoredRecord) {
	for _, r := range records {
		out = append(out, deagg.StoredRecord{SequenceNumber: r.SequenceNumber, PartitionKey: r.PartitionKey, Data: r.Data})
	}
	return out
}

// read returns the data of all user records, sorted, as a consumer of that policy has them who knows all ranges.
func (b *bench) read(policy deagg.Policy) (data []string) {
	b.Helper()
	ranges, ancestors := lineage(b.T, b.client, "s")
	for shard, records := range b.server.Records("s") {
		d := deagg.Decoder{Policy: policy, HashRange: ranges[shard], Ancestors: ancestors[shard]}
		for u := range d.UserRecords(storedRecords(records)...) {
			data = append(data, string(u.Data))
		}
	}
	slices.Sort(data)
	return data
}

// lineage returns the ranges of all shards, and those of their ancestors.
func lineage(t *testing.T, client *kinesis.Client, stream string) (map[string]hashkey.Range, map[string][]hashkey.Range) {
	t.Helper()
	out, err := client.ListShards(context.Background(), &kinesis.ListShardsInput{StreamName: &stream})
	if err != nil {
		t.Fatal(err)
	}
	ranges, ancestors := map[string]hashkey.Range{}, map[string][]hashkey.Range{}
	for _, s := range out.Shards { // parents come first
		ranges[*s.ShardId] = rangeOf(s)
		for _, id := range []*string{s.ParentShardId, s.AdjacentParentShardId} {
			if id != nil {
				ancestors[*s.ShardId] = append(ancestors[*s.ShardId], append(ancestors[*id], ranges[*id])...)
			}
		}
	}
	return ranges, ancestors
}

func rangeOf(s types.Shard) hashkey.Range {
	r, _ := hashkey.ParseRange(*s.HashKeyRange.StartingHashKey, *s.HashKeyRange.EndingHashKey) // the Kinesis wrote it
	return r
}

func numbers(from, n int) (data []string) {
	for i := from; i < from+n; i++ {
		data = append(data, fmt.Sprint(i))
	}
	slices.Sort(data)
	return data
}

// marks counts the stored records under our mark, under that of the KPL, and others.
func (b *bench) marks() (ours, kpl, plain int) {
	for _, records := range b.server.Records("s") {
		for _, r := range records {
			switch {
			case r.PartitionKey == wire.MarkKplkit && deagg.HasMagic(r.Data):
				ours++
			case r.PartitionKey == wire.MarkKPL:
				kpl++
			case strings.HasPrefix(r.PartitionKey, "key-"):
				plain++
			}
		}
	}
	return ours, kpl, plain
}

func TestPut(t *testing.T) {
	inBubble(t, 3, func(b *bench) {
		p := b.producer()
		begin := time.Now()
		r := b.put(p, 0, 1000)
		b.must(nil, p.Flush(b.ctx))
		if d := time.Since(begin); d >= 100*time.Millisecond {
			b.Errorf("Flush waited for the linger time: %v", d)
		}
		b.check(r, 1000)
		b.must(nil, p.Close(b.ctx))
		if got := b.read(deagg.KCL); !slices.Equal(got, numbers(0, 1000)) {
			b.Errorf("read %d records", len(got))
		}
		if ours, kpl, plain := b.marks(); ours != 3 || kpl+plain != 0 {
			b.Errorf("%d aggregates of ours, %d of the KPL's, %d plain records; want one aggregate for each shard", ours, kpl, plain)
		}
	})
}

// TestFirstListing: while the shards are first listed, much to send is no reason to send it plain, and neither is Flush.
func TestFirstListing(t *testing.T) {
	for name, c := range map[string]struct {
		takes time.Duration
		err   string
		plain bool
		waits time.Duration // at most
	}{
		"quick":     {takes: 60 * time.Millisecond, waits: 60 * time.Millisecond},
		"slow":      {takes: 5 * time.Second, plain: true, waits: 100 * time.Millisecond},
		"forbidden": {takes: 10 * time.Millisecond, err: "AccessDeniedException", plain: true, waits: 10 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 3, func(b *bench) {
				b.fault = func(n int, r kinesisfake.Request) kinesisfake.Fault {
					if r.Operation == "ListShards" {
						return kinesisfake.Fault{Delay: c.takes, ErrorCode: c.err}
					}
					return kinesisfake.Fault{}
				}
				p := b.producer(producer.WithLogger(slog.New(slog.DiscardHandler)))
				begin := time.Now()
				r := b.put(p, 0, 2000)
				b.must(nil, p.Flush(b.ctx))
				if d := time.Since(begin); d > c.waits {
					b.Errorf("it took %v, want %v at most", d, c.waits)
				}
				b.must(nil, p.Close(b.ctx))
				b.check(r, 2000)
				if ours, _, plain := b.marks(); c.plain && ours != 0 || !c.plain && (ours < 3 || plain != 0) {
					b.Errorf("%d aggregates, %d plain records", ours, plain)
				}
			})
		})
	}
}
