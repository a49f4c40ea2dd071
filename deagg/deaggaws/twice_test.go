package deaggaws_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/deaggaws"
	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/seqnum"
)

// twice returns clients of server to which WithDeaggregation was applied more than once, in all ways there are.
func twice(server *kinesisfake.Server, opts ...deaggaws.Option) map[string]*kinesis.Client {
	once := deaggaws.WithDeaggregation(opts...)
	config := aws.Config{Region: "us-east-1", BaseEndpoint: aws.String("http://kinesis.test"),
		Credentials: aws.AnonymousCredentials{}, HTTPClient: &http.Client{Transport: server.Transport()}}
	first := newClient(server, once)
	return map[string]*kinesis.Client{
		"two options":          kinesis.NewFromConfig(config, deaggaws.WithDeaggregation(opts...), deaggaws.WithDeaggregation(opts...)),
		"one option twice":     kinesis.NewFromConfig(config, once, once),
		"from Options":         kinesis.New(first.Options(), deaggaws.WithDeaggregation(opts...)),
		"from Options, thrice": kinesis.New(kinesis.New(first.Options(), once).Options(), once),
	}
}

// TestTwiceOnOneClient is TestResumeAfterEachUserRecord with clients that have the layer twice.
func TestTwiceOnOneClient(t *testing.T) {
	server, raw := newStream(t, 1)
	want := fill(t, raw)
	for name, client := range twice(server) {
		for _, limit := range []int32{1, 2, 100} {
			all := read(t, mustIterator(t, client, types.ShardIteratorTypeTrimHorizon, ""), limit, client)
			if got := texts(all); !slices.Equal(got, want) {
				t.Fatalf("%s: %q, want %q", name, got, want)
			}
			for i, r := range all {
				after := read(t, mustIterator(t, client, types.ShardIteratorTypeAfterSequenceNumber, *r.SequenceNumber), limit, client)
				if got := texts(after); !slices.Equal(got, want[i+1:]) {
					t.Errorf("%s, limit %d, after %s: %q, want %q", name, limit, *r.SequenceNumber, got, want[i+1:])
				}
				if !strings.Contains(*r.SequenceNumber, ":") {
					continue
				}
				at := read(t, mustIterator(t, client, types.ShardIteratorTypeAtSequenceNumber, *r.SequenceNumber), limit, client)
				if got := texts(at); !slices.Equal(got, want[i:]) {
					t.Errorf("%s, limit %d, at %s: %q, want %q", name, limit, *r.SequenceNumber, got, want[i:])
				}
			}
		}
	}
}

// TestTwicePerCall: the option of a call is added to the client's, for that call alone.
func TestTwicePerCall(t *testing.T) {
	server, raw := newStream(t, 1)
	number := put(t, raw, "a", aggregate(t, "A", 3))
	var onClient, onCall int64
	count := func(n *int64) deaggaws.Option {
		return deaggaws.WithStats(func(_ string, s deagg.Stats) { *n += s.User })
	}
	layered := newClient(server, deaggaws.WithDeaggregation(count(&onClient)))
	for _, client := range []*kinesis.Client{layered, raw} {
		option := deaggaws.WithDeaggregation(count(&onCall))
		from, err := client.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{StreamName: aws.String("s"), ShardId: aws.String(shard0),
			ShardIteratorType: types.ShardIteratorTypeAfterSequenceNumber, StartingSequenceNumber: aws.String(number + ":0")}, option)
		if err != nil {
			t.Fatal(err)
		}
		out, err := client.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: from.ShardIterator}, option, option)
		if err != nil || !slices.Equal(texts(out.Records), []string{"A.1", "A.2"}) {
			t.Errorf("%q, %v", texts(out.Records), err)
		}
		if _, err := raw.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: from.ShardIterator}); err == nil {
			t.Error("a call without the option takes the iterator")
		}
	}
	if onClient != 2 || onCall != 4 {
		t.Errorf("%d and %d user records counted, want 2 by the client and 4 by the calls", onClient, onCall)
	}
}

