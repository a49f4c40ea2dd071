//go:build unix

package separate

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/producer"
)

var (
	kills     = flag.Int("kills", 20, "kill -9s of the daemon under load")
	kplBinary = flag.String("kpl-binary", "", "path of the KPL's native binary, for TestNative")
)

// service is the embedded Kinesis with a stream, and the real daemon's command.
type service struct {
	*testing.T
	fake    *kinesisfake.Server
	client  *kinesis.Client
	url     string
	command []string
}

func newService(t *testing.T) *service {
	path, err := BuildKplkit()
	if err != nil {
		t.Fatal(err)
	}
	fake := kinesisfake.New(kinesisfake.Options{})
	server := httptest.NewServer(slowAnswers{fake})
	t.Cleanup(func() { fake.Close(); server.Close() })
	client := kinesis.New(kinesis.Options{Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: aws.AnonymousCredentials{}})
	if _, err := client.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("orders"), ShardCount: aws.Int32(2)}); err != nil {
		t.Fatal(err)
	}
	return &service{t, fake, client, server.URL, []string{path, "daemon"}}
}

// slowAnswers stores at once and says so later, so that a kill may come between.
type slowAnswers struct{ http.Handler }

func (h slowAnswers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := httptest.NewRecorder()
	h.Handler.ServeHTTP(answer, r)
	time.Sleep(time.Duration(rand.Int64N(int64(10 * time.Millisecond))))
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	w.Write(answer.Body.Bytes())
}

func (s *service) config(log io.Writer) Config {
	return Config{
		Command: s.command, Region: "us-east-1", Endpoint: s.url, Credentials: credentials.NewStaticCredentialsProvider("akid", "secret", ""),
		MetricsLevel: "none", Logger: slog.New(slog.NewTextHandler(log, nil)),
	}
}

