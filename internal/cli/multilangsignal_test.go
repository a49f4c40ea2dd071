//go:build unix

package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kplkit/kplkit/internal/multilangfake"
)

// signals are what a terminal or a supervisor says to a daemon's process group.
var signals = map[string]syscall.Signal{"interrupt": syscall.SIGINT, "terminate": syscall.SIGTERM, "hangup": syscall.SIGHUP, "kill": syscall.SIGKILL}

// signaller is a CMD for tests. At its last record it sends its first argument to the process group of kplkit, and goes on: it
// checkpoints at its shutdown alone. "kill" goes to kplkit alone, and "stays" is none: it then stays for an hour. Two with a comma
// between them are sent one after the other. As long as it runs it has the file LOCK.
func signaller() {
	lock, err := os.OpenFile(os.Getenv("LOCK"), os.O_CREATE|os.O_RDWR, 0o666)
	if err == nil {
		err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		panic(err)
	}
	last := ""
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var e struct {
			Event, Position string
			Data            []byte
		}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			panic(err)
		}
		switch {
		case e.Event == "shutdown":
			fmt.Printf("{\"checkpoint\":%q}\n", last)
			os.Exit(0)
		case e.Event != "record":
			continue
		}
		if last = e.Position; string(e.Data) == "c" {
			sends(os.Args[1])
		}
		fmt.Printf("{\"done\":%q}\n", last)
	}
}

func sends(what string) {
	parent := os.Getppid()
	switch group, err := syscall.Getpgid(parent); {
	case err != nil || group != parent:
		panic("kplkit has no process group of its own")
	case what == "kill":
		syscall.Kill(parent, syscall.SIGKILL)
		fallthrough
	case what == "stays":
		signal.Ignore(syscall.SIGPIPE, syscall.SIGTERM, syscall.SIGHUP)
		time.Sleep(time.Hour)
	default:
		for one := range strings.SplitSeq(what, ",") {
			syscall.Kill(-parent, signals[one])
			time.Sleep(50 * time.Millisecond) // it arrives here, too, if it does
		}
	}
}

// serveProcess is serveCMD with kplkit as a process in a group of its own, as a daemon that was started at a terminal has it.
func serveProcess(t *testing.T, d *multilangfake.Daemon, args ...string) (stderr string, served, ended error) {
	t.Helper()
	t.Setenv("LOCK", t.TempDir()+"/lock")
	t.Setenv("GORACE", "atexit_sleep_ms=0")
	cmd := exec.Command("kplkit", append([]string{"multilang", "run"}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var said strings.Builder
	cmd.Stderr = &said
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	served = d.Serve(out, in)
	err = cmd.Wait()
	return said.String(), served, err
}

// TestMultilangRunSignals: a signal to the daemon's process group, which the daemon gets, too, reaches CMD not before its last checkpoint.
func TestMultilangRunSignals(t *testing.T) {
	for _, what := range []string{"interrupt", "terminate", "hangup"} {
		d := &multilangfake.Daemon{Version: "2", Shard: threeStored(), Batch: 3}
		stderr, served, ended := serveProcess(t, d, "--", "signaller", what)
		if said := strings.Contains(stderr, "a second one ends kplkit"); said != (what != "hangup") {
			t.Errorf("%s: stderr has %q", what, stderr)
		}
		if served != nil || ended != nil || d.Sequence != "1002" {
			t.Errorf("%s: the daemon: %v; kplkit: %v; the lease says %s; %s", what, served, ended, d.Sequence, stderr)
		}
	}
}

// TestMultilangRunSecondSignal: a second interrupt or SIGTERM, whichever was the first, ends kplkit. Hangups do not count.
func TestMultilangRunSecondSignal(t *testing.T) {
	for _, what := range []string{"interrupt,interrupt", "interrupt,terminate", "terminate,interrupt", "terminate,terminate", "hangup,hangup", "hangup,terminate", "terminate,hangup"} {
		d := &multilangfake.Daemon{Version: "2", Shard: threeStored(), Batch: 3}
		stderr, served, ended := serveProcess(t, d, "--", "signaller", what)
		if lives := strings.Contains(what, "hangup"); lives != (served == nil) || lives != (ended == nil) {
			t.Errorf("%s: the daemon: %v; kplkit: %v; %s", what, served, ended, stderr)
		}
		waitForEnd(t)
	}
}

// TestMultilangRunKilled: CMD ends with kplkit, also one that does not look at its stdin.
func TestMultilangRunKilled(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux ends a child with its parent: elsewhere CMD sees the end of its stdin")
	}
	d := &multilangfake.Daemon{Version: "2", Shard: threeStored(), Batch: 3}
	if stderr, served, ended := serveProcess(t, d, "--", "signaller", "kill"); served == nil || ended == nil {
		t.Errorf("%v, %v: %s", served, ended, stderr)
	}
	waitForEnd(t)
}

// TestMultilangRunKillsAll: where CMD is killed, so is what it has started, in a script that does not exec, too.
func TestMultilangRunKillsAll(t *testing.T) {
	d := &multilangfake.Daemon{Version: "2", Shard: threeStored(), Batch: 3}
	stderr, _, ended := serveProcess(t, d, "--patience", "300ms", "--", "sh", "-c", "exec 3<&0; signaller stays <&3 & wait")
	if ended == nil || !strings.Contains(stderr, "--patience") {
		t.Errorf("%v: %s", ended, stderr)
	}
	waitForEnd(t)
}

// waitForEnd waits until no signaller has the file LOCK.
func waitForEnd(t *testing.T) {
	t.Helper()
	lock, err := os.Open(os.Getenv("LOCK"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	for range 500 {
		if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error("CMD, or what it has started, still runs")
}
