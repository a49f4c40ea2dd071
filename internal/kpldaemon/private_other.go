//go:build !unix

package kpldaemon

// privately does nothing where a new file's access is the folder's.
func privately() (end func()) { return func() {} }
