package deaggaws_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/deagg/deaggaws"
	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/producer/aggregator"
)

const low, high = "5", "340282366920938463463374607431768211450" // hash keys of the first and of the second half

// mixed packs one user record for each hash key: "low" or "high" and their index.
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

func readShard(t *testing.T, client *kinesis.Client, shard string) (list []string) {
	out, err := client.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{
		StreamName: aws.String("s"), ShardId: &shard, ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
	if err != nil {
		t.Fatal(err)
	}
	return texts(read(t, out.ShardIterator, 1, client))
}

func split(t *testing.T, client *kinesis.Client, shard, at string) {
	_, err := client.SplitShard(t.Context(), &kinesis.SplitShardInput{
		StreamName: aws.String("s"), ShardToSplit: &shard, NewStartingHashKey: &at})
	if err != nil {
		t.Fatal(err)
	}
}

const half = "170141183460469231731687303715884105728"

// TestHashRanges: strays of the KPL's mark are dropped in a child shard, also in one that came after the shards were
// listed; nothing is dropped without the option.
func TestHashRanges(t *testing.T) {
	server, raw := newStream(t, 1)
	client := newClient(server, deaggaws.WithDeaggregation(deaggaws.WithHashRanges()))
	put(t, raw, "a", mixed(t, low, high), low)
	if got := readShard(t, client, shard0); !slices.Equal(got, []string{"low", "high"}) {
		t.Errorf("before the split: %q", got)
	}
	split(t, raw, shard0, half)
	put(t, raw, "a", mixed(t, low, high, low), low)
	put(t, raw, "b", mixed(t, low, high, low), low) // no mark
	if got := readShard(t, client, "shardId-000000000001"); !slices.Equal(got, []string{"low", "low", "low", "high", "low"}) {
		t.Errorf("child: %q", got)
	}
	plain := newClient(server, deaggaws.WithDeaggregation())
	if got := readShard(t, plain, "shardId-000000000001"); len(got) != 6 {
		t.Errorf("child without ranges: %q", got)
	}
}

// TestOlderAncestors: evidence in a grandparent's range counts, though the parent's is narrower.
func TestOlderAncestors(t *testing.T) {
	server, raw := newStream(t, 1)
	split(t, raw, shard0, half)
	split(t, raw, "shardId-000000000001", "85070591730234615865843651857942052864")
	put(t, raw, "a", mixed(t, low, high), low)
	client := newClient(server, deaggaws.WithDeaggregation(deaggaws.WithHashRanges()))
	if got := readShard(t, client, "shardId-000000000003"); !slices.Equal(got, []string{"low"}) {
		t.Errorf("%q", got)
	}
}

// asked is a fake that counts the listings, and lets them fail or take their time.
type asked struct {
	listings, summaries atomic.Int32
	listing, summary    atomic.Int64 // how long they take
}

func (a *asked) fault(r kinesisfake.Request) kinesisfake.Fault {
	switch r.Operation {
	case "ListShards":
		a.listings.Add(1)
		return kinesisfake.Fault{Delay: time.Duration(a.listing.Load())}
	case "DescribeStreamSummary":
		a.summaries.Add(1)
		return kinesisfake.Fault{Delay: time.Duration(a.summary.Load())}
	}
	return kinesisfake.Fault{}
}

// child puts an aggregate with a stray into the first child of a stream of its own, and returns an iterator there.
func child(t *testing.T, a *asked) (*kinesisfake.Server, *kinesis.Client) {
	server := kinesisfake.New(kinesisfake.Options{Fault: a.fault})
	t.Cleanup(server.Close)
	raw := newClient(server)
	if _, err := raw.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("s"), ShardCount: aws.Int32(1)}); err != nil {
		t.Fatal(err)
	}
	split(t, raw, shard0, half)
	put(t, raw, "a", mixed(t, low, high), low)
	return server, raw
}

// readChild reads the child once, and returns how many user records there are and how long it took.
func readChild(t *testing.T, client *kinesis.Client, opts ...func(*kinesis.Options)) (int, time.Duration) {
	from, err := client.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{
		StreamName: aws.String("s"), ShardId: aws.String("shardId-000000000001"), ShardIteratorType: types.ShardIteratorTypeTrimHorizon}, opts...)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	out, err := client.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: from.ShardIterator}, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return len(out.Records), time.Since(began)
}

