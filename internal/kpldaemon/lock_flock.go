//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package kpldaemon

import (
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// lockPatience is how long another process may have the lock. In a folder of many users it may be one that means ill, so
// it is not waited for longer: all that the lock prevents is a rare race.
const lockPatience = 2 * time.Second

// lockFolder has the processes that make and remove sockets in a file's folder do so one after the other. It leaves no file
// behind. Where the folder can't be locked it does nothing.
func lockFolder(path string) (unlock func()) {
	f, err := os.Open(filepath.Dir(path))
	if err != nil {
		return func() {}
	}
	for began := time.Now(); time.Since(began) < lockPatience; time.Sleep(10 * time.Millisecond) {
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != syscall.EWOULDBLOCK {
			break
		}
	}
	return func() { f.Close() }
}
