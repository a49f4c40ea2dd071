package kpldaemon

import (
	"os"
	"syscall"
)

// orphan tells whether the parent had died before this process first looked who it is, and another process stands in
// for it. A process is in its parent's session, unless it has made one of its own, so a parent in another one is none.
// Where both happen to be in one session, it does not show.
func orphan() bool {
	mine, err := session(0)
	theirs, otherErr := session(parent)
	return err == nil && otherErr == nil && mine != theirs && mine != os.Getpid()
}

func session(pid int) (int, error) {
	id, _, errno := syscall.RawSyscall(syscall.SYS_GETSID, uintptr(pid), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(id), nil
}
