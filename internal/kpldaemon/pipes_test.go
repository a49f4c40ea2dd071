//go:build unix

package kpldaemon

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// twoFIFOs makes two, and arguments with them.
func twoFIFOs(t *testing.T) Arguments {
	t.Helper()
	a := Arguments{From: filepath.Join(t.TempDir(), "from"), To: filepath.Join(t.TempDir(), "to")}
	for _, name := range []string{a.From, a.To} {
		if err := syscall.Mkfifo(name, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

// unstick lets a goroutine go that still waits to open a FIFO.
func unstick(names ...string) {
	for _, name := range names {
		if f, err := os.OpenFile(name, os.O_RDWR, 0); err == nil {
			time.Sleep(10 * time.Millisecond) // it opens
			f.Close()
		}
	}
}

// TestNoParent: the daemon does not wait for a parent that never opens the FIFOs.
func TestNoParent(t *testing.T) {
	for name, c := range map[string]struct {
		happens func(a Arguments)
		setting bool
		want    string
	}{
		"died within the start": {func(Arguments) { parent = -1 }, false, "died"},
		"opens one only": {func(a Arguments) {
			openPatience = 200 * time.Millisecond
			f, _ := os.OpenFile(a.From, os.O_RDWR, 0)
			time.AfterFunc(5*time.Second, func() { f.Close() })
		}, true, "has not opened"},
		"removes them": {func(a Arguments) { _ = os.Rename(a.To, a.To+".gone") }, true, "is gone"},
	} {
		t.Run(name, func(t *testing.T) {
			was, patience := parent, openPatience
			defer func() { parent, openPatience = was, patience }()
			a := twoFIFOs(t)
			if name != "removes them" {
				c.happens(a)
			}
			p := start(t, a, nil, nil)
			if name == "removes them" {
				time.Sleep(100 * time.Millisecond) // it has looked at them, and opens them
				c.happens(a)
			}
			err := p.end()
			unstick(a.From, a.To, a.To+".gone")
			if err == nil || errorsIsSetting(err) != c.setting || !strings.Contains(err.Error(), c.want) {
				t.Errorf("it ended with %v", err)
			}
		})
	}
}

// TestOneFIFO: one FIFO can't be both, under whatever names.
func TestOneFIFO(t *testing.T) {
	a := twoFIFOs(t)
	other := a.From + ".link"
	if err := os.Symlink(a.From, other); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{a.From, other} {
		if err := start(t, Arguments{From: a.From, To: to}, nil, nil).end(); !errorsIsSetting(err) || !strings.Contains(err.Error(), "the same FIFO") {
			t.Errorf("%v", err)
		}
	}
}