// TestSlowListing: a listing that does not answer holds no reader up for more than a second, whichever of the two calls
// it is; it has an end, and is one at a time. One that is slow holds nobody up who knows the stream already.
func TestSlowListing(t *testing.T) {
	for name, slow := range map[string]func(*asked) *atomic.Int64{
		"ListShards":            func(a *asked) *atomic.Int64 { return &a.listing },
		"DescribeStreamSummary": func(a *asked) *atomic.Int64 { return &a.summary },
	} {
		synctest.Test(t, func(t *testing.T) {
			var log bytes.Buffer
			logger := deaggaws.WithLogger(slog.New(slog.NewTextHandler(&log, nil)))
			var a asked
			server, _ := child(t, &a)
			client := newClient(server, deaggaws.WithDeaggregation(deaggaws.WithHashRanges(), logger))
			slow(&a).Store(int64(24 * time.Hour))
			var readers sync.WaitGroup
			for range 5 {
				readers.Go(func() {
					for i := range 20 {
						n, took := readChild(t, client)
						if n != 2 || took > time.Second || i > 0 && took > 0 {
							t.Errorf("%s hangs: %d user records after %v in read %d", name, n, took, i)
						}
						time.Sleep(time.Second)
					}
				})
			}
			readers.Wait()
			if n := strings.Count(log.String(), "can't be listed"); n != 1 || a.summaries.Load() != 1 {
				t.Errorf("%s hangs: %d warnings after %d requests: %s", name, n, a.summaries.Load(), &log)
			}

			slow(&a).Store(int64(5 * time.Second))
			time.Sleep(time.Minute)
			readChild(t, client)
			time.Sleep(5 * time.Second)
			for range 200 {
				if n, took := readChild(t, client); n != 1 || took > 0 {
					t.Fatalf("%s is slow: %d user records after %v", name, n, took)
				}
				time.Sleep(time.Second)
			}
			if n := a.summaries.Load(); n < 4 || n > 7 {
				t.Errorf("%s is slow: asked for %d times in four minutes", name, n)
			}
			server.Close()
		})
	}
}

// emptySummary answers DescribeStreamSummary with nothing, as an emulator might, and leaves all else to the server.
type emptySummary struct{ http.RoundTripper }

func (e emptySummary) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".DescribeStreamSummary") {
		return e.RoundTripper.RoundTrip(r)
	}
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}")), Request: r}, nil
}

// TestEmptySummary: an answer that says nothing is a failure, and no user record is dropped.
func TestEmptySummary(t *testing.T) {
	var a asked
	server, _ := child(t, &a)
	client := newClient(server, deaggaws.WithDeaggregation(deaggaws.WithHashRanges()), func(o *kinesis.Options) {
		o.HTTPClient = &http.Client{Transport: emptySummary{server.Transport()}}
	})
	if n, _ := readChild(t, client); n != 2 || a.listings.Load() != 0 {
		t.Errorf("%d user records, %d listings", n, a.listings.Load())
	}
}

// TestListedOncePerClient: however often and wherever WithHashRanges is applied, the shards of a client's stream are
// listed once, and never by another client's means.
func TestListedOncePerClient(t *testing.T) {
	ranges := func() func(*kinesis.Options) { return deaggaws.WithDeaggregation(deaggaws.WithHashRanges()) }
	for name, clientOf := range map[string]func(*kinesisfake.Server) *kinesis.Client{
		"on the client": func(s *kinesisfake.Server) *kinesis.Client { return newClient(s, ranges(), ranges()) },
		"from Options": func(s *kinesisfake.Server) *kinesis.Client {
			return kinesis.New(newClient(s, ranges()).Options(), ranges())
		},
		"for each call":        func(s *kinesisfake.Server) *kinesis.Client { return newClient(s) },
		"and without, at home": func(s *kinesisfake.Server) *kinesis.Client { return newClient(s, deaggaws.WithDeaggregation()) },
	} {
		var a asked
		server, _ := child(t, &a)
		client, call := clientOf(server), ranges() // made anew for each call, it would list for each
		for range 5 {
			if n, _ := readChild(t, client, call); n != 1 {
				t.Errorf("%s: %d user records", name, n)
			}
		}
		if n := a.listings.Load(); n != 1 {
			t.Errorf("%s: listed %d times", name, n)
		}
		if n, _ := readChild(t, newClient(server, ranges(), deaggaws.WithDeaggregation())); n != 1 {
			t.Errorf("%s: %d user records where another application asks for nothing", name, n)
		}
		a.listings.Store(1)
		var b asked // the same stream elsewhere, where nothing is a stray
		elsewhere := kinesisfake.New(kinesisfake.Options{Fault: b.fault})
		defer elsewhere.Close()
		raw := newClient(elsewhere)
		if _, err := raw.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("s"), ShardCount: aws.Int32(2)}); err != nil {
			t.Fatal(err)
		}
		put(t, raw, "a", mixed(t, high, low), high)
		other := kinesis.New(client.Options(), func(o *kinesis.Options) { o.HTTPClient = &http.Client{Transport: elsewhere.Transport()} })
		if n, _ := readChild(t, other, ranges()); n != 2 || a.listings.Load() != 1 || b.listings.Load() != 1 {
			t.Errorf("%s: a client made from its Options reads %d user records; %d and %d listings", name, n, a.listings.Load(), b.listings.Load())
		}
	}
}

