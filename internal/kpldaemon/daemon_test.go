package kpldaemon

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"google.golang.org/protobuf/proto"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/deaggaws"
	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/internal/kplpipe"
	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
)

// bench is a daemon beside a Kinesis with the streams a and b of two shards, in a bubble.
type bench struct {
	*testing.T
	server  *kinesisfake.Server
	kin     *kinesis.Client
	d       *Daemon
	log     *lines
	config  *kplpb.Configuration
	keys    *kplpb.Credentials
	most    int64
	clients []*client

	mu    sync.Mutex
	fault func(r kinesisfake.Request) kinesisfake.Fault
	seen  func(*http.Request)
	watch *watch
}

// lines is a log.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func inBubble(t *testing.T, set func(b *bench), fn func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{T: t, log: &lines{}, keys: akid("first"), config: &kplpb.Configuration{
			Region: proto.String("us-east-1"), KinesisEndpoint: proto.String("http://kinesis.test"), MetricsLevel: proto.String("none"),
		}}
		b.server = kinesisfake.New(kinesisfake.Options{Fault: func(r kinesisfake.Request) kinesisfake.Fault {
			b.mu.Lock()
			defer b.mu.Unlock()
			if b.fault == nil {
				return kinesisfake.Fault{}
			}
			return b.fault(r)
		}})
		defer b.server.Close()
		b.kin = kinesis.New(kinesis.Options{Region: "us-east-1", BaseEndpoint: aws.String("http://kinesis.test"),
			Credentials: aws.AnonymousCredentials{}, HTTPClient: &http.Client{Transport: b.server.Transport()}})
		for _, stream := range []string{"a", "b"} {
			if _, err := b.kin.CreateStream(b.Context(), &kinesis.CreateStreamInput{StreamName: &stream, ShardCount: aws.Int32(2)}); err != nil {
				t.Fatal(err)
			}
		}
		if set != nil {
			set(b)
		}
		var err error
		b.d, err = New(b.Context(), Options{Configuration: b.config, Kinesis: Keys{Pipe: b.keys}, Logger: NewLogger(b.log, "info"), Transport: b, MaxBuffered: b.most})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			ended, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
			defer cancel()
			b.d.Close(ended)
			for _, c := range b.clients {
				c.from.Close()
				c.to.Close()
				_ = c.out.Close(ended)
				<-c.ended
			}
		}()
		fn(b)
	})
}

func akid(id string) *kplpb.Credentials {
	return &kplpb.Credentials{Akid: &id, SecretKey: proto.String("secret")}
}

// RoundTrip is the daemon's way to Kinesis.
func (b *bench) RoundTrip(r *http.Request) (*http.Response, error) {
	b.mu.Lock()
	if b.watch != nil && strings.HasPrefix(r.URL.Host, "monitoring.") {
		defer b.mu.Unlock()
		return b.watch.answer(r)
	}
	if b.seen != nil {
		b.seen(r)
	}
	b.mu.Unlock()
	return b.server.Transport().RoundTrip(r)
}

func (b *bench) setFault(f func(r kinesisfake.Request) kinesisfake.Fault) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fault = f
}

// onlyPuts is a fault of PutRecords.
func onlyPuts(f kinesisfake.Fault) func(r kinesisfake.Request) kinesisfake.Fault {
	return func(r kinesisfake.Request) kinesisfake.Fault {
		if r.Operation != "PutRecords" {
			return kinesisfake.Fault{}
		}
		return f
	}
}

// client is one side of a connection, which the daemon serves.
type client struct {
	*bench
	to      io.WriteCloser
	from    *io.PipeReader
	out     *kplpipe.Writer
	err     error // of Serve, after ended
	ended   chan struct{}
	mu      sync.Mutex
	results map[uint64]*kplpb.PutRecordResult
	times   map[uint64]time.Time
	other   []*kplpb.Message
}

// end closes the client's pipe after what was sent.
func (c *client) end() {
	c.Helper()
	if err := c.out.Close(c.Context()); err != nil {
		c.Error(err)
	}
	c.to.Close()
}

// connect serves a client that reads all answers.
func (b *bench) connect() *client {
	c := b.connectSilently()
	go c.read()
	return c
}

// connectSilently serves one that reads none.
func (b *bench) connectSilently() *client {
	in, to := io.Pipe()
	return b.connectBy(in, to)
}

