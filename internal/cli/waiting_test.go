package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/smithy-go/middleware"

	"github.com/kplkit/kplkit/internal/kinesisfake"
)

// said is what a command has written so far.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// take returns what has been written since it was called last.
func (s *said) take() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.text.Reset()
	return s.text.String()
}

// An endpoint that accepts and never answers, or never gets to TLS: put says within seconds what it waits for, and an
// interrupt ends it at once.
func TestPutWaits(t *testing.T) {
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			host := silentListener(t).String()
			ctx, interrupt := context.WithCancel(t.Context())
			var out, errs said
			ended := make(chan int)
			go func() {
				ended <- Run(ctx, []string{"put", "s", "--endpoint-url", scheme + "://" + host}, Streams{In: strings.NewReader(""), Out: &out, Err: &errs})
			}()
			want := regexp.MustCompile(`^kplkit: no answer to DescribeStreamSummary from ` + regexp.QuoteMeta(host) + ` for [0-9]+ seconds, still waiting\n$`)
			for began := time.Now(); !want.MatchString(errs.String()); time.Sleep(10 * time.Millisecond) {
				if time.Since(began) > 10*time.Second {
					t.Fatalf("it says %q", &errs)
				}
			}
			interrupt()
			interrupted := time.Now()
			if code := <-ended; code != exitFailed || !strings.HasPrefix(out.String(), "put 0, failed 0,") || !strings.HasSuffix(errs.String(), "\nkplkit: interrupted\n") {
				t.Errorf("exit code %d, stdout %q, stderr %q", code, &out, &errs)
			}
			if took := time.Since(interrupted); took > 2*time.Second {
				t.Errorf("it ended %v after the interrupt", took)
			}
		})
	}
}

// silent is a service that never answers.
type silent struct{}

func (silent) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func clientOf(transport http.RoundTripper, w *waiting) *kinesis.Client {
	return kinesis.New(kinesis.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://kinesis.test"), Credentials: aws.AnonymousCredentials{},
		HTTPClient: &http.Client{Transport: transport}, APIOptions: []func(*middleware.Stack) error{w.watch},
	})
}

// The call that everything starts with has an end, too.
func TestPutCheckEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var errs said
		began := time.Now()
		err := checkStream(t.Context(), clientOf(silent{}, &waiting{stderr: &errs}), "s")
		if took := time.Since(began); took != checkPatience || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v after %v", err, took)
		}
		if want := "stream s in http://kinesis.test: no answer within 20s, and nothing was read: "; !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
		if strings.Count(errs.String(), "\n") != 1 {
			t.Errorf("it says %q", &errs)
		}
	})
}

// What comes after it is waited for in the same way, and an answer ends the silence.
func TestPutWaitsForRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		patience := 20 * time.Second // of the service's
		began := time.Now()
		server := kinesisfake.New(kinesisfake.Options{Fault: func(r kinesisfake.Request) (f kinesisfake.Fault) {
			if r.Operation == "PutRecords" && time.Since(began) < patience {
				f.Delay = patience
			}
			return f
		}})
		defer server.Close()
		if err := createStream(server, "s:1"); err != nil {
			t.Fatal(err)
		}
		var out, errs said
		o := putOptions{lines: true, linger: time.Millisecond}
		p := newPutting(Streams{In: strings.NewReader("one\n"), Out: &out, Err: &errs}, o, true)
		if err := p.run(t.Context(), clientOf(server.Transport(), &waiting{stderr: p.status}), "s", nil); err != nil {
			t.Fatal(err)
		}
		if got, want := errs.take(), "kplkit: no answer to PutRecords from kinesis.test for 3 seconds, still waiting\n"; !strings.HasPrefix(got, want) {
			t.Errorf("it says %q, want %q first", got, want)
		}
		if time.Sleep(time.Hour); errs.take() != "" {
			t.Error("it goes on to say so after the answer")
		}
		if c, _ := summaryOf(t, out.String()); c.Put != 1 {
			t.Errorf("%+v", c)
		}
	})
}

// What is said, and when: the oldest call, after 3 seconds without any answer, and every half minute.
func TestWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var errs said
		w := &waiting{stderr: &errs}
		after := func(d time.Duration, want string) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			if got := errs.take(); got != want {
				t.Errorf("it says %q, want %q", got, want)
			}
		}
		a, b := w.begin("A"), w.begin("B")
		after(2*time.Second, "")
		w.end(a, true) // an answer: B is waited for from here on
		after(2*time.Second, "")
		after(2*time.Second, "kplkit: no B for 3 seconds, still waiting\n")
		w.end(b, false) // no answer: what is tried next goes on with it
		c := w.begin("C")
		after(20*time.Second, "")
		after(20*time.Second, "kplkit: no C for 33 seconds, still waiting\n")
		w.end(c, false)
		after(time.Hour, "") // nothing is asked for
		d := w.begin("D")
		after(4*time.Second, "kplkit: no D for 3 seconds, still waiting\n")
		w.end(d, true)
	})
}

// A terminal, or whoever reads stderr, that takes nothing holds up no call.
func TestWaitingForStderr(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stderr := io.Pipe()
		defer r.Close()
		w := &waiting{stderr: stderr}
		c := w.begin("A")
		time.Sleep(time.Minute)
		w.end(c, true)
	})
}
