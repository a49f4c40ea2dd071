package cli

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/internal/recordio"
)

// run runs kplkit on stdin and returns what it wrote and its exit code.
func run(stdin io.Reader, args ...string) (out, errs string, code int) {
	var o, e bytes.Buffer
	code = Run(context.Background(), args, Streams{In: stdin, Out: &o, Err: &e})
	return o.String(), e.String(), code
}

// TestCaptures checks that of all captures without a reshard each record comes out that was put, and nothing else.
func TestCaptures(t *testing.T) {
	files, err := filepath.Glob("../../deagg/testdata/kpl-mini/*.raw.jsonl.gz")
	if err != nil || len(files) == 0 {
		t.Fatalf("no captures: %v", err)
	}
	for _, file := range files {
		if strings.Contains(file, "reshard") {
			continue // some come twice there
		}
		out, errs, code := run(nil, "deagg", file)
		if code != exitFine {
			t.Errorf("%s: exit code %d: %s", file, code, errs)
		}
		type read struct {
			Key  string `json:"partition_key"`
			Data []byte `json:"data"`
		}
		type put struct {
			OK     bool   `json:"ok"`
			Key    string `json:"partition_key"`
			SHA256 string `json:"data_sha256"`
		}
		got, want := map[string]int{}, map[string]int{}
		eachLine(t, strings.NewReader(out), func(r read) {
			sum := sha256.Sum256(r.Data)
			got[r.Key+" "+hex.EncodeToString(sum[:])]++
		})
		f, err := os.Open(strings.Replace(file, ".raw.", ".user.", 1))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		unzip, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		eachLine(t, unzip, func(p put) {
			if p.OK {
				want[p.Key+" "+p.SHA256]++
			}
		})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -put +read\n%s", file, diff)
		}
	}
}

func eachLine[T any](t *testing.T, r io.Reader, f func(T)) {
	t.Helper()
	for d := json.NewDecoder(r); ; {
		var v T
		switch err := d.Decode(&v); err {
		case nil:
			f(v)
		case io.EOF:
			return
		default:
			t.Fatal(err)
		}
	}
}

