package wire

import (
	"crypto/md5"
	"testing"
)

func TestIsAggregate(t *testing.T) {
	message := "\x0a\x01k"
	sum := md5.Sum([]byte(message))
	whole := Magic + message + string(sum[:])
	empty := md5.Sum(nil)
	for data, want := range map[string]bool{
		whole:                         true,
		whole[:len(whole)-1]:          false,
		whole[:len(whole)-1] + "\x00": false,
		"x" + whole[1:]:               false,
		Magic + string(empty[:]):      false, // of no message: no reader takes it for one
		Magic:                         false,
		"":                            false,
	} {
		if got := IsAggregate([]byte(data)); got != want {
			t.Errorf("%x: %v", data, got)
		}
	}
}
