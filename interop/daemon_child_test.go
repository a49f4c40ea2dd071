package interop

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// child is what the wrapper starts as its native process.
type child struct {
	name     string // kplkit daemon, or native
	launcher string // a script that notes its process and becomes the child
	pids     string // the file with all of them, one a line
}

// newChild writes a launcher of its own: the command gets the wrapper's arguments.
func newChild(t *testing.T, name, command string) child {
	folder := t.TempDir()
	c := child{name, filepath.Join(folder, "launcher"), filepath.Join(folder, "pids")}
	script := fmt.Sprintf("#!/bin/sh\necho $$ >>'%s'\nexec %s \"$@\"\n", c.pids, command)
	if err := os.WriteFile(c.launcher, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return c
}

// newDaemon is kplkit, built as it is released: one static file.
func newDaemon(t *testing.T, program string) child {
	return newChild(t, "kplkit daemon", "'"+program+"' daemon")
}

// newNative is the KPL's own binary, from the wrapper's jar.
func newNative(t *testing.T, version string) child {
	machine := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]
	jar := filepath.Join(".cache", "kpl-"+version, "lib", "amazon-kinesis-producer-"+version+".jar")
	z, err := zip.OpenReader(jar)
	if err != nil {
		t.Fatalf("%v (is it installed? run.sh does that)", err)
	}
	defer z.Close()
	from, err := z.Open("amazon-kinesis-producer-native-binaries/linux-" + machine + "/kinesis_producer")
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "kinesis_producer")
	to, err := os.OpenFile(program, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(to, from); err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	return newChild(t, "native", "'"+program+"'")
}

// streamName is the child's name as a stream may have it.
func (c child) streamName() string { return strings.ReplaceAll(c.name, " ", "-") }

// started returns the processes that were started so far, in order.
func (c child) started() (pids []int) {
	text, _ := os.ReadFile(c.pids)
	for _, line := range strings.Fields(string(text)) {
		if pid, err := strconv.Atoi(line); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// kill kills the process of now.
func (c child) kill(t *testing.T) {
	pids := c.started()
	if err := syscall.Kill(pids[len(pids)-1], syscall.SIGKILL); err != nil {
		t.Errorf("%s: %v", c.name, err)
	}
}

// awaitEnd holds that no process is left.
func (c child) awaitEnd(t *testing.T) {
	t.Helper()
	for _, pid := range c.started() {
		for deadline := time.Now().Add(patience); !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: process %d lives on", c.name, pid)
			}
		}
	}
}

// usage is what a process has taken: time of the processors, and the most memory at a time.
type usage struct {
	cpu  time.Duration
	peak int64 // bytes, VmHWM
}

// usage reads that of the process of now, all its threads together.
func (c child) usage(t *testing.T) usage {
	pids := c.started()
	folder := filepath.Join("/proc", strconv.Itoa(pids[len(pids)-1]))
	stat, err := os.ReadFile(filepath.Join(folder, "stat"))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:])) // from the third on
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	u := usage{cpu: time.Duration(user+system) * time.Second / 100} // USER_HZ is 100 everywhere
	status, err := os.ReadFile(filepath.Join(folder, "status"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	fmt.Sscan(rest, &u.peak)
	u.peak <<= 10
	return u
}
