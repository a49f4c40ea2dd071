//go:build !amd64 || purego

package md5x

// lanes has no memory where there are no lanes. Its methods are never called.
type lanes struct{}

func widest() int { return 1 }

func laneSpeed(int) int { return 0 }

func (*lanes) sums([][]byte, [][Size]byte) {}

func (*lanes) short([][]byte, [][Size]byte) {}