// connectBy serves one that reads no answers, and sends over this.
func (b *bench) connectBy(in io.ReadCloser, to io.WriteCloser) *client {
	c := &client{bench: b, ended: make(chan struct{}), results: map[uint64]*kplpb.PutRecordResult{}, times: map[uint64]time.Time{}}
	from, out := io.Pipe()
	c.to, c.from, c.out = to, from, kplpipe.NewWriter(to, kplpipe.DaemonLimit)
	b.clients = append(b.clients, c)
	go func() {
		c.err = b.d.Serve("client", in, out)
		in.Close()
		out.Close()
		close(c.ended)
	}()
	return c
}

func (c *client) read() {
	r := kplpipe.NewReader(c.from, kplpipe.WrapperLimit)
	for {
		m, err := r.Read()
		if err != nil {
			return
		}
		c.mu.Lock()
		if p := m.GetPutRecordResult(); p != nil {
			if c.results[m.GetSourceId()] != nil {
				c.Errorf("put %d has two results", m.GetSourceId())
			}
			c.results[m.GetSourceId()], c.times[m.GetSourceId()] = p, time.Now()
		} else {
			c.other = append(c.other, m)
		}
		c.mu.Unlock()
	}
}

func (c *client) send(id uint64, content *kplpb.Message) {
	c.Helper()
	content.Id = &id
	if err := c.out.Send(c.Context(), content); err != nil {
		c.Fatal(err)
	}
}

func (c *client) put(id uint64, stream string) {
	c.putRecord(id, stream, fmt.Sprint("key ", id), "", fmt.Sprint("data ", id))
}

func (c *client) putRecord(id uint64, stream, key, hash, data string) {
	c.Helper()
	p := &kplpb.PutRecord{StreamName: &stream, PartitionKey: &key, Data: []byte(data)}
	if hash != "" {
		p.ExplicitHashKey = &hash
	}
	c.send(id, &kplpb.Message{ActualMessage: &kplpb.Message_PutRecord{PutRecord: p}})
}

func (c *client) flush(stream *string) {
	c.send(1<<40, &kplpb.Message{ActualMessage: &kplpb.Message_Flush{Flush: &kplpb.Flush{StreamName: stream}}})
}

func (c *client) credentials(k *kplpb.Credentials, forMetrics *bool) {
	c.send(1<<63-1, &kplpb.Message{ActualMessage: &kplpb.Message_SetCredentials{SetCredentials: &kplpb.SetCredentials{Credentials: k, ForMetrics: forMetrics}}})
}

// result waits for the result of a put.
func (c *client) result(id uint64) *kplpb.PutRecordResult {
	c.Helper()
	for range 3000 {
		c.mu.Lock()
		r := c.results[id]
		c.mu.Unlock()
		if r != nil {
			return r
		}
		time.Sleep(100 * time.Millisecond) // virtual
	}
	c.Fatalf("put %d has no result; log:\n%s", id, c.log)
	return nil
}

func (c *client) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.results)
}

// stored reads all user records of a stream, by their data.
func (b *bench) stored(stream string) map[string]int {
	b.Helper()
	found := map[string]int{}
	shards, err := b.kin.ListShards(b.Context(), &kinesis.ListShardsInput{StreamName: &stream})
	if err != nil {
		b.Fatal(err)
	}
	for _, s := range shards.Shards {
		it, err := b.kin.GetShardIterator(b.Context(), &kinesis.GetShardIteratorInput{StreamName: &stream, ShardId: s.ShardId, ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
		if err != nil {
			b.Fatal(err)
		}
		var decoder deagg.Decoder
		for next := it.ShardIterator; ; {
			out, err := b.kin.GetRecords(b.Context(), &kinesis.GetRecordsInput{ShardIterator: next})
			if err != nil {
				b.Fatal(err)
			}
			for u := range decoder.UserRecords(deaggaws.AppendStored(nil, out.Records)...) {
				found[string(u.Data)]++
			}
			if next = out.NextShardIterator; len(out.Records) == 0 {
				break
			}
		}
	}
	return found
}

// TestPuts: each put of many clients into two streams has one result, and is stored; each client has its own ids.
func TestPuts(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		clients := []*client{b.connect(), b.connect(), b.connect()}
		const each = 500
		for i, c := range clients {
			for id := uint64(1); id <= each; id++ {
				c.putRecord(id, string("ab"[id%2]), fmt.Sprint("key ", id), "", fmt.Sprintf("%d/%d", i, id))
			}
			c.end() // results come all the same
		}
		for _, c := range clients {
			<-c.ended
			synctest.Wait()
			if c.err != nil || c.count() != each {
				t.Fatalf("%d results and %v, want %d", c.count(), c.err, each)
			}
			for id, r := range c.results {
				if !r.GetSuccess() || len(r.Attempts) != 1 || !strings.HasPrefix(r.GetShardId(), "shardId-") || len(r.GetSequenceNumber()) < 50 || strings.Contains(r.GetSequenceNumber(), ":") {
					t.Fatalf("put %d: %v", id, r)
				}
			}
		}
		a, b2 := b.stored("a"), b.stored("b")
		if len(a) != 3*each/2 || len(b2) != 3*each/2 {
			t.Errorf("%d and %d user records are stored, want %d each", len(a), len(b2), 3*each/2)
		}
	})
}

