package interop

import (
	"bytes"
	"net"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

// startServer starts a program that listens on a port of this machine, and stops it when the test ends. command gets
// the port. Once it accepts connections startServer returns its address.
func startServer(t *testing.T, name string, command func(port string) *exec.Cmd) (address string) {
	port := freePort(t)
	cmd := command(port)
	var complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &complaints, &complaints
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s: %v (is it installed? run.sh does that)", name, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
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
			t.Fatalf("%s ended: %v\n%.2000s", name, err, &complaints)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not listen", name)
		}
	}
}

func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}
