package separate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kplkit/kplkit/internal/kplpipe"
)

const (
	// Silence is counted in ticks of a second rather than measured: a parent that was stopped itself has missed them, too.
	quietTicks = 10 // without a frame: ask
	hangTicks  = 30 // without a frame since then: it hangs

	exitPatience = time.Second     // for a child that has closed its end
	endPatience  = 5 * time.Second // for one that is to end, and sends what it holds
	restPatience = 3 * time.Second // for what a child wrote before its end, where another process holds its pipes
)

// Why a child is ended.
var (
	errOutput = errors.New("it has closed its output")
	errInput  = errors.New("it has closed its input")
	errDied   = errors.New("it has ended")
	errHang   = fmt.Errorf("it hangs: no frame for %d s with a question open, so it was killed", hangTicks)
	errEnd    = errors.New("the parent was closed")
)

// life is that of one child.
type life struct {
	process
	book    *book
	words   words
	born    time.Time
	frames  atomic.Int64 // signs of life
	results atomic.Int64 // that records waited for
	alive   func()       // at each frame
	tick    time.Duration
	over    chan struct{} // closed when the child is not used any more
}

// run returns when the child has ended and all that it wrote is read: how, and why. ending asks it to end, killing ends it.
func (l *life) run(ending, killing context.Context) (status string, why error) {
	l.book.begin() // before anything is sent
	died := make(chan struct{})
	go func() {
		defer close(died)
		status = l.wait()
	}()
	faults := make(chan error, 3)
	var readers, others sync.WaitGroup
	readers.Go(func() { faults <- l.receive() })
	readers.Go(func() { l.words.read(l.log()) })
	others.Go(func() { l.report(faults, l.send()) })
	others.Go(func() { l.report(faults, l.watch()) })

	why = l.untilEnd(faults, died, ending)
	within(patience(why), died, killing)
	l.kill()
	<-died
	rest := make(chan struct{})
	go func() { readers.Wait(); close(rest) }()
	within(restPatience, rest, killing)
	close(l.over)
	l.in().Close()
	l.out().Close()
	l.log().Close()
	<-rest
	others.Wait()
	return status, why
}

// untilEnd waits for a reason to end.
func (l *life) untilEnd(faults chan error, died chan struct{}, ending context.Context) error {
	select {
	case err := <-faults:
		return err
	case <-died:
		return errDied
	case <-ending.Done():
		l.in().Close()
		return errEnd
	}
}

// patience is how long a child may take to end by itself.
func patience(why error) time.Duration {
	switch why {
	case errOutput, errInput:
		return exitPatience
	case errEnd:
		return endPatience
	}
	return 0
}

func within(d time.Duration, done <-chan struct{}, killing context.Context) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-done:
	case <-killing.Done():
	case <-t.C:
	}
}

// report passes on the reason of a goroutine that did not just end with the others.
func (l *life) report(faults chan error, err error) {
	if err != nil {
		faults <- err
	}
}

// send writes what the book has for the child.
func (l *life) send() error {
	var frames []byte
	for {
		if frames = l.book.fill(frames[:0]); len(frames) > 0 {
			if _, err := l.in().Write(frames); err != nil {
				return errInput
			}
			if cap(frames) > 4*fillSize { // a large record is no reason to keep its room for ever
				frames = nil
			}
			continue
		}
		select {
		case <-l.book.unsent:
		case <-l.over:
			return nil
		}
	}
}

// receive reads frames until the end, and settles records.
func (l *life) receive() error {
	in := kplpipe.NewReader(l.out(), kplpipe.WrapperLimit)
	for {
		m, err := in.Read()
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, kplpipe.ErrTruncated), errors.Is(err, io.ErrClosedPipe):
			return errOutput
		case errors.Is(err, kplpipe.ErrNoContent), errors.Is(err, kplpipe.ErrNoID): // of a newer child, maybe
			l.frames.Add(1)
			continue
		case err != nil:
			return fmt.Errorf("it wrote what is not the pipe protocol, so it was killed: %w", err)
		}
		l.frames.Add(1)
		l.alive()
		if r := m.GetPutRecordResult(); r != nil && !isUndone(r) && l.book.settle(m.GetSourceId(), resultOf(r)) {
			l.results.Add(1)
		}
	}
}

// watch asks a child that is quiet, and returns when it hangs. The first question is open from the start.
func (l *life) watch() error {
	ticks := time.NewTicker(l.tick)
	defer ticks.Stop()
	open, quiet := true, 0
	for seen := int64(0); ; {
		select {
		case <-ticks.C:
		case <-l.over:
			return nil
		}
		quiet++
		switch now := l.frames.Load(); {
		case now != seen:
			seen, open, quiet = now, false, 0
		case !open && quiet >= quietTicks:
			open, quiet = true, 0
			l.book.ask()
		case open && quiet >= hangTicks:
			return errHang
		}
	}
}
