package recordio

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/kplkit/kplkit/internal/memory"
)

// dripping hands out a line at a time, as a pipe does whose writer is slow.
type dripping struct{ line, rest string }

func (d *dripping) Read(p []byte) (int, error) {
	n := copy(p[:min(len(p), len(d.line))], d.rest)
	d.rest = d.rest[n:]
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// TestUnendingString: a string that goes on over many lines, as wrapped base64 does that is not escaped, is looked at once
// and not from its start for each line that comes. That would take many minutes.
func TestUnendingString(t *testing.T) {
	const line = "AAAAAAAAAAAAAAA\n"
	lines := 1 << 20
	if memory.RaceDetector {
		lines = 1 << 16 // this is not about races
	}
	done := make(chan int)
	go func() {
		s := &Source{Reader: &dripping{line, `{"data":"` + strings.Repeat(line, lines)}, Name: "f"}
		faults := 0
		for _, err := range s.Records() {
			if err != nil {
				faults++
			}
		}
		done <- faults
	}()
	select {
	case n := <-done:
		if n == 0 {
			t.Error("no error")
		}
	case <-time.After(2 * time.Minute):
		t.Error("it takes too long")
	}
}
