//go:build darwin || freebsd || netbsd || openbsd || dragonfly

package multilang

import "syscall"

func duplicate(from, to int) error { return syscall.Dup2(from, to) }
