//go:build unix

package kpldaemon

import "syscall"

// privately makes new files the user's own until what it returns is called.
func privately() (end func()) {
	before := syscall.Umask(0o077)
	return func() { syscall.Umask(before) }
}
