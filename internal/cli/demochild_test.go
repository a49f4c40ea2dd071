package cli

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kplkit/kplkit/internal/kinesisfake"
)

func TestDemoChildCounts(t *testing.T) {
	c := &demoChild{
		stored: []bool{true, true, true, false, false},
		times:  []int{1, 0, 3, 0, 2},
		kills:  3,
		again:  []time.Duration{time.Second, 2 * time.Millisecond, 3 * time.Millisecond},
	}
	want := demoChildCounts{Put: 5, Stored: 3, Failed: 2, Lost: 1, Duplicated: 3, Kills: 3, AgainMS: 3}
	if diff := cmp.Diff(want, c.counts()); diff != "" {
		t.Error(diff)
	}
}

// forgetful is a Kinesis that says of some records that they are stored, and stores them in another one.
type forgetful struct {
	kept, lost *kinesisfake.Server
	puts       atomic.Int64
	began      chan struct{} // closed at the first put
}

func newForgetful(t *testing.T) (*forgetful, string) {
	f := &forgetful{kept: kinesisfake.New(kinesisfake.Options{}), lost: kinesisfake.New(kinesisfake.Options{}), began: make(chan struct{})}
	server := httptest.NewServer(f)
	t.Cleanup(func() { f.kept.Close(); f.lost.Close(); server.Close() })
	return f, server.URL
}

func (f *forgetful) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".PutRecords") {
		switch n := f.puts.Add(1); {
		case n == 1:
			close(f.began)
		case n%10 >= 5:
			f.lost.ServeHTTP(w, r)
			return
		}
	}
	f.kept.ServeHTTP(w, r)
}

// What was acknowledged and is not in the stream is counted, fails, and is not talked up.
func TestDemoChildLoss(t *testing.T) {
	f, url := newForgetful(t)
	if err := createStream(f.lost, demoChildStream+":4"); err != nil {
		t.Fatal(err)
	}
	d, out := demoOf(1, 1, 1, 1, 1, 1, 1, 1, 1, 1)
	d.child = newDemoChild(leastDemoRecords)
	if err := d.child.run(t.Context(), demoAWS(url), "kplkit", "daemon"); err != nil {
		t.Fatal(err)
	}
	n := d.child.counts()
	if n.Stored != n.Put || n.Kills != demoKills || n.AgainMS == 0 || n.Lost == 0 || n.Lost == n.Put {
		t.Errorf("%+v", n)
	}
	if err := d.report(false); err == nil || !strings.Contains(err.Error(), "this is a defect") || exitCode(err) != exitFailed {
		t.Errorf("error %v, exit code %d", err, exitCode(err))
	}
	if strings.Contains(out.String(), "nothing is lost") {
		t.Errorf("%s", out)
	}
}

// An interrupt ends the producer's process as well.
func TestDemoChildInterrupted(t *testing.T) {
	f, url := newForgetful(t)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	ended := make(chan error, 1)
	go func() { ended <- newDemoChild(1_000_000).run(ctx, demoAWS(url), "kplkit", "daemon") }()
	select {
	case <-f.began:
	case err := <-ended:
		t.Fatal(err)
	}
	children := awaitChildren(t, ctx, os.Getpid(), 1)
	interrupt()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	checkEnded(t, children)
}
