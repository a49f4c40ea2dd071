package cli

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/kplkit/kplkit/deagg/deaggaws"
	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/internal/recordio"
	"github.com/kplkit/kplkit/internal/wire"
	"github.com/kplkit/kplkit/producer"
)

// kinesisWith serves a Kinesis that has the stream s, and returns its URL.
func kinesisWith(t *testing.T, fault func(kinesisfake.Request) kinesisfake.Fault) string {
	kinesis := kinesisfake.New(kinesisfake.Options{Fault: fault})
	t.Cleanup(kinesis.Close)
	if err := createStream(kinesis, "s:4"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(kinesis)
	t.Cleanup(server.Close)
	return server.URL
}

// hangingKinesis is a kinesisWith that answers no PutRecords until goOn, and reports those that reach it.
func hangingKinesis(t *testing.T) (url string, reached <-chan struct{}, goOn func()) {
	var answers atomic.Bool
	calls := make(chan struct{}, 100)
	url = kinesisWith(t, func(r kinesisfake.Request) kinesisfake.Fault {
		if r.Operation != "PutRecords" || answers.Load() {
			return kinesisfake.Fault{}
		}
		calls <- struct{}{}
		return kinesisfake.Fault{Delay: time.Hour}
	})
	return url, calls, func() { answers.Store(true) }
}

// summaryOf returns the last line of what kplkit put --json wrote, and the lines before it.
func summaryOf(t *testing.T, out string) (c putCounts, before []string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	var last struct {
		V       int
		Summary *putCounts
	}
	err := json.Unmarshal([]byte(lines[len(lines)-1]), &last)
	if err != nil || last.V != 1 || last.Summary == nil {
		t.Fatalf("%s\ndoes not end with a summary: %v", out, err)
	}
	return *last.Summary, lines[:len(lines)-1]
}

// stored counts the user records of a stream by what key makes of them.
func stored(t *testing.T, url, stream string, key func(types.Record) string) map[string]int {
	t.Helper()
	client := kinesis.NewFromConfig(demoAWS(url), deaggaws.WithDeaggregation())
	shards, err := client.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: &stream})
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, shard := range shards.Shards {
		start, err := client.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{
			StreamName: &stream, ShardId: shard.ShardId, ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
		})
		if err != nil {
			t.Fatal(err)
		}
		for iterator, behind := start.ShardIterator, true; behind; {
			out, err := client.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: iterator})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range out.Records {
				counts[key(r)]++
			}
			iterator, behind = out.NextShardIterator, len(out.Records) > 0 || *out.MillisBehindLatest > 0
		}
	}
	return counts
}

func dataOf(r types.Record) string { return string(r.Data) }

// TestPutLines: of 100,000 lines each is in the stream of a kplkit local as often as it was put, packed or not.
func TestPutLines(t *testing.T) {
	r := startLocalJSON(t, "--stream", "orders:4")
	want := map[string]int{}
	var text bytes.Buffer
	for i := range 100_000 {
		line := fmt.Sprintf("line %d", i%99_000) // some come twice
		want[line] += 2
		fmt.Fprintln(&text, line)
	}
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	_, _ = zip.Write(text.Bytes())
	zip.Close()
	file := filepath.Join(t.TempDir(), "lines.gz")
	if err := os.WriteFile(file, packed.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		stdin io.Reader
		args  []string
	}{{&text, nil}, {nil, []string{file}}} {
		out, errs, code := run(tt.stdin, append([]string{"put", "orders", "--endpoint-url", r.Kinesis, "--lines", "--json"}, tt.args...)...)
		c, _ := summaryOf(t, out)
		if code != exitFine || errs != "" || c.Put != 100_000 || c.Failed != 0 || c.Stored == 0 || c.Stored > 50_000 {
			t.Errorf("exit code %d, %+v, %s", code, c, errs)
		}
	}
	if got := stored(t, r.Kinesis, "orders", dataOf); !maps.Equal(got, want) {
		t.Errorf("put and stored differ: %.2000s", cmp.Diff(want, got))
	}
	r.stop()
	r.ends()
}

func TestPutKeys(t *testing.T) {
	url := kinesisWith(t, nil)
	const in = `{"partition_key":"k","data":"MQ=="}
{"partition_key":"l","explicit_hash_key":null,"data":"Mg=="}
{"partition_key":"m","explicit_hash_key":"0","data":"Mw=="}
`
	if out, errs, code := run(strings.NewReader(in), "put", "s", "--endpoint-url", url); code != exitFine {
		t.Fatalf("exit code %d: %s%s", code, out, errs)
	}
	got := stored(t, url, "s", func(r types.Record) string { return *r.PartitionKey + " " + string(r.Data) })
	if diff := cmp.Diff(map[string]int{"k 1": 1, "l 2": 1, "m 3": 1}, got); diff != "" {
		t.Error(diff)
	}
}

