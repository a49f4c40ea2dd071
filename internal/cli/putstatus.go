package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"os"
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

func (c putCounts) rate() float64 { return float64(c.Put) / max(c.Seconds, 0.001) } // user records a second

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
		c.Put, c.Failed, c.Unsent, c.Retried, c.Stored, float64(c.Bytes)/1e6, c.Seconds, c.rate())
	return err
}

// putStatus is the progress of a run, one line on a terminal that is written over and over. What is told meanwhile
// stands above it.
type putStatus struct {
	stderr io.Writer
	stop   chan struct{} // nil: no terminal
	ended  sync.WaitGroup

	total int64 // bytes of all inputs, as they are on disk; 0: unknown

	mu     sync.Mutex
	shown  bool
	marks  []putMark // of the last seconds
	moved  time.Time // when the last of them was another one than before
	before int64     // bytes of the inputs that are read
	size   int64     // of the one that is being read
	read   int64     // of it
	weighs [2]int64  // all that was read of them, and what is over of that: put, or failed for good
}

// putMark is how much of the inputs was over, of 1, at a time.
type putMark struct {
	at   time.Time
	done float64
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
	u.before += u.size
	u.size, u.read = src.Size, 0
}

func (u *putStatus) haveRead(n int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.read = n
}

func (u *putStatus) took(r producer.Record)    { u.weigh(0, r) }
func (u *putStatus) settled(r producer.Record) { u.weigh(1, r) }

func (u *putStatus) weigh(i int, r producer.Record) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.weighs[i] += int64(len(r.PartitionKey) + len(r.Data) + 1)
}

// share returns how much of the inputs is over, of 1: what is read of them, without what the producer still holds of
// that. Unknown is negative.
func (u *putStatus) share() float64 {
	switch {
	case u.total == 0:
		return -1
	case u.weighs[0] == 0:
		return 0
	}
	read := min(1, float64(u.before+u.read)/float64(u.total)) // a log that is written to meanwhile ends after its size
	return read * float64(u.weighs[1]) / float64(u.weighs[0])
}

func (u *putStatus) show(c putCounts) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.shown = true
	now := putMark{time.Now(), u.share()}
	fmt.Fprintf(u.stderr, "\r\x1b[K%s", putStatusLine(c, now.done, u.timeLeft(now)))
}

// putStill is how long nothing may move before nobody can say how long the rest takes.
const putStill = 3 * time.Second

// timeLeft expects the rest to take as long as the last ten seconds say. Unknown is negative.
func (u *putStatus) timeLeft(now putMark) time.Duration {
	if len(u.marks) == 0 || now.done != u.marks[len(u.marks)-1].done {
		u.moved = now.at
	}
	u.marks = append(u.marks, now)
	if len(u.marks) > 50 {
		u.marks = u.marks[1:]
	}
	first := u.marks[0]
	if now.done < 0 || now.done <= first.done || now.at.Sub(u.moved) >= putStill {
		return -1
	}
	return time.Duration(float64(now.at.Sub(first.at)) * (1 - now.done) / (now.done - first.done))
}

// putStatusLine fits 80 columns for all that can be put in a day. done is the share of the inputs that is over.
func putStatusLine(c putCounts, done float64, left time.Duration) string {
	progress := fmt.Sprintf("%.1f MB, ", float64(c.Bytes)/1e6)
	if done >= 0 {
		const width = 15
		n := int(width * done)
		progress = fmt.Sprintf("[%s%s] %s", strings.Repeat("=", n), strings.Repeat(" ", width-n), eta(left))
	}
	return progress + fmt.Sprintf("%d put, %.0f/s, %d retried, %d failed", c.Put, c.rate(), c.Retried, c.Failed)
}

func eta(left time.Duration) string {
	s := int64(left.Round(time.Second) / time.Second)
	switch {
	case left < 0:
		return ""
	case s < 60:
		return fmt.Sprintf("ETA %ds, ", s)
	case s < 600:
		return fmt.Sprintf("ETA %dm%02ds, ", s/60, s%60)
	case s < 3600:
		return fmt.Sprintf("ETA %dm, ", s/60)
	case s < 36000:
		return fmt.Sprintf("ETA %dh%02dm, ", s/3600, s/60%60)
	}
	return fmt.Sprintf("ETA %dh, ", min(s/3600, 9999))
}

// sizeOfInputs returns how many bytes all inputs have on disk, or 0 if that is not known of one.
func sizeOfInputs(stdin io.Reader, names []string) (total int64) {
	for info := range inputFiles(stdin, names) {
		switch {
		case info == nil: // it is told when it does not open
		case !info.Mode().IsRegular():
			return 0
		default:
			total += info.Size()
		}
	}
	return total
}

// inputFiles returns what the system says of each input: nil of one that is not there, and of a stdin of a test.
func inputFiles(stdin io.Reader, names []string) iter.Seq[os.FileInfo] {
	return func(yield func(os.FileInfo) bool) {
		for _, name := range allInputs(names) {
			info, _ := os.Stat(name)
			if name == "-" {
				info = nil
				if f, ok := stdin.(*os.File); ok {
					info, _ = f.Stat()
				}
			}
			if !yield(info) {
				return
			}
		}
	}
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

// Write writes lines to stderr.
func (u *putStatus) Write(text []byte) (int, error) {
	u.tell(u.stderr, text)
	return len(text), nil
}
