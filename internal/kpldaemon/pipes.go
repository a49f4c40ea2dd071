package kpldaemon

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/kplkit/kplkit/internal/kpldaemon/parentpid"
)

// checkPipes reports what is no FIFO.
func (a Arguments) checkPipes() error {
	var from os.FileInfo
	for _, pipe := range []struct{ option, name string }{{"--output-pipe", a.From}, {"--input-pipe", a.To}} {
		if pipe.name == "-" {
			continue
		}
		at, err := os.Stat(pipe.name)
		switch {
		case err != nil:
			return setting("%s: %w", pipe.option, err)
		case at.Mode()&os.ModeNamedPipe == 0:
			return setting("%s %s: it is not a FIFO: make one with mkfifo, or give - for the standard input and output", pipe.option, pipe.name)
		case from != nil && os.SameFile(from, at):
			return setting("--output-pipe and --input-pipe are the same FIFO, %s: make two", pipe.name)
		}
		from = at
	}
	return nil
}

// servePipes opens both pipes and serves the parent.
func (a Arguments) servePipes(ctx context.Context, d *Daemon, stdin io.Reader, stdout io.Writer, ended func()) error {
	both, err := a.open(ctx, stdin, stdout)
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		return err
	}
	defer a.close(both)
	d.log.Info("Both pipes are open")
	if err := d.serve("parent", both.in, both.out, ended); err != nil && !errors.Is(err, errClosing) {
		d.log.Error("The parent is cut off", slog.Any("error", err))
		return err
	}
	return nil
}

// pipe is what became of one of the two pipes.
type pipe struct {
	in  io.Reader
	out io.Writer
	err error
}

// open opens both pipes at once: each waits for the parent, which may open them in any order.
func (a Arguments) open(ctx context.Context, stdin io.Reader, stdout io.Writer) (both pipe, err error) {
	opened := make(chan pipe, 2)
	go func() {
		if a.From == "-" {
			opened <- pipe{in: stdin}
			return
		}
		f, err := os.OpenFile(a.From, os.O_RDONLY, 0)
		opened <- pipe{in: f, err: err}
	}()
	go func() {
		if a.To == "-" {
			opened <- pipe{out: stdout}
			return
		}
		f, err := os.OpenFile(a.To, os.O_WRONLY, 0)
		opened <- pipe{out: f, err: err}
	}()
	watch, enough := time.NewTicker(parentWatch), time.After(openPatience)
	defer watch.Stop()
	gone := 0 // looks in a row
	for both.in == nil || both.out == nil {
		select {
		case p := <-opened:
			switch {
			case p.err != nil:
				return both, settingError{p.err}
			case p.in != nil:
				both.in = p.in
			default:
				both.out = p.out
			}
		case <-watch.C:
			if os.Getppid() != parent || orphan() {
				return both, errors.New("the parent has died before it opened the pipes")
			}
			// Once may be a parent that has opened both and removed them, of which this process has not heard yet.
			if gone++; !a.pipesGone() {
				gone = 0
			} else if gone > 1 {
				return both, setting("a FIFO is gone before the parent opened both: %s, %s", a.From, a.To)
			}
		case <-enough:
			return both, setting("the parent has not opened both FIFOs within %v: %s, %s", openPatience, a.From, a.To)
		case <-ctx.Done():
			return both, ctx.Err()
		}
	}
	return both, nil
}

// close closes what open opened.
func (a Arguments) close(both pipe) {
	if a.From != "-" {
		both.in.(io.Closer).Close()
	}
	if a.To != "-" {
		both.out.(io.Closer).Close()
	}
}

// pipesGone tells whether one of the two FIFOs has no path any more.
func (a Arguments) pipesGone() bool {
	for _, name := range []string{a.From, a.To} {
		if _, err := os.Lstat(name); name != "-" && errors.Is(err, os.ErrNotExist) {
			return true
		}
	}
	return false
}

// parent is who started this process: later it may be dead, and another process stand in for it. A variable for the test
// only.
var parent = parentpid.AtStart

// openPatience is how long the parent may take to open the FIFOs. A variable for the test only.
var openPatience = 60 * time.Second

// parentWatch is how often is looked whether the parent lives, while it has not opened the pipes.
const parentWatch = 500 * time.Millisecond
