package vmwarekcl

import "time"

// deadline is when a lease ends. Both clocks are asked: the monotonic one stands still while a machine sleeps, the wall
// clock may be put back.
type deadline struct {
	monotonic time.Time
	wall      time.Time // without a monotonic reading
}

// after returns the deadline that comes d from now.
func after(d time.Duration) deadline {
	t := time.Now().Add(d)
	return deadline{t, t.Round(0).UTC()}
}

// passed reports whether one of the clocks says so.
func (d deadline) passed() bool { return d.passedAt(time.Now()) }

func (d deadline) passedAt(now time.Time) bool {
	return !now.Before(d.monotonic) || !now.Round(0).Before(d.wall)
}

// text is what the table says.
func (d deadline) text() string { return d.wall.Format(time.RFC3339Nano) }