// TestMalformedIsAFormatError: the mark of a line of kplkit deagg that is read again has the type that deagg promises.
func TestMalformedIsAFormatError(t *testing.T) {
	for _, kind := range []error{deagg.ErrTruncated, deagg.ErrChecksum, deagg.ErrWire, deagg.ErrIndex, deagg.ErrHashKey} {
		name := recordio.Malformation(kind)
		d, err := newDeaggregation(deaggOptions{policy: "lossless", data: "base64"}, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		var got error
		d.format = func(b []byte, u *deagg.UserRecord, _ string) []byte {
			got = u.Malformed
			return b
		}
		line := `{"sequence_number":"7","sub_sequence_number":2,"aggregated":true,"data":"","malformed":"` + name + `"}`
		if err := d.run(t.Context(), Streams{In: strings.NewReader(line), Err: io.Discard}, nil, false); err != errFindings {
			t.Errorf("%s: %v", name, err)
		}
		e, ok := got.(*deagg.FormatError)
		if want := (deagg.FormatError{SequenceNumber: "7", SubSequenceNumber: 2, Offset: -1, Err: kind}); !ok || *e != want {
			t.Errorf("%s: marked by a %T: %v", name, got, got)
		} else if text := "deagg: stored record 7, user record 2: " + kind.Error(); got.Error() != text {
			t.Errorf("%q, want %q", got, text)
		}
	}
}

// TestLive checks that a record is written as soon as it has been read, though stdin stays open, and that an
// interrupt ends the wait for more.
func TestLive(t *testing.T) {
	for _, form := range []string{`{"data":"aGk="}` + "\n", `{"data":"aGk="}`, "{\n \"Records\": [\n  {\n   \"Data\": \"aGk=\"\n  }"} {
		ctx, interrupt := context.WithCancel(context.Background())
		in, stdin := io.Pipe()
		stdout, out := io.Pipe()
		var errs bytes.Buffer
		code := make(chan int)
		go func() { code <- Run(ctx, []string{"deagg", "--data", "raw"}, Streams{In: in, Out: out, Err: &errs}) }()
		if _, err := io.WriteString(stdin, form); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "hi\n" || err != nil {
			t.Errorf("%q, %v", line, err)
		}
		interrupt()
		if got := <-code; got != exitFailed || !strings.Contains(errs.String(), "kplkit: interrupted") {
			t.Errorf("exit code %d: %s", got, &errs)
		}
		stdin.Close()
	}
}

// An interrupt ends waiting for somebody to write to a pipe with a name.
func TestInterruptedOpening(t *testing.T) {
	name := filepath.Join(t.TempDir(), "pipe")
	if err := exec.Command("mkfifo", name).Run(); err != nil {
		t.Skip(err)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	if code := Run(ctx, []string{"deagg", name}, Streams{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard}); code != exitFailed {
		t.Errorf("exit code %d", code)
	}
}

// TestInterrupted checks that an interrupt ends other commands' wait for stdin, too, and is all they have to say: one
// that comes when a record has been shown, and one before anything can be.
func TestInterrupted(t *testing.T) {
	for _, tt := range []struct{ command, input string }{
		{"inspect", `{"data":"aGk="}` + "\n"},
		{"seqnum sort", ""},
	} {
		ctx, interrupt := context.WithCancel(context.Background())
		in, stdin := io.Pipe()
		var errs bytes.Buffer
		code := make(chan int)
		go func() {
			code <- Run(ctx, strings.Fields(tt.command), Streams{In: in, Out: onWrite(interrupt), Err: &errs})
		}()
		if tt.input == "" {
			interrupt()
		} else if _, err := io.WriteString(stdin, tt.input); err != nil {
			t.Fatal(err)
		}
		if got := <-code; got != exitFailed || errs.String() != "kplkit: interrupted\n" {
			t.Errorf("%s: exit code %d: %s", tt.command, got, &errs)
		}
		stdin.Close()
	}
}

// onWrite is a Writer that takes everything and calls the function.
type onWrite func()

func (f onWrite) Write(p []byte) (int, error) {
	f()
	return len(p), nil
}

func zip(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGzip(t *testing.T) {
	line := `{"data":"aGk="}` + "\n"
	out, errs, code := run(strings.NewReader(zip(t, line)+zip(t, line)), "deagg", "--data", "raw")
	if out != "hi\nhi\n" || code != exitFine {
		t.Errorf("two members: %q, exit code %d: %s", out, code, errs)
	}
	whole := zip(t, line+line)
	out, errs, code = run(strings.NewReader(whole[:len(whole)-4]), "deagg", "--data", "raw")
	if out != "hi\nhi\n" || code != exitFailed || !strings.Contains(errs, "kplkit: stdin:3: gzip: the file ends too early") {
		t.Errorf("cut off: %q, exit code %d: %s", out, code, errs)
	}
	_, errs, code = run(strings.NewReader(whole+line), "deagg", "--data", "raw")
	if code != exitFailed || !strings.Contains(errs, "something else than gzip follows") {
		t.Errorf("something behind it: exit code %d: %s", code, errs)
	}
}

// TestWriteError checks that deagg ends when nobody takes its output.
func TestWriteError(t *testing.T) {
	var errs bytes.Buffer
	in := strings.NewReader(strings.Repeat(`{"data":"aGk="}`+"\n", 1<<20))
	code := Run(context.Background(), []string{"deagg"}, Streams{In: in, Out: full{}, Err: &errs})
	if code != exitFailed || !strings.HasSuffix(errs.String(), "\nkplkit: "+io.ErrShortWrite.Error()+"\n") {
		t.Errorf("exit code %d: %s", code, &errs)
	}
	if in.Len() == 0 {
		t.Error("it has read all of its input")
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

// Of many errors of one kind the first ones are told, and how many the others are; no other kind is hidden by them.
func TestFolding(t *testing.T) {
	text := strings.Repeat("a line of text\nand another\n", 800) + "{\"partition_key\":\"k\"}\n"
	for _, args := range [][]string{{"deagg"}, {"inspect", "-"}, {"agg"}} {
		in := text
		if args[0] != "deagg" {
			in = "{\"data\":\"aGk=\",\"partition_key\":\"k\"}\n" + strings.Repeat("{\"data\":\"?\"}\n", 1600) + "{\"partition_key\":\"k\"}\n"
		}
		_, errs, code := run(strings.NewReader(in), args...)
		if code != exitFailed || strings.Count(errs, "\n") > 14 || !strings.Contains(errs, "kplkit: and 1590 more like these, the last one is stdin:160") || !strings.Contains(errs, "no data (looked for") {
			t.Errorf("%v: exit code %d, %s", args, code, errs)
		}
	}
	_, errs, _ := run(strings.NewReader(strings.Repeat("{\"data\":\"aGk=\"}\n", 100)), "agg") // no partition key
	if strings.Count(errs, "refused") != 12 || !strings.Contains(errs, "and 90 more like these") {
		t.Error(errs)
	}
}
