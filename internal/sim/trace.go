package sim

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Event is something that happened in a world.
type Event struct {
	At   time.Duration // the world's age
	Host string        // "" for the test itself
	Text string
}

// String returns the event as a line.
func (e Event) String() string {
	host := e.Host
	if host == "" {
		host = "test"
	}
	return fmt.Sprintf("%14v %s: %s", e.At, host, e.Text)
}

func (w *World) add(host, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.over && !w.large {
		w.trace = append(w.trace, Event{w.elapsed(), host, text})
	}
}

// Tracef adds an event of the test's own, which counts in TraceHash.
func (w *World) Tracef(format string, args ...any) { w.add("", fmt.Sprintf(format, args...)) }

// Trace returns what happened so far. Events of the same instant, which have no order, come in the order of their
// texts.
func (w *World) Trace() []Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	trace := slices.Clone(w.trace)
	slices.SortStableFunc(trace, func(a, b Event) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Host, b.Host), cmp.Compare(a.Text, b.Text))
	})
	return trace
}

// TraceHash stands for the whole trace: two runs with equal hashes went the same way.
func (w *World) TraceHash() uint64 {
	h := sha256.New()
	io.WriteString(h, lines(w.Trace()))
	return binary.BigEndian.Uint64(h.Sum(nil))
}

func lines(trace []Event) string {
	var b strings.Builder
	for _, e := range trace {
		fmt.Fprintln(&b, e)
	}
	return b.String()
}
