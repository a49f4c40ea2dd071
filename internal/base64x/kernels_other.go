//go:build !amd64 || purego

package base64x

// kernels are none.
func kernels() []*kernel { return nil }
