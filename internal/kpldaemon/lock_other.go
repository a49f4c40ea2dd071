//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package kpldaemon

// lockFolder does nothing where there is no flock.
func lockFolder(string) (unlock func()) { return func() {} }
