package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/kplkit/kplkit/internal/recordio"
	"github.com/kplkit/kplkit/producer"
)

// attempted and retried are told by the trace of its producer.
func (p *putting) attempted(a producer.Attempt) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts.Stored += int64(a.StoredRecords - a.Failed)
}

func (p *putting) retried(_ producer.Reason, userRecords int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts.Retried += int64(userRecords)
}

// standing is the counts so far.
func (p *putting) standing() putCounts {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.counts
	c.Seconds = time.Since(p.began).Seconds()
	return c
}

// writeSummary writes the last line.
func (p *putting) writeSummary() error {
	c := p.standing()
	if p.asJSON {
		return json.NewEncoder(p.s.Out).Encode(struct {
			V       int       `json:"v"`
			Summary putCounts `json:"summary"`
		}{1, c})
	}
	_, err := fmt.Fprintf(p.s.Out, "put %d, failed %d, unsent %d, retried %d, stored %d; %.1f MB in %.1f s, %.0f a second\n",
		c.Put, c.Failed, c.Unsent, c.Retried, c.Stored, float64(c.Bytes)/1e6, c.Seconds, float64(c.Put)/c.Seconds)
	return err
}

// putStatus is the progress of a run, one line on a terminal that is written over and over. What is told meanwhile
// stands above it.
type putStatus struct {
	stderr io.Writer
	stop   chan struct{} // nil: no terminal
	ended  sync.WaitGroup

	mu         sync.Mutex
	shown      bool
	size, read int64 // of the input that is being read; size 0: unknown
}

func newPutStatus(s Streams, counts func() putCounts) *putStatus {
	u := &putStatus{stderr: s.Err}
	if !isTerminal(s.Err) {
		return u
	}
	u.stop = make(chan struct{})
	u.ended.Go(func() {
		tick := time.NewTicker(time.Second / 5)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				u.show(counts())
			case <-u.stop:
				return
			}
		}
	})
	return u
}

// end takes the line off the terminal.
func (u *putStatus) end() {
	if u.stop != nil {
		close(u.stop)
		u.ended.Wait()
	}
	u.tell(io.Discard, nil)
}

func (u *putStatus) begin(src *recordio.Source) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.size, u.read = src.Size, 0
}

func (u *putStatus) haveRead(n int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.read = n
}

func (u *putStatus) show(c putCounts) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.shown = true
	fmt.Fprintf(u.stderr, "\r\x1b[K%s", putStatusLine(c, u.read, u.size))
}

// putStatusLine fits 80 columns for all that can be put in a day.
func putStatusLine(c putCounts, read, size int64) string {
	var bar string
	if size > 0 {
		const width = 15
		done := int(width * min(read, size) / size) // a log that is written to meanwhile ends behind its size
		bar = fmt.Sprintf("[%s%s] ", strings.Repeat("=", done), strings.Repeat(" ", width-done))
	}
	return bar + fmt.Sprintf("%d put, %.1f MB, %.0f/s, %d retried, %d failed",
		c.Put, float64(c.Bytes)/1e6, float64(c.Put)/max(c.Seconds, 0.001), c.Retried, c.Failed)
}

// tell writes lines to w.
func (u *putStatus) tell(w io.Writer, text []byte) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.shown {
		u.shown = false
		io.WriteString(u.stderr, "\r\x1b[K")
	}
	w.Write(text) // there is nobody to tell that it failed
}

// Write tells lines on stderr.
func (u *putStatus) Write(text []byte) (int, error) {
	u.tell(u.stderr, text)
	return len(text), nil
}