// TestTwiceAddsUp: options come together, each function of WithStats is called once for a batch, and a client is not
// changed by one that is made from its Options.
func TestTwiceAddsUp(t *testing.T) {
	server, raw := newStream(t, 1)
	damaged := aggregate(t, "D", 2)
	damaged[len(damaged)-1] ^= 1
	put(t, raw, "a", damaged)
	var a, b, shared int
	count := func(n *int) deaggaws.Option { return deaggaws.WithStats(func(string, deagg.Stats) { *n++ }) }
	both := count(&shared)
	first := newClient(server, deaggaws.WithDeaggregation(count(&a), both))
	second := kinesis.New(first.Options(), deaggaws.WithDeaggregation(deaggaws.WithSecondPass()),
		deaggaws.WithDeaggregation(count(&b), both))
	for range 2 {
		if got := read(t, mustIterator(t, first, types.ShardIteratorTypeTrimHorizon, ""), 10, first); !slices.Equal(texts(got), []string{string(damaged)}) {
			t.Errorf("the first client: %q", texts(got))
		}
		got := read(t, mustIterator(t, second, types.ShardIteratorTypeTrimHorizon, ""), 10, second)
		if len(got) != 1 || string(got[0].Data) == string(damaged) {
			t.Fatalf("the second client does not wrap: %q", texts(got))
		}
		if once, err := deaggaws.DeaggregateRecords(got); err != nil || !slices.Equal(texts(once), []string{string(damaged)}) {
			t.Errorf("wrapped more than once: %q, %v", texts(once), err)
		}
	}
	if a != 4 || b != 2 || shared != 4 {
		t.Errorf("called %d, %d and %d times, want 4, 2 and 4", a, b, shared)
	}
}

// TestTwiceAtOnce: calls that add to the client's options at the same time do not see each other's.
func TestTwiceAtOnce(t *testing.T) {
	server, raw := newStream(t, 1)
	put(t, raw, "a", aggregate(t, "A", 2))
	nobody := deaggaws.WithStats(func(string, deagg.Stats) {})
	client := newClient(server, deaggaws.WithDeaggregation(nobody, deaggaws.WithStats(func(string, deagg.Stats) {}), deaggaws.WithStats(func(string, deagg.Stats) {})))
	it := mustIterator(t, client, types.ShardIteratorTypeTrimHorizon, "")
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			for range 20 {
				var n int
				_, err := client.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it},
					deaggaws.WithDeaggregation(nobody, deaggaws.WithStats(func(string, deagg.Stats) { n++ })))
				if limited := (*types.ProvisionedThroughputExceededException)(nil); n != 1 && !errors.As(err, &limited) {
					t.Errorf("called %d times, %v", n, err)
				}
			}
		})
	}
	readers.Wait()
}

// TestTwiceBySubscription: the position of an enhanced fan-out subscription, too, is taken once.
func TestTwiceBySubscription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, raw := newStream(t, 1)
		number := put(t, raw, "a", aggregate(t, "A", 3))
		consumer := register(t, raw)
		for name, client := range twice(server) {
			for after, want := range map[string][]string{":0": {"A.1", "A.2"}, ":1": {"A.2"}} {
				at := types.StartingPosition{Type: types.ShardIteratorTypeAfterSequenceNumber, SequenceNumber: aws.String(number + after)}
				if rs, _ := subscription(t, client, consumer, at, len(want)); !slices.Equal(texts(rs), want) {
					t.Errorf("%s, after %s: %q, want %q", name, after, texts(rs), want)
				}
				wait(t)
			}
		}
		server.Close()
	})
}

// TestNilOption: every call of the client fails, and says why.
func TestNilOption(t *testing.T) {
	server, _ := newStream(t, 1)
	client := newClient(server, deaggaws.WithDeaggregation(deaggaws.WithSecondPass(), nil))
	if _, err := client.ListStreams(t.Context(), &kinesis.ListStreamsInput{}); !errors.Is(err, deaggaws.ErrOption) {
		t.Errorf("ListStreams: %v", err)
	}
	if _, err := iterator(t.Context(), client, types.ShardIteratorTypeTrimHorizon, ""); !errors.Is(err, deaggaws.ErrOption) {
		t.Errorf("GetShardIterator: %v", err)
	}
	counted := newClient(server, deaggaws.WithDeaggregation(deaggaws.WithStats(nil)))
	if _, err := counted.ListStreams(t.Context(), &kinesis.ListStreamsInput{}); err != nil {
		t.Errorf("WithStats(nil): %v", err)
	}
}

