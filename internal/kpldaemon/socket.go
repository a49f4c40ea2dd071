package kpldaemon

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"
)

// longestPath is what a socket's address holds, on all systems.
const longestPath = 103

// listenUnix makes a socket that only this user can connect to. One that nobody listens on is replaced.
func listenUnix(path string) (net.Listener, error) {
	if len(path) > longestPath {
		return nil, fmt.Errorf("the path is too long: %d bytes, a socket's may have %d", len(path), longestPath)
	}
	defer lockFolder(path)()
	defer privately()()
	l, err := net.Listen("unix", path)
	if errors.Is(err, syscall.EADDRINUSE) {
		if err := removeStale(path); err != nil {
			return nil, err
		}
		l, err = net.Listen("unix", path)
	}
	if err != nil {
		return nil, err
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	at, err := os.Lstat(path)
	if err != nil {
		l.Close()
		return nil, err
	}
	return &unixSocket{l, path, at}, nil
}

// unixSocket is a listener with the file that it made.
type unixSocket struct {
	net.Listener
	path string
	at   os.FileInfo
}

// Close also removes the file, unless another one is in its place. It looks before it closes: until then no other file
// can have the same number.
func (s *unixSocket) Close() error {
	defer lockFolder(s.path)()
	if at, err := os.Lstat(s.path); err == nil && os.SameFile(s.at, at) {
		_ = os.Remove(s.path)
	}
	return s.Listener.Close()
}

// removeStale removes a socket that nobody listens on.
func removeStale(path string) error {
	at, err := os.Lstat(path)
	switch {
	case err != nil:
		return err
	case at.Mode()&os.ModeSocket == 0:
		return errors.New("there is a file that is not a socket: give another path")
	}
	c, err := net.DialTimeout("unix", path, time.Second)
	switch {
	case err == nil:
		c.Close()
		return errors.New("the socket is in use: another process listens on it")
	case errors.Is(err, syscall.ECONNREFUSED):
		return os.Remove(path)
	}
	return err
}
