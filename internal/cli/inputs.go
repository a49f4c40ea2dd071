package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/kplkit/kplkit/internal/recordio"
)

// readInputs hands each record of the named inputs to each; without names it reads stdin. What can't be read is told
// on stderr, and makes errReported the result in the end. An error of each ends it.
//
// prepare is called with each input before it is read. flush is called before each read that may have to wait, so that
// what is done can be seen meanwhile. leftOut counts the fields that were left out of records.
func readInputs(ctx context.Context, s Streams, names []string, prepare func(*recordio.Source), flush func() error, each func(*recordio.Record) error) (leftOut int64, err error) {
	p := newProgress(s)
	defer p.clear()
	beforeRead := func(n int64) {
		_ = flush() // each meets the error as well
		p.show(n)
	}
	unreadable := false
	err = readSources(ctx, s, names, beforeRead, func(src *recordio.Source) (result error) {
		p.begin(src)
		src.Tell = func(err error) {
			p.clear()
			fmt.Fprintf(s.Err, "kplkit: %v\n", err)
		}
		prepare(src)
		errs := folding{tell: src.Tell}
		defer func() { leftOut += src.LeftOut }()
		for r, err := range src.Records() {
			if err == nil {
				result = each(r)
			} else if ctx.Err() == nil {
				unreadable = true
				errs.add(err)
			}
			if result != nil || ctx.Err() != nil {
				break
			}
		}
		errs.end()
		p.clear()
		return result
	})
	if err == nil && unreadable {
		err = errReported
	}
	return leftOut, err
}

// readSources hands each of the named inputs to read, opened; without names that is stdin. One that does not open is
// told on stderr, and makes errReported the result in the end. An error of read ends it.
func readSources(ctx context.Context, s Streams, names []string, beforeRead func(int64), read func(*recordio.Source) error) error {
	var failed error
	for _, name := range allInputs(names) {
		src, err := recordio.Open(ctx, name, s.In, beforeRead)
		var result error
		if err == nil {
			result = read(src)
			src.Close()
		}
		switch {
		case result != nil:
			return result
		case ctx.Err() != nil:
			return errInterrupted
		case err != nil:
			failed = errReported
			fmt.Fprintf(s.Err, "kplkit: %v\n", err)
		}
	}
	return failed
}

// allInputs names stdin where no input is named.
func allInputs(names []string) []string {
	if len(names) == 0 {
		return []string{"-"}
	}
	return names
}

var errInterrupted = errors.New("interrupted")

// lineWriter collects whole lines and writes them together. Its first error stays.
type lineWriter struct {
	w   io.Writer
	buf []byte
	err error
}

// lineDone says that a line was appended to buf.
func (l *lineWriter) lineDone() {
	const enough = 256 << 10
	if len(l.buf) >= enough {
		_ = l.Flush() // kept in l.err
	}
}

// Flush writes the lines collected so far.
func (l *lineWriter) Flush() error {
	if l.err == nil && len(l.buf) > 0 {
		_, l.err = l.w.Write(l.buf)
	}
	l.buf = l.buf[:0]
	return l.err
}
