package producer_test

import (
	"context"
	"encoding/binary"
	"flag"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/producer"
)

var (
	soakRecords  = flag.Int("soak.records", 20_000, "how many `records` TestSoak puts")
	soakReshards = flag.Int("soak.reshards", 4, "how many splits and merges TestSoak makes meanwhile")
)

// soak is a Kinesis behind a socket, whose shards are split and merged while records are put.
type soak struct {
	*testing.T
	*observed
	server *kinesisfake.Server
	client *kinesis.Client

	puts, settled  atomic.Int64
	splits, merges int

	mu           sync.Mutex
	results      []uint8                         // by record
	acknowledged map[string][]kinesisfake.Record // the sequence numbers that answers told, by shard
}

// TestSoak: over sockets, with requests that fail in every way, what is acknowledged is read once under both policies.
func TestSoak(t *testing.T) {
	goroutines := runtime.NumGoroutine()
	s := &soak{T: t, observed: &observed{}, results: make([]uint8, *soakRecords), acknowledged: map[string][]kinesisfake.Record{}}
	s.server = kinesisfake.New(kinesisfake.Options{Fault: s.faultOf, StatusDelay: 20 * time.Millisecond})
	listener := httptest.NewServer(s.server)
	connections := &http.Transport{MaxIdleConnsPerHost: 24}
	s.client = kinesis.New(kinesis.Options{
		Region: "us-east-1", BaseEndpoint: &listener.URL, HTTPClient: &http.Client{Transport: connections},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "any", SecretAccessKey: "any"}, nil
		}),
	})
	s.run()
	s.check()
	connections.CloseIdleConnections()
	listener.Close()
	s.server.Close()
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > goroutines; runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, before there were %d", runtime.NumGoroutine(), goroutines)
		}
	}
}

// faultOf lets some requests fail, in all the ways there are.
func (s *soak) faultOf(r kinesisfake.Request) (f kinesisfake.Fault) {
	if r.Operation != "PutRecords" {
		return f
	}
	switch n := int(s.puts.Add(1)); {
	case n%11 == 0:
		f.FailEntries = map[int]string{n % 5: "ProvisionedThroughputExceededException"}
	case n%37 == 0:
		f.LoseResponse = true
	case n%41 == 0:
		f.ErrorCode = "ProvisionedThroughputExceededException"
	case n%43 == 0:
		f.ErrorCode = "InternalFailure"
	case n%47 == 0:
		f.ErrorCode = "ExpiredTokenException"
	case n%53 == 0:
		f.Drop = true
	case n%499 == 0:
		f.Delay = time.Minute
	}
	return f
}

// PutRecords keeps what an answer tells that is stored: the soak is the producer's API.
func (s *soak) PutRecords(ctx context.Context, in *kinesis.PutRecordsInput, opts ...func(*kinesis.Options)) (*kinesis.PutRecordsOutput, error) {
	out, err := s.client.PutRecords(ctx, in, opts...)
	if err != nil {
		return out, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, r := range out.Records {
		if shard := aws.ToString(r.ShardId); shard != "" {
			s.acknowledged[shard] = append(s.acknowledged[shard], kinesisfake.Record{
				SequenceNumber: *r.SequenceNumber, PartitionKey: *in.Records[i].PartitionKey, Data: in.Records[i].Data,
			})
		}
	}
	return out, err
}

func (s *soak) ListShards(ctx context.Context, in *kinesis.ListShardsInput, opts ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error) {
	return s.client.ListShards(ctx, in, opts...)
}

func (s *soak) DescribeStreamSummary(ctx context.Context, in *kinesis.DescribeStreamSummaryInput, opts ...func(*kinesis.Options)) (*kinesis.DescribeStreamSummaryOutput, error) {
	return s.client.DescribeStreamSummary(ctx, in, opts...)
}

// run puts the records from two goroutines.
func (s *soak) run() {
	ctx := context.Background()
	s.must(s.client.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String("s"), ShardCount: aws.Int32(3)}))
	s.must(nil, s.awaitActive(ctx))
	p, err := producer.New(s, "s", s.observed.trace(), producer.WithRateLimit(0),
		producer.WithTimeToLive(time.Hour),
		producer.WithMaxAggregate(51_200, 50), producer.WithMaxBatch(100_000, 500)) // small, for many requests
	s.must(nil, err)
	var group sync.WaitGroup
	begin := time.Now()
	for part := range 2 {
		group.Go(func() {
			for i := part; i < len(s.results); i += 2 {
				data := binary.BigEndian.AppendUint64(make([]byte, 92, 100), uint64(i))
				if err := p.Put(ctx, producer.Record{PartitionKey: "key-" + strconv.Itoa(i%10_000), Data: data}, s.done); err != nil {
					s.Error(err)
					return
				}
			}
		})
	}
	group.Go(s.reshard)
	group.Wait()
	if err := p.Close(ctx); err != nil {
		s.Error(err)
	}
	d := time.Since(begin)
	s.Logf("%d records of 100 bytes in %v, %.0f a second", len(s.results), d.Round(time.Millisecond), float64(len(s.results))/d.Seconds())
}

