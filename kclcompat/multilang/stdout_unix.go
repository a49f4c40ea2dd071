//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package multilang

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// redirect leads file descriptor 1 to where 2 does, so that also those who have kept os.Stdout, C libraries and child processes
// can't write to the daemon.
func redirect() (daemon io.Writer, restore func(), err error) {
	if os.Stdout.Fd() != uintptr(syscall.Stdout) {
		return swap()
	}
	syscall.ForkLock.RLock()
	kept, err := syscall.Dup(syscall.Stdout)
	if err == nil {
		syscall.CloseOnExec(kept)
		err = duplicate(syscall.Stderr, syscall.Stdout)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, fmt.Errorf("keep the standard output for the daemon: %w", err)
	}
	f := os.NewFile(uintptr(kept), "stdout")
	return f, func() { _ = errors.Join(duplicate(kept, syscall.Stdout), f.Close()) }, nil
}
