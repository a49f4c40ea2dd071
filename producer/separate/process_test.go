//go:build unix

package separate

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"google.golang.org/protobuf/proto"

	"github.com/kplkit/kplkit/internal/kplpipe"
	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
	"github.com/kplkit/kplkit/producer"
)

// roleVariable says what this test binary plays when it is started again.
const roleVariable = "KPLKIT_SEPARATE_TEST"

func TestMain(m *testing.M) {
	switch role := os.Getenv(roleVariable); role {
	case "":
		code := m.Run()
		os.RemoveAll(buildFolder)
		os.Exit(code)
	case "parent":
		playParent()
	case "stopped":
		playStopped()
	default:
		playChild(role)
	}
}

// playChild answers all puts, and stores nothing.
func playChild(role string) {
	var in io.Reader = os.Stdin
	var out io.Writer = os.Stdout
	switch role {
	case "wrong":
		fmt.Fprintln(os.Stderr, "region is wrong")
		os.Exit(1)
	case "native", "native-other": // opens in either order
		flags := map[string]string{}
		for i := len(os.Args) - 2; i > 0; i-- {
			flags[os.Args[i]] = os.Args[i+1]
		}
		if k, err := kplpipe.ParseArgument(flags["-k"]); err != nil || k.GetSetCredentials().GetCredentials().GetSecretKey() != "secret" {
			os.Exit(1)
		}
		open := []func(){
			func() { out, _ = os.OpenFile(flags["-i"], os.O_WRONLY, 0) },
			func() { in, _ = os.Open(flags["-o"]) },
		}
		if role == "native-other" {
			slices.Reverse(open)
		}
		open[0]()
		open[1]()
	}
	fmt.Fprintln(os.Stderr, "arguments", strings.Join(os.Args[1:], " "))
	frames := kplpipe.NewReader(in, kplpipe.DaemonLimit)
	for {
		p, other, err := frames.ReadPut()
		m := &kplpb.Message{Id: new(uint64(0)), SourceId: &p.ID}
		switch {
		case err != nil:
			os.Exit(0)
		case other.GetMetricsRequest() != nil:
			m.SourceId, m.ActualMessage = other.Id, &kplpb.Message_MetricsResponse{MetricsResponse: &kplpb.MetricsResponse{}}
		case other != nil:
			continue
		default:
			m.ActualMessage = &kplpb.Message_PutRecordResult{PutRecordResult: &kplpb.PutRecordResult{
				Success: proto.Bool(true), ShardId: proto.String("shardId-000000000000"), SequenceNumber: proto.String(fmt.Sprint(p.ID)),
			}}
		}
		frame, _ := kplpipe.AppendFrame(nil, m)
		if role == "slow" && other == nil {
			time.AfterFunc(500*time.Millisecond, func() { out.Write(frame) })
			continue
		}
		out.Write(frame)
	}
}

// childConfig has this binary play a child, whose role is in the environment.
func childConfig(argument string, log io.Writer) Config {
	return Config{
		Command: []string{os.Args[0], argument}, Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("akid", "secret", ""),
		Logger: slog.New(slog.NewTextHandler(log, nil)),
	}
}

// lockedBuffer is what a Logger writes into.
type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestProcess: a real child, over its standard input and output and over FIFOs: killed once, and nothing is left of it,
// no process, no goroutine, no file.
func TestProcess(t *testing.T) {
	for role, argument := range map[string]string{"kplkit": "daemon", "native": "binary", "native-other": "binary"} {
		t.Run(role, func(t *testing.T) {
			folder := t.TempDir()
			t.Setenv("TMPDIR", folder)
			t.Setenv(roleVariable, role)
			before := runtime.NumGoroutine()
			var log lockedBuffer
			p, err := Start(t.Context(), childConfig(argument, &log))
			if err != nil {
				t.Fatal(err)
			}
			var results []error
			put := func(n int) {
				for range n {
					if err := p.Put(t.Context(), "orders", producer.Record{PartitionKey: "k", Data: make([]byte, 1000)}, func(_ producer.Record, r producer.Result) { results = append(results, r.Err) }); err != nil {
						t.Fatal(err)
					}
				}
			}
			put(1000)
			first := p.PID()
			syscall.Kill(first, syscall.SIGKILL)
			put(1000)
			if err := p.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			second := p.PID()
			if err := p.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if len(results) != 2000 || slices.ContainsFunc(results, func(err error) bool { return err != nil }) || first == second {
				t.Errorf("%d results, children %d and %d", len(results), first, second)
			}
			for _, pid := range []int{first, second} {
				if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
					t.Errorf("process %d: %v", pid, err)
				}
			}
			if left, _ := filepath.Glob(folder + "/*"); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
			waitFor(t, "the goroutines to end", func() bool { return runtime.NumGoroutine() <= before })
			if argument == "daemon" && strings.Contains(log.String(), "secret") || !strings.Contains(log.String(), "-l info") {
				t.Errorf("log: %s", log.String())
			}
		})
	}
}

