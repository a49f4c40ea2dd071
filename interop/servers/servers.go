// Package servers starts the servers of other people that the tests of interop run against.
package servers

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

// patience is how long a server may take to listen: far more than any needs, so that one that hangs fails the test.
const patience = 4 * time.Minute

// Start starts a program that listens on a port of this machine, and stops it when the test ends. command gets the
// port. Once it accepts connections Start returns its address.
func Start(t *testing.T, name string, command func(port string) *exec.Cmd) (address string) {
	port := FreePort(t)
	cmd := command(port)
	var complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &complaints, &complaints
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s: %v (is it installed? run.sh does that)", name, err)
	}
	ended := make(chan error, 1)
	var stopping atomic.Bool
	go func() {
		err := cmd.Wait()
		if !stopping.Load() {
			t.Errorf("%s ended while it was needed: %v\n%.2000s", name, err, &complaints)
		}
		ended <- err
	}()
	t.Cleanup(func() {
		stopping.Store(true)
		cmd.Process.Kill()
		<-ended
	})
	address = net.JoinHostPort("127.0.0.1", port)
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			return address
		}
		select {
		case err := <-ended:
			ended <- err // for the cleanup
			t.FailNow()
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not listen", name)
		}
	}
}

// Dynalite starts the DynamoDB that run.sh has installed into the folder cache, and returns its address.
func Dynalite(t *testing.T, cache string) (address string) {
	program := filepath.Join(cache, "dynalite", "serve.js")
	return Start(t, "dynalite", func(port string) *exec.Cmd { return exec.Command("node", program, port) })
}

// FreePort returns a port of this machine that nothing listens on.
func FreePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// NPMVersion returns the version of an npm package among those that run.sh has installed for a part into the folder cache.
func NPMVersion(t *testing.T, cache, part, name string) string {
	text, err := os.ReadFile(filepath.Join(cache, part, "node_modules", name, "package.json"))
	if err != nil {
		t.Fatalf("%v (is it installed? run.sh does that)", err)
	}
	var about struct{ Version string }
	if err := json.Unmarshal(text, &about); err != nil {
		t.Fatal(err)
	}
	return about.Version
}
