package userview_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/deagg/deaggaws"
	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/internal/lineage"
	"github.com/kplkit/kplkit/internal/proxy"
	"github.com/kplkit/kplkit/internal/userview"
	"github.com/kplkit/kplkit/producer/aggregator"
)

const shard0 = "shardId-000000000000"

// world is an embedded Kinesis with the stream s.
type world struct {
	testing.TB
	server *kinesisfake.Server
	raw    *kinesis.Client // without a proxy
	log    logged
	asked  map[string]int // requests upstream by operation
	mu     sync.Mutex
}

func newWorld(t testing.TB) *world {
	w := &world{TB: t, asked: map[string]int{}}
	w.server = kinesisfake.New(kinesisfake.Options{Fault: func(r kinesisfake.Request) kinesisfake.Fault {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.asked[r.Operation]++
		return kinesisfake.Fault{}
	}})
	t.Cleanup(w.server.Close)
	w.raw = clientOf(w.server.Transport())
	if _, err := w.raw.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("s"), ShardCount: aws.Int32(1)}); err != nil {
		t.Fatal(err)
	}
	return w
}

// count returns how many requests of an operation there were.
func (w *world) count(operation string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked[operation]
}

func clientOf(transport http.RoundTripper, opts ...func(*kinesis.Options)) *kinesis.Client {
	return kinesis.New(kinesis.Options{Region: "us-east-1", BaseEndpoint: aws.String("http://kinesis.test"), Retryer: aws.NopRetryer{},
		Credentials: aws.AnonymousCredentials{}, HTTPClient: &http.Client{Transport: transport}}, opts...)
}

// proxied is a proxy before an upstream.
type proxied struct {
	*kinesis.Client // of a program that knows nothing of aggregates
	view            *userview.View
	handler         *proxy.Handler
}

// another returns a client that has no subscription yet: the SDK's (v1.56.0) reads a second one by the same memory as the
// first one's last message.
func (p proxied) another() *kinesis.Client { return clientOf(inProcess{p.handler}) }

func (w *world) proxy(cfg userview.Config) proxied { return w.proxyBefore(w.server.Transport(), cfg) }

func (w *world) proxyBefore(upstream http.RoundTripper, cfg userview.Config) proxied {
	cfg.Log = slog.New(slog.NewTextHandler(&w.log, nil))
	return newProxied(w, upstream, cfg)
}

func newProxied(t testing.TB, upstream http.RoundTripper, cfg userview.Config) proxied {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	view := userview.New(cfg)
	key := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "AKIA", SecretAccessKey: "secret"}, nil
	})
	h, err := proxy.New(proxy.Config{AWS: aws.Config{Region: "us-east-1", BaseEndpoint: aws.String("http://kinesis.test"), Credentials: key},
		Transport: upstream, Change: view.Change, Log: cfg.Log})
	if err != nil {
		t.Fatal(err)
	}
	return proxied{clientOf(inProcess{h}), view, h}
}

// shards is what --hash-ranges asks.
func (w *world) shards() *lineage.Streams {
	return lineage.Of(w.raw)
}

// logged is what was logged.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// inProcess calls a handler without sockets, so that all time can be virtual.
type inProcess struct{ http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(context.WithValue(r.Context(), http.ServerContextKey, new(http.Server))) // as under net/http
	reader, writer := io.Pipe()
	w := &pipe{header: http.Header{}, writer: writer, begun: make(chan struct{})}
	in := r.Clone(ctx)
	if in.Body == nil {
		in.Body = http.NoBody
	}
	in.URL, in.RequestURI, in.RemoteAddr = &url.URL{Path: "/"}, "/", "127.0.0.1:1"
	stop := context.AfterFunc(ctx, func() { writer.CloseWithError(ctx.Err()) })
	go func() {
		defer func() {
			if why := recover(); why != nil && why != http.ErrAbortHandler {
				panic(why)
			} else if why != nil {
				writer.CloseWithError(syscall.ECONNRESET)
			}
			w.WriteHeader(http.StatusOK)
			stop()
			writer.Close()
		}()
		p.ServeHTTP(w, in)
	}()
	<-w.begun
	return &http.Response{StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: w.header.Clone(),
		ContentLength: -1, Request: r, Body: &pipeBody{reader, cancel}}, nil
}

type pipe struct {
	header http.Header
	writer *io.PipeWriter
	status int
	once   sync.Once
	begun  chan struct{}
}

func (p *pipe) Header() http.Header         { return p.header }
func (p *pipe) Write(b []byte) (int, error) { p.WriteHeader(http.StatusOK); return p.writer.Write(b) }
func (p *pipe) FlushError() error           { return nil }
func (p *pipe) WriteHeader(status int) {
	p.once.Do(func() { p.status = status; close(p.begun) })
}

type pipeBody struct {
	*io.PipeReader
	cancel context.CancelFunc
}

func (b *pipeBody) Close() error { b.cancel(); return b.PipeReader.Close() }

// aggregate packs user records "NAME.0", "NAME.1", … under keys of their own.
func aggregate(t testing.TB, name string, n int) []byte {
	var e aggregator.Encoder
	for i := range n {
		text := fmt.Sprintf("%s.%d", name, i)
		if ok, err := e.Add(aggregator.Record{PartitionKey: "key-" + text, Data: []byte(text)}); err != nil || !ok {
			t.Fatal(ok, err)
		}
	}
	return e.AppendTo(nil)
}