func waitFor(t *testing.T, what string, ready func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ready(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			buf := make([]byte, 1<<20)
			t.Fatalf("waited in vain for %s\n%s", what, buf[:runtime.Stack(buf, true)])
		}
	}
}

// TestWrongSetting: a child that ends at once is said at once, with its words and its exit code; one that is not there, too.
func TestWrongSetting(t *testing.T) {
	for _, argument := range []string{"daemon", "binary"} {
		t.Setenv("TMPDIR", t.TempDir())
		t.Setenv(roleVariable, "wrong")
		begin := time.Now()
		_, err := Start(t.Context(), childConfig(argument, io.Discard))
		var child *ChildError
		if !errors.As(err, &child) || child.Status != "exit status 1" || !slices.Equal(child.Words, []string{"region is wrong"}) || time.Since(begin) > restPatience*3/4 {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		if left, _ := filepath.Glob(os.Getenv("TMPDIR") + "/*"); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	}
	cfg := childConfig("daemon", io.Discard)
	for program, want := range map[string]error{"no-such-program": exec.ErrNotFound, "/no/such/program": fs.ErrNotExist} {
		for _, arguments := range [][]string{{"daemon"}, nil} {
			cfg.Command = append([]string{program}, arguments...)
			if _, err := Start(t.Context(), cfg); !errors.Is(err, want) || !strings.Contains(err.Error(), `set Config.Command to {"/path/to/kplkit", "daemon"}`) {
				t.Error(err)
			}
		}
	}
}

// TestInterrupt: Ctrl-C at the terminal goes to the program's process group, and the child is not in it.
func TestInterrupt(t *testing.T) {
	t.Setenv(roleVariable, "kplkit")
	p, err := Start(t.Context(), childConfig("daemon", io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close(t.Context())
	ours, _ := syscall.Getpgid(os.Getpid())
	if theirs, err := syscall.Getpgid(p.PID()); err != nil || theirs == ours {
		t.Errorf("group %d, ours is %d (%v)", theirs, ours, err)
	}
}

// stoppedRecords are put by the parent that is stopped. Their results fit into a pipe.
const stoppedRecords = 500

// playStopped puts records, and says so, and then how many of them were stored.
func playStopped() {
	os.Setenv(roleVariable, "slow")
	cfg := childConfig("daemon", io.Discard)
	cfg.RecordTTL = time.Second
	p, err := Start(context.Background(), cfg)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	stored := 0
	for range stoppedRecords {
		p.Put(context.Background(), "orders", producer.Record{PartitionKey: "k"}, func(_ producer.Record, r producer.Result) {
			if r.Err == nil {
				stored++
			}
		})
	}
	fmt.Println("put")
	p.Close(context.Background())
	fmt.Println(stored, "stored")
}

// TestParentStopped: a parent that is stopped for longer than its records live reads the results that have come meanwhile.
func TestParentStopped(t *testing.T) {
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), roleVariable+"=stopped")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	defer parent.Process.Kill()
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "put" {
		t.Fatal(lines.Text())
	}
	time.Sleep(100 * time.Millisecond) // the child has them
	parent.Process.Signal(syscall.SIGSTOP)
	time.Sleep(2 * time.Second)
	parent.Process.Signal(syscall.SIGCONT)
	if want := fmt.Sprint(stoppedRecords, " stored"); !lines.Scan() || lines.Text() != want {
		t.Errorf("%q, want %q", lines.Text(), want)
	}
	parent.Wait()
}

// playParent puts through the command in its arguments until it is killed; it says the child's process id first.
func playParent() {
	os.Unsetenv(roleVariable)
	p, err := Start(context.Background(), Config{
		Command: os.Args[1:3], Endpoint: os.Args[3], Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("akid", "secret", ""),
		MetricsLevel: "none",
	})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(p.PID())
	out := bufio.NewWriter(os.Stdout)
	for i := 0; ; i++ {
		data := strconv.Itoa(i)
		p.Put(context.Background(), "orders", producer.Record{PartitionKey: data, Data: []byte(data)}, func(r producer.Record, res producer.Result) {
			if res.Err == nil { // acknowledged: the test holds us to it
				fmt.Fprintln(out, string(r.Data))
				out.Flush()
			}
		})
		time.Sleep(200 * time.Microsecond)
	}
}