// A user record that the service refuses is told; all others are put.
func TestPutRefused(t *testing.T) {
	refused := []byte(`"dHdv"`) // two
	url := kinesisWith(t, func(r kinesisfake.Request) kinesisfake.Fault {
		if r.Operation == "PutRecords" && bytes.Contains(r.Body(), refused) {
			return kinesisfake.Fault{ErrorCode: "ValidationException"}
		}
		return kinesisfake.Fault{}
	})
	out, errs, code := run(strings.NewReader("one\ntwo\nthree\n"), "put", "s", "--endpoint-url", url, "--lines", "--json", "--no-aggregation")
	c, before := summaryOf(t, out)
	if code != exitFailed || c.Put != 2 || c.Failed != 1 || c.Unsent != 0 || c.Retried == 0 || errs != "" {
		t.Errorf("exit code %d, %+v, %s", code, c, errs)
	}
	if len(before) != 1 || !strings.HasPrefix(before[0], `{"v":1,"file":"stdin","line":2,"error":"`) || !strings.Contains(before[0], "ValidationException") {
		t.Errorf("%q", before)
	}
	if diff := cmp.Diff(map[string]int{"one": 1, "three": 1}, stored(t, url, "s", dataOf)); diff != "" {
		t.Error(diff)
	}
}

// A stream that takes nothing any more ends reading, though there is more to read, and is told once.
func TestPutStreamGone(t *testing.T) {
	url := kinesisWith(t, func(r kinesisfake.Request) kinesisfake.Fault {
		if r.Operation == "PutRecords" {
			return kinesisfake.Fault{ErrorCode: "ResourceNotFoundException"}
		}
		return kinesisfake.Fault{}
	})
	in, stdin := io.Pipe()
	go func() { _, _ = io.WriteString(stdin, "one\ntwo\nthree\n") }() // and never ends
	out, errs, code := run(in, "put", "s", "--endpoint-url", url, "--lines")
	if code != exitFailed || !strings.HasPrefix(out, "put 0, failed ") || strings.Count(errs, "\n") != 1 ||
		!strings.Contains(errs, "ResourceNotFoundException") || !strings.Contains(errs, "the first is stdin:1") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
}

// An interrupt ends a run that gets no answer, and tells where to go on.
func TestPutInterrupted(t *testing.T) {
	url, reached, _ := hangingKinesis(t)
	ctx, interrupt := context.WithCancel(t.Context())
	in, stdin := io.Pipe()
	go func() {
		_, _ = io.WriteString(stdin, "one\ntwo\n")
		_, _ = io.WriteString(stdin, "thr") // is read once both lines are put
		<-reached
		interrupt()
	}()
	var out, errs bytes.Buffer
	code := Run(ctx, []string{"put", "s", "--endpoint-url", url, "--lines", "--json", "--linger", "0s"}, Streams{In: in, Out: &out, Err: &errs})
	c, before := summaryOf(t, out.String())
	if code != exitFailed || c.Put != 0 || c.Failed != 2 || c.Unsent != 2 || len(before) != 2 || c.Seconds > 20 {
		t.Errorf("exit code %d, %+v, %q", code, c, before)
	}
	if want := "interrupted: 2 of the records read were not put, the first is stdin:1: go on from there"; !strings.Contains(errs.String(), want) {
		t.Errorf("%s lacks %q", &errs, want)
	}
}

