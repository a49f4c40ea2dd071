package producer

import (
	"testing"
	"unsafe"
)

// TestSizeOfRecord: a record under way takes two lines of the cache, the first of which is the caller's.
func TestSizeOfRecord(t *testing.T) {
	const line = 64
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("lines are counted in words of 64 bits")
	}
	var e pending
	if s, second := unsafe.Sizeof(e), unsafe.Offsetof(e.key); s != 2*line || second != line {
		t.Errorf("%d bytes, the second line begins at %d", s, second)
	}
}