// replay is a Kinesis of one shard whose records another kplkit layer has handed on, in batches of its own. An iterator
// is the index of a record.
type replay struct {
	records []types.Record
	batch   func() int // the size of the next one
}

// client returns one that reads r, with a layer of its own.
func (r *replay) client(opts ...deaggaws.Option) *kinesis.Client {
	return kinesis.New(kinesis.Options{Region: "us-east-1"}, deaggaws.WithDeaggregation(opts...), func(o *kinesis.Options) {
		o.APIOptions = append(o.APIOptions, func(s *middleware.Stack) error {
			return s.Initialize.Add(middleware.InitializeMiddlewareFunc("replay", r.handle), middleware.After)
		})
	})
}

func (r *replay) handle(_ context.Context, in middleware.InitializeInput, _ middleware.InitializeHandler) (
	out middleware.InitializeOutput, m middleware.Metadata, err error,
) {
	switch p := in.Parameters.(type) {
	case *kinesis.GetShardIteratorInput:
		out.Result = &kinesis.GetShardIteratorOutput{ShardIterator: aws.String(strconv.Itoa(r.start(p)))}
	case *kinesis.GetRecordsInput:
		from, err := strconv.Atoi(*p.ShardIterator)
		if err != nil {
			return out, m, err
		}
		to := min(from+r.batch(), len(r.records))
		result := &kinesis.GetRecordsOutput{Records: slices.Clone(r.records[from:to])}
		if to < len(r.records) {
			result.NextShardIterator = aws.String(strconv.Itoa(to))
		}
		out.Result = result
	}
	return out, m, nil
}

func (r *replay) start(p *kinesis.GetShardIteratorInput) int {
	if p.ShardIteratorType == types.ShardIteratorTypeTrimHorizon {
		return 0
	}
	n := seqnum.MustParse(*p.StartingSequenceNumber) // never SEQUENCE:SUB
	i := slices.IndexFunc(r.records, func(s types.Record) bool {
		at, err := seqnum.ParseExtended(*s.SequenceNumber)
		own, _ := at.Number()
		return err == nil && own.Compare(n) >= 0
	})
	for p.ShardIteratorType == types.ShardIteratorTypeAfterSequenceNumber && i < len(r.records) && strings.HasPrefix(*r.records[i].SequenceNumber, n.String()) {
		i++
	}
	return i
}

// TestSecondClient reads what a client of this package delivered by another one, resumed after and at each user
// record, in random batches, with a third pass on top: exactly the rest comes, under the same numbers.
func TestSecondClient(t *testing.T) {
	server, raw := newStream(t, 1)
	fill(t, raw)
	put(t, raw, "a", aggregate(t, "E", 2))
	put(t, raw, "a", aggregate(t, "F", 1))
	once := newClient(server, deaggaws.WithDeaggregation())
	all := read(t, mustIterator(t, once, types.ShardIteratorTypeTrimHorizon, ""), 100, once)
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 12))
		r := &replay{all, func() int { return random.IntN(4) }}
		client, i := r.client(), random.IntN(len(all))
		kind, rest := types.ShardIteratorTypeAfterSequenceNumber, all[i+1:]
		if strings.Contains(*all[i].SequenceNumber, ":") && random.IntN(2) == 0 {
			kind, rest = types.ShardIteratorTypeAtSequenceNumber, all[i:]
		}
		var got []types.Record
		for it := mustIterator(t, client, kind, *all[i].SequenceNumber); it != nil; {
			out, err := client.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it})
			if err != nil {
				t.Fatal(err)
			}
			it = out.NextShardIterator
			again, err := deaggaws.DeaggregateRecords(out.Records)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, again...)
		}
		if want := numbered(rest); !slices.Equal(numbered(got), want) {
			t.Fatalf("seed %d, %s %s: %q, want %q", seed, kind, *all[i].SequenceNumber, numbered(got), want)
		}
	}
}

func numbered(rs []types.Record) (list []string) {
	for _, r := range rs {
		list = append(list, fmt.Sprintf("%s %s %q", *r.SequenceNumber, *r.PartitionKey, r.Data))
	}
	return list
}
