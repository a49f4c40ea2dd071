//go:build unix

package cli

import (
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSecondSignal: a command that takes its time to end after a first interrupt or SIGTERM ends at once by a second one of either.
func TestSecondSignal(t *testing.T) {
	url, reached, _ := hangingKinesis(t)
	for _, pair := range [][2]syscall.Signal{{syscall.SIGTERM, syscall.SIGINT}, {syscall.SIGINT, syscall.SIGTERM}, {syscall.SIGTERM, syscall.SIGTERM}, {syscall.SIGINT, syscall.SIGINT}} {
		cmd := exec.CommandContext(t.Context(), "kplkit", "put", "s", "--endpoint-url", url, "--lines", "--linger", "0s")
		cmd.Stdin = strings.NewReader("one\n")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		<-reached
		began := time.Now()
		for _, s := range pair {
			if err := cmd.Process.Signal(s); err != nil {
				t.Error(err)
			}
			time.Sleep(200 * time.Millisecond) // so that it has seen the first one
		}
		var exit *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != pair[1] {
			t.Errorf("%v: %v after %v", pair, err, time.Since(began))
		}
	}
}
