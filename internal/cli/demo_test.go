package cli

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kplkit/kplkit/seqnum"
)

// demoOf makes a demo in which each of ten user records was delivered as often as times says, by all consumers.
func demoOf(times ...int) (*demo, *bytes.Buffer) {
	var out bytes.Buffer
	d := &demo{s: Streams{Out: &out}, ledger: newDemoLedger(len(times)), consumers: demoConsumers(len(times)), child: newDemoChild(len(times))}
	for _, c := range d.consumers {
		for number, n := range times {
			for range n {
				c.deliver(number, d.ledger)
			}
		}
	}
	return d, &out
}

func TestDemoCounts(t *testing.T) {
	d, _ := demoOf(1, 0, 3, 2, 1, 0, 1, 1, 1, 1)
	c := d.consumers[0]
	if diff := cmp.Diff(demoCounts{Put: 10, Delivered: 8, Lost: 2, Duplicated: 3}, c.counts()); diff != "" {
		t.Error(diff)
	}
	if c.ends != demoEnds-1 { // the last 8 of 10 are ends, one was lost
		t.Errorf("%d ends, want %d", c.ends, demoEnds-1)
	}
}

// A worker is killed where an aggregate goes on at both sides.
func TestDemoInside(t *testing.T) {
	n, err := seqnum.Parse("5")
	if err != nil {
		t.Fatal(err)
	}
	l := newDemoLedger(42)
	for i := range 40 {
		l.stored(i, seqnum.At(n, int64(i)))
	}
	l.stored(40, seqnum.After(n)) // plain; and 41 is not known yet
	for number := range 42 {
		if got, want := l.inside(number), number >= 10 && number <= 29; got != want {
			t.Errorf("%d: %v, want %v", number, got, want)
		}
	}
	if len(l.sizes) != 1 {
		t.Errorf("%d aggregates, want 1", len(l.sizes))
	}
}

// A loss on kplkit is told, fails, and is not talked up.
func TestDemoLoss(t *testing.T) {
	d, out := demoOf(1, 0, 1, 1, 1, 1, 1, 1, 1, 1)
	if err := d.report(false); err == nil || !strings.Contains(err.Error(), "1 user records were lost on kplkit") || exitCode(err) != exitFailed {
		t.Errorf("error %v, exit code %d", err, exitCode(err))
	}
	if strings.Contains(out.String(), "loses nothing") {
		t.Errorf("%s", out)
	}
}

func TestDemoText(t *testing.T) {
	d, out := demoOf(1, 1, 1, 1, 1, 1, 1, 1, 1, 2)
	if err := d.report(false); err != nil {
		t.Fatal(err)
	}
	const want = `consumer                    checkpoint            put  delivered   lost  twice
vmware-go-kcl-v2 on kplkit  every 10 records       10         10      0      1
`
	const producer = `
producer                    process               put     stored   lost  twice  failed  kills  working again after
producer/separate           kplkit daemon          10          0      0      0      10      0  0 ms
`
	if !strings.Contains(out.String(), producer) {
		t.Errorf("%s\nlacks %s", out, producer)
	}
	if !strings.HasPrefix(out.String(), want) {
		t.Errorf("%s\nwant it to start with\n%s", out, want)
	}
	for _, row := range []string{
		"  vmware-go-kcl-v2 on kplkit  every 10 records  kplkit/record           ok\n",
		"  vmware-go-kcl-v2 alone      every 10 records  vmware/sequence-number  disable\n",
		"  vmware-go-kcl-v2 alone      after each batch  vmware/no-arguments     ok\n",
	} {
		if strings.Count(out.String(), row) != 1 {
			t.Errorf("%s\nlacks %q", out, row)
		}
	}
	for _, sentence := range []string{"What happened:", "What it means:", "What to type next:"} {
		if strings.Count(out.String(), sentence) != 1 {
			t.Errorf("%s\nlacks %q", out, sentence)
		}
	}
}

// TestDemoInterrupted: an interrupt ends the demo at once, and no worker is left behind.
func TestDemoInterrupted(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "kplkit", "demo") // TestMain puts it on the path
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	workers := awaitChildren(t, ctx, cmd.Process.Pid, 3)
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != exitFailed || !strings.Contains(stderr.String(), "interrupt") {
		t.Errorf("%v, stderr %q; want exit code %d and the reason", err, &stderr, exitFailed)
	}
	checkEnded(t, workers)
}

// checkEnded fails for each process that is still there.
func checkEnded(t *testing.T, pids []int) {
	t.Helper()
	for _, pid := range pids {
		process, err := os.FindProcess(pid)
		if err == nil {
			err = process.Signal(syscall.Signal(0))
		}
		if !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("process %d is left behind: %v", pid, err)
		}
	}
}

// awaitChildren waits until a process has n children.
func awaitChildren(t *testing.T, ctx context.Context, parent, n int) (pids []int) {
	lists := filepath.Join("/proc", strconv.Itoa(parent), "task", "*", "children")
	if found, _ := filepath.Glob(lists); len(found) == 0 {
		t.Skipf("this system does not tell a process's children (%s)", lists)
	}
	for len(pids) < n {
		if ctx.Err() != nil {
			t.Fatalf("%d workers, want %d", len(pids), n)
		}
		time.Sleep(time.Millisecond)
		pids = nil
		found, _ := filepath.Glob(lists)
		for _, list := range found {
			text, _ := os.ReadFile(list) // a thread may have ended
			for _, field := range strings.Fields(string(text)) {
				pid, err := strconv.Atoi(field)
				if err != nil {
					t.Fatal(err)
				}
				pids = append(pids, pid)
			}
		}
	}
	return pids
}
