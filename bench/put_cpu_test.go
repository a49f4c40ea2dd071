package bench

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	a8m "github.com/a8m/kinesis-producer"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/deagg/hashkey"
	"github.com/kplkit/kplkit/producer"
)

var (
	cpuShards = flag.String("put.shards", "4,64,1000", "shards of BenchmarkPutCPU and BenchmarkPutTrickle")
	cpuSizes  = flag.String("put.sizes", "100,1000,10000", "bytes of a record in BenchmarkPutCPU")
	cpuBytes  = flag.Int("put.bytes", 30_000_000, "bytes of data that BenchmarkPutCPU puts at a time")
	cpuKeys   = flag.Int("put.keys", 1000, "partition keys")
)

func numbersOf(list string) (ns []int) {
	for _, s := range strings.Split(list, ",") {
		n, err := strconv.Atoi(s)
		if err != nil {
			panic(err)
		}
		ns = append(ns, n)
	}
	return ns
}

// BenchmarkPutCPU measures the CPU time of a record, all of the process: producer, SDK, signature, garbage, and a transport that
// takes the request and answers as Kinesis does. kplkit and a8m put by turns, as often as -benchtime Nx says. How many
// times as fast as kplkit a8m is, is what kplkit takes of the CPU time of a8m.
func BenchmarkPutCPU(b *testing.B) {
	keys := cpuKeyNames()
	for _, shards := range numbersOf(*cpuShards) {
		for _, size := range numbersOf(*cpuSizes) {
			b.Run(fmt.Sprintf("shards=%d/size=%d", shards, size), func(b *testing.B) {
				s, n := newSwallow(shards), min(*cpuBytes/size, 300_000)
				byTurns(b, n, contender{name: "kplkit", pass: func() { swallowedByKplkit(b, s, keys, n, size) }}, contender{name: "a8m", pass: func() { swallowedByA8m(b, s, keys, n, size) }})
			})
		}
	}
}

