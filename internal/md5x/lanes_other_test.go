//go:build !amd64 || purego

package md5x

func pins(*Hasher) bool { return false }