// TestAttempts: results say what became of each attempt.
func TestAttempts(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.config.RecordTtl = proto.Uint64(2000)
		b.config.RecordMaxBufferedTime = proto.Uint64(50)
	}, func(b *bench) {
		c := b.connect()
		n := 0
		b.setFault(func(r kinesisfake.Request) kinesisfake.Fault {
			if n++; r.Operation != "PutRecords" || r.Operation == "PutRecords" && c.count() > 0 {
				return kinesisfake.Fault{}
			}
			return kinesisfake.Fault{ErrorCode: "ProvisionedThroughputExceededException", Delay: 30 * time.Millisecond}
		})
		c.put(1, "a")
		time.Sleep(250 * time.Millisecond)
		b.setFault(nil)
		r := c.result(1)
		first, last := r.Attempts[0], r.Attempts[len(r.Attempts)-1]
		if len(r.Attempts) < 2 || first.GetErrorCode() != "ProvisionedThroughputExceededException" || first.GetErrorMessage() == "" || first.GetSuccess() ||
			first.GetDelay() != 50 || first.GetDuration() != 30 || !last.GetSuccess() || last.ErrorCode != nil || !r.GetSuccess() {
			t.Errorf("throttled, then stored: %v", r)
		}
		b.setFault(onlyPuts(kinesisfake.Fault{Drop: true}))
		c.put(2, "a")
		if r := c.result(2); r.GetSuccess() || r.ShardId != nil || r.Attempts[0].GetErrorCode() != codeNetwork || r.Attempts[len(r.Attempts)-1].GetErrorCode() != codeExpired {
			t.Errorf("expired: %v", r)
		}
		b.setFault(nil)
		c.putRecord(3, "a", "", "", "no key")
		c.putRecord(4, "a", "k", "no number", "bad hash key")
		c.putRecord(5, "a", "k", "", strings.Repeat("x", 2<<20))
		c.put(6, "nosuch")
		c.putRecord(7, "", "k", "", "no stream")
		for id, code := range map[uint64]string{3: codeInvalid, 4: codeInvalid, 5: codeInvalid, 6: "ResourceNotFoundException", 7: codeInvalid} {
			if r := c.result(id); r.GetSuccess() || len(r.Attempts) != 1 || r.Attempts[0].GetErrorCode() != code {
				t.Errorf("put %d: %v, want %s", id, r, code)
			}
		}
		c.put(8, "a") // after all that the daemon works
		if r := c.result(8); !r.GetSuccess() {
			t.Errorf("after the others: %v", r)
		}
	})
}

// TestManyAttempts: of very many attempts a result has the first and the last.
func TestManyAttempts(t *testing.T) {
	inBubble(t, func(b *bench) { b.config.RecordTtl = proto.Uint64(10 * 60_000) }, func(b *bench) {
		c := b.connect()
		n := 0
		b.setFault(func(r kinesisfake.Request) kinesisfake.Fault {
			if r.Operation != "PutRecords" {
				return kinesisfake.Fault{}
			}
			n++
			return kinesisfake.Fault{ErrorCode: "ProvisionedThroughputExceededException", Delay: time.Duration(n) * time.Millisecond}
		})
		c.put(1, "a")
		time.Sleep(9 * time.Minute)
		r := c.result(1)
		if len(r.Attempts) != 2*keptAttempts || n < 3*keptAttempts {
			t.Fatalf("%d attempts of %d", len(r.Attempts), n)
		}
		for i, a := range r.Attempts[:keptAttempts] {
			if a.GetDuration() != uint32(i+1) {
				t.Errorf("attempt %d is %v", i, a)
			}
		}
		if last, before := r.Attempts[2*keptAttempts-1], r.Attempts[2*keptAttempts-2]; last.GetErrorCode() != codeExpired || before.GetDuration() != uint32(n) {
			t.Errorf("the last are %v, %v; %d were sent", before, last, n)
		}
	})
}

