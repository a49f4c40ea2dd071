//go:build unix

package childproc

import (
	"os"
	"syscall"
)

func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// Kill ends a child that is in a group of its own, and whatever it started.
func Kill(p *os.Process) {
	if p.Signal(syscall.Signal(0)) == nil { // else its id may be another's by now
		syscall.Kill(-p.Pid, syscall.SIGKILL)
		p.Kill()
	}
}
