package position

import (
	"strconv"
	"testing"
)

func TestAppendShort(t *testing.T) {
	for n := int64(-2); n < 1100; n++ {
		if got := string(appendShort([]byte("x"), n)); got != "x"+strconv.FormatInt(n, 10) {
			t.Errorf("%s, want x%d", got, n)
		}
	}
}