// TestFlush: a flush of one stream sends what is held for it, and nothing else; one of all sends the rest.
func TestFlush(t *testing.T) {
	inBubble(t, func(b *bench) { b.config.RecordMaxBufferedTime = proto.Uint64(20_000) }, func(b *bench) {
		c := b.connect()
		c.put(1, "a")
		c.put(2, "b")
		time.Sleep(time.Second)
		if c.count() != 0 {
			t.Fatal("results before the flush")
		}
		for range 20 { // as the wrapper does, more or less
			c.flush(proto.String("a"))
		}
		time.Sleep(time.Second)
		c.result(1)
		if c.count() != 1 {
			t.Error("the flush of one stream sent both")
		}
		c.put(3, "a")
		c.flush(nil)
		time.Sleep(time.Second)
		if c.count() != 3 {
			t.Errorf("%d results after a flush of all, want 3", c.count())
		}
	})
}

// TestCredentials: requests are signed with the newest credentials; puts wait for the first, in order, until they are
// too old.
func TestCredentials(t *testing.T) {
	inBubble(t, func(b *bench) { b.keys = nil; b.config.RecordTtl = proto.Uint64(5000) }, func(b *bench) {
		var signed string
		b.seen = func(r *http.Request) {
			if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".PutRecords") {
				signed = r.Header.Get("Authorization") + " " + r.Header.Get("X-Amz-Security-Token")
			}
		}
		by := func() string {
			b.mu.Lock()
			defer b.mu.Unlock()
			return signed
		}
		c := b.connect()
		c.put(1, "a")
		if r := c.result(1); r.GetSuccess() || len(r.Attempts) != 1 || r.Attempts[0].GetErrorCode() != codeCredentials || r.Attempts[0].GetDelay() != 5000 {
			t.Errorf("without credentials: %v", r)
		}
		for id := uint64(2); id < 100; id++ {
			c.put(id, "a")
		}
		c.credentials(akid("for-metrics"), proto.Bool(true))
		time.Sleep(time.Second)
		if by() != "" {
			t.Errorf("signed before there were credentials: %s", by())
		}
		k := akid("first")
		k.Token = proto.String("token")
		c.credentials(k, nil)
		for id := uint64(2); id < 100; id++ {
			if r := c.result(id); !r.GetSuccess() {
				t.Fatalf("put %d: %v", id, r)
			}
		}
		if !strings.Contains(by(), "Credential=first/") || !strings.HasSuffix(by(), " token") {
			t.Errorf("signed by %s", by())
		}
		c.credentials(akid("second"), proto.Bool(false))
		c.put(100, "a")
		c.result(100)
		if !strings.Contains(by(), "Credential=second/") || !strings.HasSuffix(by(), " ") {
			t.Errorf("signed by %s, want the newest, without the old token", by())
		}
	})
}

// TestLate: a put that used up its time behind another one, which waits for what the stream takes, is tried once all the same.
func TestLate(t *testing.T) {
	inBubble(t, func(b *bench) { b.config.RecordTtl = proto.Uint64(5000) }, func(b *bench) {
		b.setFault(func(r kinesisfake.Request) (f kinesisfake.Fault) {
			if r.Operation == "DescribeStreamSummary" {
				f.Delay = time.Hour
			}
			return f
		})
		c := b.connect()
		c.putRecord(1, "a", "key", "", strings.Repeat("x", 2<<20))
		c.put(2, "a")
		if r := c.result(1); r.Attempts[0].GetErrorCode() != codeExpired {
			t.Errorf("the large one: %v", r)
		}
		if r := c.result(2); !r.GetSuccess() {
			t.Errorf("the one behind it: %v", r)
		}
	})
}

// TestStreamMetadata: the stream's id goes along with PutRecords.
func TestStreamMetadata(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		var id string
		b.seen = func(r *http.Request) {
			if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".PutRecords") {
				body, _ := io.ReadAll(r.Body)
				r.Body = io.NopCloser(bytes.NewReader(body))
				_, id, _ = strings.Cut(string(body), `"StreamId":"`)
				id, _, _ = strings.Cut(id, `"`)
			}
		}
		c := b.connect()
		c.send(9, &kplpb.Message{ActualMessage: &kplpb.Message_StreamMetadata{StreamMetadata: &kplpb.StreamMetadata{StreamName: proto.String("a"), StreamId: proto.String("the-id")}}})
		c.put(1, "a")
		c.result(1)
		b.mu.Lock()
		defer b.mu.Unlock()
		if id != "the-id" {
			t.Errorf("PutRecords had the StreamId %q", id)
		}
	})
}
