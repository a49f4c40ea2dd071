package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/kplkit/kplkit/internal/recordio"
)

// progress tells on a terminal how far an input has been read. It stays silent for the first second, and where
// stderr is no terminal or stdout is one too.
type progress struct {
	w             io.Writer // nil: silent
	src           *recordio.Source
	started, next time.Time
	shown         bool
}

func newProgress(s Streams) *progress {
	if !isTerminal(s.Err) || isTerminal(s.Out) {
		return &progress{}
	}
	return &progress{w: s.Err}
}

// begin starts over with the next input.
func (p *progress) begin(src *recordio.Source) {
	p.src, p.started = src, time.Now()
	p.next = p.started.Add(time.Second)
}

// show tells that n bytes of the input have been read.
func (p *progress) show(n int64) {
	now := time.Now()
	if p.w == nil || p.src == nil || now.Before(p.next) {
		return
	}
	p.next, p.shown = now.Add(time.Second/5), true
	fmt.Fprintf(p.w, "\r\x1b[K%s", progressLine(p.src.Name, n, p.src.Size, now.Sub(p.started)))
}

func progressLine(name string, n, size int64, elapsed time.Duration) string {
	const mb = 1e6
	line := fmt.Sprintf("%s: %.1f MB", name, float64(n)/mb)
	if size > 0 {
		line += fmt.Sprintf(" of %.1f, %d %%", float64(size)/mb, 100*n/size)
	}
	return line + fmt.Sprintf(", %.0f MB/s", float64(n)/mb/elapsed.Seconds())
}

// clear takes the line off the terminal.
func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.shown = false
	}
}
