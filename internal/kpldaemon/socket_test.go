//go:build unix

package kpldaemon

import (
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// TestOneListens: of many that replace a stale socket at once, one listens, and on the file that is there.
func TestOneListens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	for round := range 100 {
		stale, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		stale.(*net.UnixListener).SetUnlinkOnClose(false)
		stale.Close()
		var listeners [8]net.Listener
		var wg sync.WaitGroup
		for i := range listeners {
			wg.Go(func() { listeners[i], _ = listenUnix(path) })
		}
		wg.Wait()
		n := 0
		for _, l := range listeners {
			if l != nil {
				n++
				defer l.Close()
			}
		}
		c, err := net.Dial("unix", path)
		if n != 1 || err != nil {
			t.Fatalf("round %d: %d listen, %v", round, n, err)
		}
		c.Close()
		for _, l := range listeners {
			if l != nil {
				l.Close()
			}
		}
	}
}

// TestForeignSocket: the end of a daemon leaves the socket of another one.
func TestForeignSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	first, err := listenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil { // as somebody does who tidies up
		t.Fatal(err)
	}
	second, err := listenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	first.Close()
	if c, err := net.Dial("unix", path); err != nil {
		t.Errorf("the second is out of reach: %v", err)
	} else {
		c.Close()
	}
	second.Close()
	if _, err := os.Lstat(path); err == nil {
		t.Error("the socket file is left")
	}
}