func (s *soak) must(_ any, err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func number(data []byte) uint64 { return binary.BigEndian.Uint64(data[len(data)-8:]) }

func (s *soak) done(r producer.Record, res producer.Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.results[number(r.Data)]++
	s.settled.Add(1)
	if res.Err != nil {
		s.Errorf("record %d: %v", number(r.Data), res.Err)
	}
}

// reshard splits and merges whenever a part of the records has its results.
func (s *soak) reshard() {
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range *soakReshards {
		for s.settled.Load() < int64(len(s.results)*(i+1)/(*soakReshards+2)) && !s.Failed() {
			time.Sleep(time.Millisecond)
		}
		s.reshardOnce(rnd)
	}
}

// awaitActive waits until the stream is neither CREATING nor UPDATING.
func (s *soak) awaitActive(ctx context.Context) error {
	return kinesis.NewStreamExistsWaiter(s.client, func(o *kinesis.StreamExistsWaiterOptions) { o.MinDelay = 5 * time.Millisecond }).
		Wait(ctx, &kinesis.DescribeStreamInput{StreamName: aws.String("s")}, time.Minute)
}

// reshardOnce splits a shard or merges two, as soon as the stream is ACTIVE.
func (s *soak) reshardOnce(rnd *rand.Rand) {
	ctx, stream := context.Background(), aws.String("s")
	if err := s.awaitActive(ctx); err != nil {
		s.Error(err)
		return
	}
	out, err := s.client.ListShards(ctx, &kinesis.ListShardsInput{StreamName: stream, ShardFilter: &types.ShardFilter{Type: types.ShardFilterTypeAtLatest}})
	if err != nil {
		s.Error(err)
		return
	}
	slices.SortFunc(out.Shards, func(a, b types.Shard) int { return rangeOf(a).Start().Compare(rangeOf(b).Start()) })
	i, merge := rnd.IntN(len(out.Shards)-1), len(out.Shards) > 7 || len(out.Shards) > 2 && rnd.IntN(2) == 0
	if merge {
		_, err = s.client.MergeShards(ctx, &kinesis.MergeShardsInput{StreamName: stream, ShardToMerge: out.Shards[i].ShardId, AdjacentShardToMerge: out.Shards[i+1].ShardId})
	} else {
		shard := out.Shards[i]
		_, err = s.client.SplitShard(ctx, &kinesis.SplitShardInput{StreamName: stream, ShardToSplit: shard.ShardId, NewStartingHashKey: aws.String(middle(rangeOf(shard)))})
	}
	switch {
	case err != nil:
		s.Error(err)
	case merge:
		s.merges++
	default:
		s.splits++
	}
}

// check counts what is read, of what was acknowledged and of all that is stored.
func (s *soak) check() {
	for i, n := range s.results {
		if n != 1 {
			s.Fatalf("record %d has %d results", i, n)
		}
	}
	ranges, ancestors := lineage(s.T, s.client, "s")
	for name, policy := range map[string]deagg.Policy{"KCL": deagg.KCL, "Lossless": deagg.Lossless} {
		read := func(from map[string][]kinesisfake.Record) (times []uint8, sum int) {
			times = make([]uint8, len(s.results))
			for shard, records := range from {
				d := deagg.Decoder{Policy: policy, HashRange: ranges[shard], Ancestors: ancestors[shard]}
				for u := range d.UserRecords(storedRecords(records)...) {
					times[number(u.Data)]++
					sum++
				}
			}
			return times, sum
		}
		times, acknowledged := read(s.acknowledged)
		for i, n := range times {
			if n != 1 {
				s.Fatalf("%s: record %d is read %d times", name, i, n)
			}
		}
		_, all := read(s.server.Records("s"))
		s.Logf("%s: %d records acknowledged, each read once; %d are read besides, whose answers were lost", name, acknowledged, all-acknowledged)
	}
	stored := 0
	for _, records := range s.server.Records("s") {
		stored += len(records)
	}
	s.Logf("%d shards, %d splits, %d merges; %d requests, %d stored records; user records sent again: %v",
		len(ranges), s.splits, s.merges, len(s.attempts), stored, s.retries)
	if s.splits+s.merges != *soakReshards {
		s.Errorf("%d splits and merges, want %d", s.splits+s.merges, *soakReshards)
	}
}