// stored reads the stream: how often each user record is there, and in which stored records, by data.
func (s *service) stored() map[string][]string {
	found := map[string][]string{}
	shards, err := s.client.ListShards(s.Context(), &kinesis.ListShardsInput{StreamName: aws.String("orders")})
	if err != nil {
		s.Fatal(err)
	}
	for _, shard := range shards.Shards {
		it, err := s.client.GetShardIterator(s.Context(), &kinesis.GetShardIteratorInput{StreamName: aws.String("orders"), ShardId: shard.ShardId, ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
		if err != nil {
			s.Fatal(err)
		}
		for next := it.ShardIterator; ; {
			out, err := s.client.GetRecords(s.Context(), &kinesis.GetRecordsInput{ShardIterator: next})
			if err != nil {
				s.Fatal(err)
			}
			if len(out.Records) == 0 && *out.MillisBehindLatest == 0 {
				break
			}
			next = out.NextShardIterator
			for _, r := range out.Records {
				for u := range new(deagg.Decoder).UserRecords(deagg.StoredRecord{SequenceNumber: *r.SequenceNumber, PartitionKey: *r.PartitionKey, Data: r.Data}) {
					data := strings.TrimRight(string(u.Data), " ")
					found[data] = append(found[data], *shard.ShardId+" "+*r.SequenceNumber)
				}
			}
		}
	}
	return found
}

// load puts records and keeps their results, from startLoad to end.
type load struct {
	*testing.T
	p       *Parent
	stop    chan struct{}
	putting sync.WaitGroup
	records int // that were put; after end

	mu      sync.Mutex
	results map[string][]producer.Result
	latest  time.Time // of a good result
	failed  int
}

// startLoad starts a parent, and puts through it until end.
func startLoad(t *testing.T, cfg Config) *load {
	p, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	l := &load{T: t, p: p, stop: make(chan struct{}), results: map[string][]producer.Result{}}
	l.putting.Go(l.putUntilStop)
	return l
}

// end puts no more, and closes the parent.
func (l *load) end() {
	close(l.stop)
	l.putting.Wait()
	if err := l.p.Close(l.Context()); err != nil {
		l.Error(err)
	}
}

// putUntilStop puts about 5,000 records of 100 bytes a second.
func (l *load) putUntilStop() {
	for ; ; l.records++ {
		select {
		case <-l.stop:
			return
		default:
		}
		key := strconv.Itoa(l.records)
		if err := l.p.Put(context.Background(), "orders", producer.Record{PartitionKey: key, Data: fmt.Appendf(nil, "%-100s", key)}, l.done); err != nil {
			l.Error(err)
			return
		}
		if l.records%10 == 0 {
			time.Sleep(2 * time.Millisecond)
		}
	}
}

func (l *load) done(r producer.Record, res producer.Result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := strings.TrimRight(string(r.Data), " ")
	if l.results[key] = append(l.results[key], res); res.Err != nil {
		l.failed++
		l.Errorf("%s: %v", key, res.Err)
		return
	}
	l.latest = time.Now()
}

// waitForResult returns when a record put after now has a result, and how long that took.
func (l *load) waitForResult(since time.Time) time.Duration {
	var took time.Duration
	waitFor(l.T, "a result after a kill", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		took = l.latest.Sub(since)
		return took > 0
	})
	return took
}

// check holds each result to what is stored, and returns how many acknowledged records are not, and how often others are
// there once more.
func (l *load) check(stored map[string][]string) (lost, again int) {
	for i := range l.records {
		key := strconv.Itoa(i)
		if len(l.results[key]) != 1 {
			l.Errorf("%s has %d results", key, len(l.results[key]))
			continue
		}
		r := l.results[key][0]
		number, _ := r.Position.Number()
		if at := fmt.Sprint(r.ShardID, " ", number); r.Err == nil && !slices.Contains(stored[key], at) {
			lost++
			l.Errorf("%s is not at %s, where it is said to be, but in %v", key, at, stored[key])
		}
		again += max(0, len(stored[key])-1)
	}
	return lost, again
}

// TestKills: the daemon is killed under load again and again. No record is lost or fails.
func TestKills(t *testing.T) {
	s := newService(t)
	l := startLoad(t, s.config(io.Discard))
	p := l.p
	r := rand.New(rand.NewPCG(14, uint64(*kills)))
	var took []time.Duration
	last := 0 // the child that was killed
	another := func() bool { return p.PID() != 0 && p.PID() != last }
	begin := time.Now()
	for range *kills {
		time.Sleep(time.Duration(r.Int64N(int64(150 * time.Millisecond))))
		waitFor(t, "another child", another)
		last = p.PID()
		at := time.Now()
		syscall.Kill(last, syscall.SIGKILL)
		time.Sleep(5 * time.Millisecond) // results that were read just now are not what is waited for
		took = append(took, l.waitForResult(at.Add(5*time.Millisecond))+5*time.Millisecond)
	}
	elapsed := time.Since(begin)
	waitFor(t, "another child", another)
	l.end()
	lost, again := l.check(s.stored())
	slices.Sort(took)
	stats := p.Stats()
	t.Logf("%d kills in %v: %d records, %d lost, %d failed, %d stored again, %d sent again; to the next result: median %v, longest %v",
		*kills, elapsed.Round(time.Millisecond), l.records, lost, l.failed, again, stats.SentAgain, took[len(took)/2].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond))
	if stats.Restarts < int64(*kills) || stats.Results != int64(l.records) || stats.Outstanding != 0 {
		t.Errorf("%+v", stats)
	}
}