func (w *world) put(key string, data []byte, explicitHashKey ...string) {
	in := &kinesis.PutRecordInput{StreamName: aws.String("s"), PartitionKey: &key, Data: append([]byte{}, data...)}
	if len(explicitHashKey) > 0 {
		in.ExplicitHashKey = &explicitHashKey[0]
	}
	if _, err := w.raw.PutRecord(w.Context(), in); err != nil {
		w.Fatal(err)
	}
}

// fill puts n stored records of all kinds.
func (w *world) fill(random *rand.Rand, n int) {
	for i := range n {
		name := fmt.Sprintf("%c%d-%d", 'A'+i%26, i, random.IntN(1000))
		whole := aggregate(w, name, 1+random.IntN(6))
		switch random.IntN(8) {
		case 0, 1:
			w.put("k\t\"é", []byte("plain-"+name))
		case 2: // damaged
			whole[random.IntN(len(whole)-4)+4] ^= byte(1 + random.IntN(255))
			w.put("a", whole)
		case 3: // user records that start as an aggregate does
			var e aggregator.Encoder
			for j := range 1 + random.IntN(3) {
				data := [][]byte{whole, []byte(name), {0xF3, 0x89, 0x9A, 0xC2}, {}}[(i+j)%4]
				if ok, err := e.Add(aggregator.Record{PartitionKey: "m", Data: data}); !ok || err != nil {
					w.Fatal(ok, err)
				}
			}
			w.put("a", e.AppendTo(nil))
		default:
			w.put("a", whole)
		}
	}
}

func (w *world) split(shard string) {
	half := "170141183460469231731687303715884105728"
	if _, err := w.raw.SplitShard(w.Context(), &kinesis.SplitShardInput{StreamName: aws.String("s"), ShardToSplit: &shard, NewStartingHashKey: &half}); err != nil {
		w.Fatal(err)
	}
}

func (w *world) merge(one, two string) {
	if _, err := w.raw.MergeShards(w.Context(), &kinesis.MergeShardsInput{StreamName: aws.String("s"), ShardToMerge: &one, AdjacentShardToMerge: &two}); err != nil {
		w.Fatal(err)
	}
}

// resharded fills a stream before, between and after a split and a merge, and returns its shards.
func (w *world) resharded(random *rand.Rand, n int) (shards []string) {
	w.fill(random, n)
	w.split(shard0)
	w.fill(random, n)
	w.merge("shardId-000000000001", "shardId-000000000002")
	w.fill(random, n)
	for i := range 4 {
		shards = append(shards, fmt.Sprintf("shardId-%012d", i))
	}
	return shards
}

// byDeaggaws reads as a Go program with deaggaws does.
func (w *world) byDeaggaws(opts ...deaggaws.Option) *kinesis.Client {
	return clientOf(w.server.Transport(), deaggaws.WithDeaggregation(opts...))
}

func iteratorAt(t testing.TB, c *kinesis.Client, shard string, kind types.ShardIteratorType, number string) *string {
	t.Helper()
	in := &kinesis.GetShardIteratorInput{StreamName: aws.String("s"), ShardId: &shard, ShardIteratorType: kind}
	if number != "" {
		in.StartingSequenceNumber = &number
	}
	out, err := c.GetShardIterator(t.Context(), in)
	if err != nil {
		t.Fatalf("%s %s: %v", kind, number, err)
	}
	return out.ShardIterator
}

// read polls from an iterator to the end of a shard, or until nothing is left behind it. Each call goes by another client.
func read(t testing.TB, from *string, limit int32, clients ...*kinesis.Client) (list []types.Record) {
	t.Helper()
	for i := 0; from != nil; i++ {
		in := &kinesis.GetRecordsInput{ShardIterator: from}
		if limit > 0 {
			in.Limit = &limit
		}
		if len(*from) > 512 {
			t.Errorf("an iterator of %d characters", len(*from))
		}
		if i > 1000 {
			t.Fatal("it does not end")
		}
		out, err := clients[i%len(clients)].GetRecords(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, out.Records...)
		if from = out.NextShardIterator; from == nil && len(out.ChildShards) == 0 {
			t.Error("the end of a shard without its children")
		} else if from != nil && out.ChildShards != nil {
			t.Error("children before the end")
		}
		if len(out.Records) == 0 && *out.MillisBehindLatest == 0 {
			break
		}
	}
	return list
}

// line says all of a record.
func line(r types.Record) string {
	return fmt.Sprintf("%s %q %q %v %s", *r.SequenceNumber, aws.ToString(r.PartitionKey), r.Data, r.ApproximateArrivalTimestamp.UnixMilli(), r.EncryptionType)
}

func lines(rs []types.Record) []string {
	list := make([]string, len(rs))
	for i, r := range rs {
		list[i] = line(r)
	}
	return list
}

// same holds that two lists are equal.
func same(t testing.TB, got, want []string, format string, args ...any) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf(format+": %d records, want %d\n%s\n\n%s", append(args, len(got), len(want), strings.Join(got, "\n"), strings.Join(want, "\n"))...)
		return
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf(format+": record %d: %s\nwant %s", append(args, i, got[i], want[i])...)
			return
		}
	}
}