// TestHashRangesOff: on a service-managed stream, and where the shards can't be listed, nothing is dropped. The failure
// is told once, and mended a minute later.
func TestHashRangesOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		logger := deaggaws.WithLogger(slog.New(slog.NewTextHandler(&log, nil)))
		denied := true
		server := kinesisfake.New(kinesisfake.Options{Fault: func(r kinesisfake.Request) kinesisfake.Fault {
			if denied && r.Operation == "ListShards" {
				return kinesisfake.Fault{ErrorCode: "AccessDeniedException"}
			}
			return kinesisfake.Fault{}
		}})
		defer server.Close()
		raw := newClient(server)
		_, err := raw.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("s"), ShardCount: aws.Int32(1)})
		if err != nil {
			t.Fatal(err)
		}
		split(t, raw, shard0, half)
		put(t, raw, "a", mixed(t, low, high), low)
		client := newClient(server, deaggaws.WithDeaggregation(deaggaws.WithHashRanges(), logger))
		child := "shardId-000000000001"
		for range 3 {
			if got := readShard(t, client, child); len(got) != 2 {
				t.Errorf("denied: %q", got)
			}
		}
		if n := strings.Count(log.String(), "can't be listed"); n != 1 {
			t.Errorf("%d warnings: %s", n, &log)
		}
		denied = false
		time.Sleep(2 * time.Minute)
		if got := readShard(t, client, child); len(got) != 1 {
			t.Errorf("allowed again: %q", got)
		}
		stream, err := raw.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: aws.String("s")})
		if err != nil {
			t.Fatal(err)
		}
		arn := stream.StreamDescriptionSummary.StreamARN
		_, err = raw.UpdateStreamMode(t.Context(), &kinesis.UpdateStreamModeInput{StreamARN: arn,
			StreamModeDetails: &types.StreamModeDetails{StreamMode: types.StreamModeOnDemand}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = raw.UpdateStreamRecordDistributionStrategy(t.Context(), &kinesis.UpdateStreamRecordDistributionStrategyInput{
			StreamARN: arn, RecordDistributionStrategy: types.RecordDistributionStrategyAuto})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		if got := readShard(t, client, child); len(got) != 2 {
			t.Errorf("service-managed: %q", got)
		}
	})
}

// TestOldKnowledge: what was known an hour ago drops nothing, as long as nothing newer is known.
func TestOldKnowledge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a asked
		server, _ := child(t, &a)
		client := newClient(server, deaggaws.WithDeaggregation(deaggaws.WithHashRanges()))
		if n, _ := readChild(t, client); n != 1 {
			t.Fatalf("%d user records", n)
		}
		time.Sleep(time.Hour)
		a.summary.Store(int64(24 * time.Hour))
		for range 15 {
			if n, _ := readChild(t, client); n != 2 {
				t.Errorf("%d user records an hour later", n)
			}
			time.Sleep(time.Second)
		}
		time.Sleep(time.Minute)
		server.Close()
	})
}

// TestOtherCredentials: a client made from another's Options with other credentials, which can't be compared, may read
// another account's stream of the same name, and asks for itself.
func TestOtherCredentials(t *testing.T) {
	var a asked
	server, _ := child(t, &a)
	as := func(id string) func(*kinesis.Options) {
		return func(o *kinesis.Options) {
			o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: id, SecretAccessKey: "x"}, nil
			})
		}
	}
	one := newClient(server, deaggaws.WithDeaggregation(deaggaws.WithHashRanges()), as("one"))
	two := kinesis.New(one.Options(), as("two"))
	for _, client := range []*kinesis.Client{one, two, one, two} {
		if n, _ := readChild(t, client); n != 1 {
			t.Errorf("%d user records", n)
		}
	}
	if n := a.listings.Load(); n != 2 {
		t.Errorf("listed %d times", n)
	}
}