func TestReadLine(t *testing.T) {
	long := strings.Repeat("x", wire.LargestRecord)
	in := bufio.NewReader(strings.NewReader("a\n\nb\r\n" + long + "\r\n" + long + "xxx\nc\r\nd\re"))
	for _, want := range []string{"a", "", "b", long} {
		if got, err := readLine(in); string(got) != want || err != nil {
			t.Errorf("%.20q, %v, want %.20q", got, err, want)
		}
	}
	if got, err := readLine(in); err != errLineTooLong {
		t.Errorf("%d bytes, %v, want %v", len(got), err, errLineTooLong)
	}
	for _, want := range []string{"c", "d\re"} {
		if got, err := readLine(in); string(got) != want || err != nil {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
	if got, err := readLine(in); err != io.EOF {
		t.Errorf("%q, %v, want the end", got, err)
	}
}

func TestPutStatusLine(t *testing.T) {
	c := putCounts{Put: 123, Failed: 2, Retried: 1, Bytes: 4_560_000, Seconds: 2}
	for want, done := range map[string]float64{
		"[=======        ] ETA 2s, 123 put, 62/s, 1 retried, 2 failed": 0.5,
		"[===============] ETA 2s, 123 put, 62/s, 1 retried, 2 failed": 1,
		"4.6 MB, 123 put, 62/s, 1 retried, 2 failed":                   -1,
	} {
		if got := putStatusLine(c, done, 2*time.Second); got != want {
			t.Errorf("%v: %q, want %q", done, got, want)
		}
	}
	for want, left := range map[string]time.Duration{
		"": -1, "ETA 9m59s, ": 599 * time.Second, "ETA 10m, ": 10 * time.Minute, "ETA 1h05m, ": 65 * time.Minute, "ETA 48h, ": 48 * time.Hour,
	} {
		if got := eta(left); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	large := putCounts{Put: 99_999_999, Failed: 999, Retried: 9999, Bytes: 99_999_000_000, Seconds: 500}
	for _, done := range []float64{0.5, -1} {
		if line := putStatusLine(large, done, 9*time.Hour); utf8.RuneCountInString(line) >= 80 {
			t.Errorf("%q has %d columns", line, utf8.RuneCountInString(line))
		}
	}
}

// The bar shows what is stored of all inputs, not what was read: a full buffer is not progress.
func TestPutShare(t *testing.T) {
	ten := producer.Record{PartitionKey: "k", Data: []byte("12345678")}
	u := &putStatus{total: 200}
	want := func(share float64) {
		t.Helper()
		if got := u.share(); math.Abs(got-share) > 1e-9 {
			t.Errorf("%v, want %v", got, share)
		}
	}
	u.begin(&recordio.Source{Size: 100})
	want(0)
	for range 10 {
		u.took(ten)
	}
	u.haveRead(100) // all of the first file is in the buffer
	want(0)
	for range 5 {
		u.settled(ten)
	}
	want(0.25)
	u.begin(&recordio.Source{Size: 100})
	want(0.25)
	u.haveRead(250) // it has grown
	for range 5 {
		u.settled(ten)
	}
	want(1)
	if u.total = 0; u.share() >= 0 {
		t.Error("it has a share of what is not known")
	}
}

// The time that is left follows from the last ten seconds: neither a first burst nor a pause before them counts.
func TestPutTimeLeft(t *testing.T) {
	u, at := new(putStatus), time.Now()
	show := func(done float64) time.Duration {
		at = at.Add(time.Second / 5)
		return u.timeLeft(putMark{at, done})
	}
	if left := show(0.2); left >= 0 {
		t.Errorf("%v is left, after one look", left)
	}
	for range 60 {
		show(0.2)
	}
	for i := range 50 {
		show(0.2 + float64(i)/500)
	}
	if left := show(0.3).Round(time.Second); left != 70*time.Second {
		t.Errorf("%v is left, want 70 s", left)
	}
	for range 14 { // a shard may be sick: for some seconds that is a pause, then nobody knows
		if left := show(0.3); left < 0 {
			t.Error("nothing is left after a moment's pause")
		}
	}
	if left := show(0.3); left >= 0 {
		t.Errorf("%v is left where nothing moves for 3 seconds", left)
	}
	if left := show(0.31); left < 0 {
		t.Error("nothing is left once it moves again")
	}
	if left := show(-1); left >= 0 {
		t.Errorf("%v is left of what is not known", left)
	}
}

// The first record that was not put is the first one of the input, whatever the order of the results; and the run says what
// the service has answered for it.
func TestPutUnsent(t *testing.T) {
	p := newPutting(Streams{Out: io.Discard, Err: io.Discard}, putOptions{}, false)
	sick := fmt.Errorf("%w: %w", producer.ErrClosed, &smithy.GenericAPIError{Code: "InternalFailure", Message: "shard is sick"})
	for _, n := range []int64{2, 1, 3} {
		p.failed(place{n: n, file: "in", line: int(n)}, nil, sick)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	err := p.result(ctx, errInterrupted)
	if want := "interrupted: 3 of the records read were not put, the first is in:1, for which the last answer was InternalFailure: shard is sick: go on from there (some after it may come twice)"; err == nil || err.Error() != want {
		t.Error(err)
	}
}
