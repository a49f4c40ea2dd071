package bench

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/kplkit/kplkit/internal/proxy"
	"github.com/kplkit/kplkit/internal/userview"
)

// proxyVariable makes this program a proxy, "kplkit" or "httputil", before the URL that follows, until its standard input
// ends.
const proxyVariable = "KPLKIT_BENCH_PROXY"

// profileVariable names a file for a CPU profile of kplkit's.
const profileVariable = "KPLKIT_BENCH_PROFILE"

func serveProxy(kind, upstream string) error {
	at, err := url.Parse(upstream)
	if err != nil {
		return err
	}
	reverse := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(at) }}
	serve := func(l net.Listener) error {
		return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body) // else it breaks off answers that begin while it still looks for the end of a body
			r.Body = io.NopCloser(bytes.NewReader(body))
			reverse.ServeHTTP(w, r)
		}))
	}
	if kind == "kplkit" { // as kplkit proxy has it, with its log
		log := slog.New(slog.NewJSONHandler(io.Discard, nil))
		view := userview.New(userview.Config{Log: log})
		key := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIA", SecretAccessKey: "secret"}, nil
		})
		h, err := proxy.New(proxy.Config{Change: view.Change, Log: log,
			AWS: aws.Config{Region: "us-east-1", BaseEndpoint: &upstream, Credentials: key}})
		if err != nil {
			return err
		}
		serve = func(l net.Listener) error { return h.Serve(context.Background(), l, nil, 0) }
	}
	if path := os.Getenv(profileVariable); path != "" && kind == "kplkit" {
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		pprof.StartCPUProfile(f)
		defer pprof.StopCPUProfile()
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go serve(l)
	fmt.Println("http://" + l.Addr().String())
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// served is a proxy in a process of its own, on one core.
type served struct {
	testing.TB
	kind   string
	url    string
	pid    int
	client *http.Client
}

func newServed(b testing.TB, kind, upstream string) *served {
	cmd := exec.Command(os.Args[0])
	cmd.Stderr = os.Stderr
	cmd.Env = append(os.Environ(), proxyVariable+"="+kind+" "+upstream, "GOMAXPROCS=1")
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 2000}
	b.Cleanup(func() {
		transport.CloseIdleConnections()
		in.Close()
		cmd.Wait()
	})
	at, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return &served{b, kind, strings.TrimSpace(at), cmd.Process.Pid, &http.Client{Transport: transport}}
}

// call makes one call, and returns how many bytes came.
func (s *served) call(operation string) int64 {
	r, _ := http.NewRequest(http.MethodPost, s.url, strings.NewReader(`{"ShardIterator":"AAAA"}`))
	r.Header.Set("X-Amz-Target", "Kinesis_20131202."+operation)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	answer, err := s.client.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	defer answer.Body.Close()
	n, err := io.Copy(io.Discard, answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		s.Fatal(s.kind, ": ", answer.Status, " ", n, " bytes of ", answer.ContentLength, ": ", err)
	}
	return n
}

// cpu returns what CPU time the threads of the process have taken.
func (s *served) cpu() (took time.Duration) {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", s.pid))
	for _, thread := range threads {
		text, _ := os.ReadFile(thread)
		running, _, _ := strings.Cut(string(text), " ")
		n, _ := strconv.ParseInt(running, 10, 64)
		took += time.Duration(n)
	}
	if took == 0 {
		s.Skip("CPU time of another process is read from /proc, which only Linux has")
	}
	return took
}

// resident returns the memory of the process in KiB, by a name in /proc: VmRSS, or VmHWM for the most it was.
func (s *served) resident(name string) int {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.pid))
	_, line, found := strings.Cut(string(text), name+":")
	if !found {
		s.Skip("memory of another process is read from /proc, which only Linux has")
	}
	n, _ := strconv.Atoi(strings.Fields(line)[0])
	return n
}