// BenchmarkPutTrickle puts a record each 5 ms for four seconds: what a record costs, and how many requests it takes, by
// shards. What is called idle is the time of the waiting alone, which is part of the cost.
func BenchmarkPutTrickle(b *testing.B) {
	const n, every = 800, 5 * time.Millisecond
	for _, shards := range numbersOf(*cpuShards) {
		b.Run(fmt.Sprintf("shards=%d", shards), func(b *testing.B) {
			s, runs := newSwallow(shards), 0
			var busy, idle time.Duration
			for b.Loop() {
				idle += ticks(n, every, func(int) {})
				p := s.producer(b)
				before := cpuTime()
				ticks(n, every, func(i int) {
					if err := p.Put(context.Background(), producer.Record{PartitionKey: strconv.Itoa(i), Data: putData(i)}, nil); err != nil {
						b.Fatal(err)
					}
				})
				if err := p.Close(context.Background()); err != nil {
					b.Fatal(err)
				}
				busy += cpuTime() - before
				runs++
			}
			b.ReportMetric(float64(busy.Microseconds())/float64(runs*n), "cpu-us/record")
			b.ReportMetric(float64(idle.Microseconds())/float64(runs*n), "idle-us/record")
			b.ReportMetric(float64(s.requests.Load())/float64(runs*n), "requests/record")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// ticks calls fn so many times, at an interval, and returns the CPU time that it took.
func ticks(n int, every time.Duration, fn func(i int)) time.Duration {
	before, tick := cpuTime(), time.NewTicker(every)
	defer tick.Stop()
	for i := range n {
		<-tick.C
		fn(i)
	}
	return cpuTime() - before
}

func cpuKeyNames() []string {
	keys := make([]string, *cpuKeys)
	for i := range keys {
		keys[i] = fmt.Sprint("device-", i)
	}
	return keys
}

func swallowedByKplkit(b testing.TB, s *swallow, keys []string, n, size int) {
	p, results := s.producer(b), 0
	done := func(_ producer.Record, r producer.Result) {
		if results++; r.Err != nil {
			b.Error(r.Err)
		}
	}
	data := make([]byte, size)
	for i := range n {
		if err := p.Put(context.Background(), producer.Record{PartitionKey: keys[i%len(keys)], Data: data}, done); err != nil {
			b.Fatal(err)
		}
	}
	if err := p.Close(context.Background()); err != nil || results != n {
		b.Fatal(results, err)
	}
}

func swallowedByA8m(b testing.TB, s *swallow, keys []string, n, size int) {
	p := a8m.New(&a8m.Config{StreamName: "s", Client: putter{s.client()}, Logger: silent{}})
	p.Start()
	data := make([]byte, size)
	for i := range n {
		if err := p.Put(data, keys[i%len(keys)]); err != nil {
			b.Fatal(err)
		}
	}
	p.Stop()
}

// swallow is a stream that stores nothing: it takes PutRecords requests and answers each as Kinesis does.
type swallow struct {
	ranges   []hashkey.Range
	ids      []string
	requests atomic.Int64
	buffers  chan *bytes.Buffer // no sync.Pool, which the garbage collector empties
}

func newSwallow(shards int) *swallow {
	s := &swallow{ranges: hashkey.Whole().Split(shards), buffers: make(chan *bytes.Buffer, 32)}
	for range cap(s.buffers) {
		s.buffers <- &bytes.Buffer{}
	}
	for i := range s.ranges {
		s.ids = append(s.ids, fmt.Sprintf("shardId-%012d", i))
	}
	return s
}

// client signs what it sends.
func (s *swallow) client() *kinesis.Client {
	return kinesis.New(kinesis.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://kinesis.test"), HTTPClient: &http.Client{Transport: s},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIDAKIDAKIDAKID", SecretAccessKey: "secretsecretsecretsecret"}, nil
		}),
	})
}

// producer returns one that knows the shards.
func (s *swallow) producer(b testing.TB) *producer.Producer {
	p, err := producer.New(swallowAPI{s.client(), s}, "s", producer.WithRateLimit(0))
	if err != nil {
		b.Fatal(err)
	}
	if err := p.Flush(context.Background()); err != nil {
		b.Fatal(err)
	}
	return p
}

// swallowAPI lists the shards itself.
type swallowAPI struct {
	*kinesis.Client
	*swallow
}

func (a swallowAPI) ListShards(context.Context, *kinesis.ListShardsInput, ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error) {
	out := &kinesis.ListShardsOutput{}
	for i, r := range a.ranges {
		out.Shards = append(out.Shards, types.Shard{ShardId: &a.ids[i], HashKeyRange: &types.HashKeyRange{
			StartingHashKey: aws.String(r.Start().String()), EndingHashKey: aws.String(r.End().String()),
		}})
	}
	return out, nil
}

func (swallowAPI) DescribeStreamSummary(context.Context, *kinesis.DescribeStreamSummaryInput, ...func(*kinesis.Options)) (*kinesis.DescribeStreamSummaryOutput, error) {
	return &kinesis.DescribeStreamSummaryOutput{}, nil
}

func (s *swallow) RoundTrip(r *http.Request) (*http.Response, error) {
	buffer := <-s.buffers
	defer func() { s.buffers <- buffer }()
	buffer.Reset()
	buffer.Grow(int(r.ContentLength) + bytes.MinRead)
	if _, err := buffer.ReadFrom(r.Body); err != nil {
		return nil, err
	}
	s.requests.Add(1)
	out := s.answer(buffer.Bytes())
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}},
		Body: io.NopCloser(bytes.NewReader(out)), ContentLength: int64(len(out)),
	}, nil
}

// answer looks for no more than the keys, which stand after each record's data.
func (s *swallow) answer(body []byte) []byte {
	out := []byte(`{"FailedRecordCount":0,"EncryptionType":"NONE","Records":[`)
	for {
		i := bytes.Index(body, []byte(`"Data":"`))
		if i < 0 {
			return append(bytes.TrimSuffix(out, []byte(",")), `]}`...)
		}
		body = body[i+8:]
		body = body[bytes.IndexByte(body, '"')+1:]
		keys := body[:bytes.IndexByte(body, '}')]
		out = append(out, `{"ShardId":"`...)
		out = append(out, s.ids[s.owner(keys)]...)
		out = append(out, `","SequenceNumber":"49590338271490256608559692538361571095921575989136588898"},`...)
	}
}

func (s *swallow) owner(keys []byte) int {
	key, err := hashkey.Parse(member(keys, `"ExplicitHashKey":"`))
	if err != nil {
		key = hashkey.Of(member(keys, `"PartitionKey":"`))
	}
	i, _ := slices.BinarySearchFunc(s.ranges, key, func(r hashkey.Range, k hashkey.Key) int { return r.End().Compare(k) })
	return i
}

func member(of []byte, name string) string {
	i := bytes.Index(of, []byte(name))
	if i < 0 {
		return ""
	}
	of = of[i+len(name):]
	return string(of[:bytes.IndexByte(of, '"')])
}
