package cli

import (
	"bytes"
	"context"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/google/go-cmp/cmp"

	"github.com/kplkit/kplkit/internal/kinesisfake"
)

// What an interrupted run could not put is in the file, with the random keys of its lines, and is put from there.
func TestPutFailedInterrupted(t *testing.T) {
	url, reached, goOn := hangingKinesis(t)
	ctx, interrupt := context.WithCancel(t.Context())
	in, stdin := io.Pipe()
	go func() {
		_, _ = io.WriteString(stdin, "one\n\xff two\n")
		_, _ = io.WriteString(stdin, "thr") // is read once both lines are put
		<-reached
		interrupt()
	}()
	file := filepath.Join(t.TempDir(), "failed.jsonl")
	var out, errs bytes.Buffer
	args := []string{"put", "s", "--endpoint-url", url, "--lines", "--json", "--linger", "0s", "--failed", file}
	code := Run(ctx, args, Streams{In: in, Out: &out, Err: &errs})
	if c, _ := summaryOf(t, out.String()); code != exitFailed || c.Unsent != 2 {
		t.Errorf("exit code %d, %+v", code, c)
	}
	if want := "what failed is in " + file + ", put that, and go on after stdin:2"; !strings.Contains(errs.String(), want) {
		t.Errorf("%s lacks %q", &errs, want)
	}
	want := map[string]int{}
	eachLine(t, strings.NewReader(read(t, file)), func(l struct {
		Key  string `json:"partition_key"`
		Data []byte `json:"data"`
	}) {
		want[l.Key+" "+string(l.Data)] = 1
	})
	goOn()
	if out, errs, code := run(nil, "put", "s", "--endpoint-url", url, file); code != exitFine {
		t.Fatalf("exit code %d: %s%s", code, out, errs)
	}
	got := stored(t, url, "s", func(r types.Record) string { return *r.PartitionKey + " " + string(r.Data) })
	if len(want) != 2 || !maps.Equal(got, want) {
		t.Errorf("stored is not what failed: %s", cmp.Diff(want, got))
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A stream that refuses everything: what was read is in the file.
func TestPutFailedRefused(t *testing.T) {
	url := kinesisWith(t, func(r kinesisfake.Request) kinesisfake.Fault {
		if r.Operation == "PutRecords" {
			return kinesisfake.Fault{ErrorCode: "ResourceNotFoundException"}
		}
		return kinesisfake.Fault{}
	})
	file := filepath.Join(t.TempDir(), "failed.jsonl")
	out, errs, code := run(strings.NewReader("one\ntwo\n"), "put", "s", "--endpoint-url", url, "--lines", "--json", "--failed", file)
	c, _ := summaryOf(t, out)
	if lines := strings.Count(read(t, file), "\n"); code != exitFailed || c.Failed == 0 || int64(lines) != c.Failed || !strings.Contains(errs, "what failed is in") {
		t.Errorf("exit code %d, %+v, %d lines: %s", code, c, lines, errs)
	}
}

// When the file can't be written the run says so, goes on, and leaves what was there before.
func TestPutFailedNotWritten(t *testing.T) {
	url := kinesisWith(t, nil)
	file := filepath.Join(t.TempDir(), "failed.jsonl")
	if err := os.WriteFile(file, []byte("before"), 0o640); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	p := newPutting(Streams{In: strings.NewReader("{\"data\":\"\"}\n{\"partition_key\":\"k\",\"data\":\"\"}\n"), Out: &out, Err: &errs}, putOptions{}, true)
	var err error
	if p.failures, err = openFailedFile(file, Streams{}, nil); err != nil {
		t.Fatal(err)
	}
	p.failures.file.part.Close() // as a disk that is full
	client, err := connect(t.Context(), awsFlags{endpointURL: url}, io.Discard, "s")
	if err != nil {
		t.Fatal(err)
	}
	err = p.run(t.Context(), client, "s", nil)
	if c, _ := summaryOf(t, out.String()); c.Put != 1 || c.Failed != 1 || err == nil || !strings.Contains(err.Error(), "is not written") {
		t.Errorf("%+v, %v", c, err)
	}
	if w := p.status.weighs; w[0] == 0 || w[0] != w[1] {
		t.Errorf("of %d bytes %d are over", w[0], w[1])
	}
	if left, _ := os.ReadDir(filepath.Dir(file)); len(left) != 1 || read(t, file) != "before" {
		t.Errorf("%v, %q", left, read(t, file))
	}
}

// What failed is not lost where the file can't take its place, and nobody is sent to the file.
func TestPutFailedNotReplaced(t *testing.T) {
	url := kinesisWith(t, nil)
	file := filepath.Join(t.TempDir(), "failed.jsonl")
	var out, errs bytes.Buffer
	p := newPutting(Streams{In: strings.NewReader("{\"data\":\"\"}\n"), Out: &out, Err: &errs}, putOptions{}, true)
	var err error
	if p.failures, err = openFailedFile(file, Streams{}, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(file, 0o700); err != nil {
		t.Fatal(err)
	}
	client, err := connect(t.Context(), awsFlags{endpointURL: url}, io.Discard, "s")
	if err != nil {
		t.Fatal(err)
	}
	err = p.run(t.Context(), client, "s", nil)
	parts, _ := filepath.Glob(file + ".*.part")
	if len(parts) != 1 || err == nil || strings.Contains(err.Error(), "are in "+file) || !strings.HasSuffix(err.Error(), " is in "+parts[0]) {
		t.Fatalf("%v, %q", err, parts)
	}
	if text := read(t, parts[0]); !strings.HasPrefix(text, `{"v":1,"explicit_hash_key":null,"data":""`) {
		t.Errorf("%s has %q", parts[0], text)
	}
}

// The file keeps the permissions of the one that it replaces.
func TestPutFailedMode(t *testing.T) {
	file := filepath.Join(t.TempDir(), "failed.jsonl")
	for _, want := range []os.FileMode{0o600, 0o640} {
		f, err := openFailedFile(file, Streams{}, nil)
		if err == nil {
			err = f.finish()
		}
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != want {
			t.Errorf("%v, %v, want %v", info, err, want)
		}
		_ = os.Chmod(file, 0o640)
	}
}

// An interrupt before anything is read, while the stream is looked for or the first line waited for, ends with the
// summary, too. The file of what failed stays as it was while nothing was read.
func TestPutInterruptedAtFirst(t *testing.T) {
	for _, operation := range []string{"DescribeStreamSummary", "", "lines"} {
		ctx, interrupt := context.WithCancel(t.Context())
		url := kinesisWith(t, func(r kinesisfake.Request) kinesisfake.Fault {
			if r.Operation == operation {
				interrupt()
				return kinesisfake.Fault{Delay: time.Hour}
			}
			if operation != "DescribeStreamSummary" {
				time.AfterFunc(time.Second/10, interrupt)
			}
			return kinesisfake.Fault{}
		})
		file := filepath.Join(t.TempDir(), "failed.jsonl")
		if err := os.WriteFile(file, []byte("before"), 0o600); err != nil {
			t.Fatal(err)
		}
		in, _ := io.Pipe() // nothing comes
		args := []string{"put", "s", "--endpoint-url", url, "--json", "--failed", file}
		if operation == "lines" {
			args = append(args, "--lines")
		}
		var out, errs bytes.Buffer
		code := Run(ctx, args, Streams{In: in, Out: &out, Err: &errs})
		c, before := summaryOf(t, out.String())
		if code != exitFailed || c.Put != 0 || len(before) != 0 || errs.String() != "kplkit: interrupted\n" {
			t.Errorf("%q: exit code %d: %s%s", operation, code, &out, &errs)
		}
		if left, _ := os.ReadDir(filepath.Dir(file)); len(left) != 1 || read(t, file) != "before" {
			t.Errorf("%q: the file of what failed has %q, beside it %v", operation, read(t, file), left)
		}
	}
}

// Whoever interrupts a run is told where what failed is, also where everything was tried.
func TestPutFailedNamedOnInterrupt(t *testing.T) {
	p := &putting{read: 3, last: place{n: 3, file: "in", line: 3}, counts: putCounts{Failed: 2}, failures: &failedFile{name: "failed.jsonl", n: 2}}
	err := p.result(t.Context(), errInterrupted)
	if want := "interrupted: everything up to in:3 was tried, and 2 of it failed: what failed is in failed.jsonl, put that, and go on after in:3"; err == nil || err.Error() != want {
		t.Error(err)
	}
}
