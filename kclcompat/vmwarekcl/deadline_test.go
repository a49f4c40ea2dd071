package vmwarekcl

import (
	"testing"
	"time"
)

// TestDeadline: the earlier of the two clocks decides.
func TestDeadline(t *testing.T) {
	now := time.Now()
	wall := now.Round(0)
	for _, c := range []struct {
		name string
		d    deadline
		want bool
	}{
		{"both later", deadline{now.Add(time.Second), wall.Add(time.Second)}, false},
		{"both now", deadline{now, wall}, true},
		{"the wall clock was put ahead, or the machine slept", deadline{now.Add(time.Second), wall.Add(-time.Hour)}, true},
		{"the wall clock was put back", deadline{now.Add(-time.Second), wall.Add(time.Hour)}, true},
	} {
		if got := c.d.passedAt(now); got != c.want {
			t.Errorf("%s: passed %v, want %v", c.name, got, c.want)
		}
	}
	if d := after(time.Minute); d.passed() || d.wall != d.wall.Round(0) || d.monotonic == d.monotonic.Round(0) {
		t.Errorf("%+v: one reading has to have a monotonic clock, and one to be without", d)
	}
}
