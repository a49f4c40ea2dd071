package interop

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// client is a program on one of kplkit's clients (clients/), whose child is kplkit daemon.
type client struct {
	*outcomes
	child child
	in    io.WriteCloser

	open map[string]*put // by data, which each put has for itself
}

// clientCommands are the programs by their languages. That in Go is built first.
func clientCommands(t *testing.T) map[string][]string {
	program := filepath.Join(t.TempDir(), "put")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./clients").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return map[string][]string{"Go": {program}, "Python": {"python3", "clients/put.py"}, "Node": {"node", "clients/put.js"}}
}

// startClient starts a program, which ends with the test at the latest.
func startClient(t *testing.T, w *daemonWorld, language string, command []string, c child) *client {
	p := &client{outcomes: newOutcomes(t, "the client for "+language), child: c, open: map[string]*put{}}
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Env = append(os.Environ(), "ROW_KPLKIT="+c.launcher, "ROW_KINESIS=https://127.0.0.1:"+w.port, "CA_FILE="+w.caFile(t),
		"AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b")
	cmd.Stderr = p.log
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s: %v", p.name, err)
	}
	p.in = in
	go p.read(out)
	t.Cleanup(func() {
		in.Close()
		<-p.ended
		cmd.Wait()
	})
	return p
}

// read takes the results until the program ends. One of no put that is open fails the test: each has exactly one.
func (p *client) read(out io.Reader) {
	defer close(p.ended)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		f := strings.SplitN(lines.Text(), "\t", 5)
		if len(f) < 5 {
			fmt.Fprintln(p.log, lines.Text())
			continue
		}
		p.mu.Lock()
		put := p.open[f[3]]
		delete(p.open, f[3])
		p.mu.Unlock()
		if put == nil {
			p.t.Errorf("%s: a result of no put: %s", p.name, lines.Text())
			continue
		}
		p.settle(put, false, f[4])
	}
}

func (p *client) put(r *put) *put {
	r.begin()
	p.mu.Lock()
	p.open[string(r.data)] = r
	p.mu.Unlock()
	if _, err := fmt.Fprintf(p.in, "aggregated\t%s\t%s\t%s\n", r.stream, r.key, r.data); err != nil {
		p.t.Errorf("%s takes no put: %v\n%s", p.name, err, p.log)
	}
	return r
}

// flush does nothing: who waits has the results when the child's record_max_buffered_time is over.
func (p *client) flush() {}

// end ends the program, and holds that its child has ended soon.
func (p *client) end() {
	p.in.Close()
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.t.Fatalf("it does not end: %s", p.said())
	}
	p.child.awaitEnd(p.t)
}

// caFile is a file with the certificate of the authority that Kinesis' is of.
func (w *daemonWorld) caFile(t *testing.T) string {
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, w.ca, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// languageVersions are those of what the clients run on.
func languageVersions(t *testing.T) map[string]string {
	versions := map[string]string{"Go": strings.TrimPrefix(runtime.Version(), "go")}
	for name, command := range map[string]string{"Python": "python3", "Node.js": "node"} {
		out, err := exec.CommandContext(t.Context(), command, "--version").Output()
		if err != nil {
			t.Fatal(err)
		}
		versions[name] = strings.TrimLeft(strings.TrimSpace(string(out)), "Python v")
	}
	return versions
}