// TestProxy413: what a proxy does not take for its size is refused, as without a child: the service has no code for it.
func TestProxy413(t *testing.T) {
	s := newService(t)
	for _, body := range []string{"", "<html>too large</html>"} {
		proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-Amz-Target") == "Kinesis_20131202.PutRecords" {
				w.WriteHeader(http.StatusRequestEntityTooLarge)
				io.WriteString(w, body)
				return
			}
			s.fake.ServeHTTP(w, r)
		}))
		defer proxy.Close()
		cfg := s.config(io.Discard)
		cfg.Endpoint = proxy.URL
		p, err := Start(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		results := make(chan producer.Result, 1)
		if err := p.Put(t.Context(), "orders", producer.Record{PartitionKey: "k"}, func(_ producer.Record, r producer.Result) { results <- r }); err != nil {
			t.Fatal(err)
		}
		r := <-results
		var refused *producer.RefusedError
		if !errors.As(r.Err, &refused) || refused.Code != "" || refused.Permanent || !strings.Contains(r.Err.Error(), "413") || r.Attempts < 1 {
			t.Errorf("%q: %+v", body, r)
		}
		for try := range r.Tries() {
			if try.Err == nil || !strings.Contains(try.Err.Error(), "413") {
				t.Errorf("%q: %+v", body, try)
			}
		}
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// TestWithoutDaemon: kplkit without its command daemon is taken for the native binary; the error says so.
func TestWithoutDaemon(t *testing.T) {
	s := newService(t)
	cfg := s.config(io.Discard)
	cfg.Command, cfg.Endpoint = s.command[:1], ""
	_, err := Start(t.Context(), cfg)
	if child := new(ChildError); !errors.As(err, &child) || !strings.Contains(err.Error(), fmt.Sprintf(`it is kplkit, so set Config.Command to {%q, "daemon"}`, s.command[0])) {
		t.Error(err)
	}
}

// TestTerminated: somebody else ends the daemon, which sends what it holds. No record fails.
func TestTerminated(t *testing.T) {
	s := newService(t)
	l := startLoad(t, s.config(io.Discard))
	p := l.p
	for range 3 {
		l.waitForResult(time.Now())
		first := p.PID()
		syscall.Kill(first, syscall.SIGTERM)
		waitFor(t, "another child", func() bool { return p.PID() != first && p.PID() != 0 })
	}
	l.end()
	lost, again := l.check(s.stored())
	t.Logf("%d records, %d lost, %d stored again, %+v", l.records, lost, again, p.Stats())
}

// TestParentKilled: the daemon ends with its parent, and what was acknowledged is stored.
func TestParentKilled(t *testing.T) {
	s := newService(t)
	parent := exec.Command(os.Args[0], append(slices.Clone(s.command), s.url)...)
	parent.Env = append(os.Environ(), roleVariable+"=parent")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Scan()
	child, err := strconv.Atoi(lines.Text())
	if err != nil {
		t.Fatalf("the parent said %s", lines.Text())
	}
	acknowledged := []string{}
	for lines.Scan() {
		switch acknowledged = append(acknowledged, lines.Text()); len(acknowledged) {
		case 300: // stopped for a while, which nobody holds against it
			parent.Process.Signal(syscall.SIGSTOP)
			time.Sleep(300 * time.Millisecond)
			parent.Process.Signal(syscall.SIGCONT)
		case 1000:
			parent.Process.Kill()
		}
	}
	parent.Wait()
	waitFor(t, "the daemon to end", func() bool { return syscall.Kill(child, 0) != nil })
	stored := s.stored()
	for _, data := range acknowledged {
		if len(stored[data]) == 0 {
			t.Errorf("%s is acknowledged and not stored", data)
		}
	}
	t.Logf("%d acknowledged, %d stored", len(acknowledged), len(stored))
}

// TestStopped: a daemon that is stopped hangs: it is killed, and nothing is lost. The real time is shortened.
func TestStopped(t *testing.T) {
	s := newService(t)
	cfg := s.config(io.Discard)
	cfg.tick = 20 * time.Millisecond
	l := startLoad(t, cfg)
	p := l.p
	l.waitForResult(time.Now())
	first := p.PID()
	syscall.Kill(first, syscall.SIGSTOP)
	waitFor(t, "another child", func() bool { return p.PID() != first && p.PID() != 0 })
	l.end()
	if syscall.Kill(first, 0) == nil {
		t.Error("the stopped child is still there")
	}
	lost, again := l.check(s.stored())
	t.Logf("%d records, %d lost, %d stored again", l.records, lost, again)
}

// TestNative: the KPL's own native binary is a child, too, and is killed.
func TestNative(t *testing.T) {
	if *kplBinary == "" {
		t.Skip("-kpl-binary does not say where the KPL's native binary is")
	}
	s := newService(t)
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	server := httptest.NewTLSServer(slowAnswers{s.fake})
	defer server.Close()
	s.url, s.command = server.URL, []string{*kplBinary}
	var log lockedBuffer
	cfg := s.config(&log)
	cfg.VerifyCertificate = new(false)
	l := startLoad(t, cfg)
	p := l.p
	var took []time.Duration
	for range 5 {
		l.waitForResult(time.Now())
		at := time.Now()
		syscall.Kill(p.PID(), syscall.SIGKILL)
		time.Sleep(5 * time.Millisecond)
		took = append(took, l.waitForResult(at.Add(5*time.Millisecond))+5*time.Millisecond)
	}
	begin := time.Now()
	l.end()
	lost, again := l.check(s.stored())
	t.Logf("%d records, %d lost, %d failed, %d stored again, %+v; to the next result %v; the end took %v", l.records, lost, l.failed, again, p.Stats(), took, time.Since(begin))
	if left, _ := os.ReadDir(folder); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if t.Failed() {
		t.Log(log.String())
	}
}
