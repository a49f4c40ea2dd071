package cli

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// source is one opened input: a file, or stdin for the name "-". Read returns what is in it, unpacked if it is gzip.
type source struct {
	io.Reader
	name string // for messages
	size int64  // of a regular file as it is on disk, else 0
	file *os.File
}

// openSource opens the input name. Before each read that may wait, beforeRead is told how many bytes of it have been
// read so far. A read that waits ends when ctx does.
func openSource(ctx context.Context, name string, stdin io.Reader, beforeRead func(int64)) (*source, error) {
	s := &source{name: name}
	raw := stdin
	if name == "-" {
		s.name = "stdin"
		if f, ok := stdin.(*os.File); ok {
			s.size = regularSize(f)
		}
	} else {
		f, err := openFile(ctx, name)
		if err != nil {
			return nil, err
		}
		raw, s.file, s.size = f, f, regularSize(f)
	}
	if s.size == 0 {
		raw = &interruptible{ctx: ctx, r: raw}
	}
	buffered := bufio.NewReaderSize(&watched{r: raw, before: beforeRead}, readSize)
	s.Reader = buffered
	if start, _ := buffered.Peek(len(gzipMagic)); string(start) == gzipMagic {
		unzip, err := gzip.NewReader(buffered)
		if err != nil {
			s.Close()
			return nil, fmt.Errorf("%s: %w", s.name, gzipError(err))
		}
		s.Reader = unzipped{unzip}
	}
	return s, nil
}

// openFile gives up waiting when ctx is done: a pipe with a name opens only once somebody writes to it.
func openFile(ctx context.Context, name string) (*os.File, error) {
	type result struct {
		f   *os.File
		err error
	}
	opened := make(chan result, 1)
	go func() {
		f, err := os.Open(name)
		opened <- result{f, err}
	}()
	select {
	case r := <-opened:
		return r.f, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Close closes the file; stdin is not ours to close.
func (s *source) Close() {
	if s.file != nil {
		s.file.Close() // only read from: nothing to lose
	}
}

const (
	readSize  = 64 << 10
	gzipMagic = "\x1f\x8b"
)

func regularSize(f *os.File) int64 {
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		return info.Size()
	}
	return 0
}

// unzipped says in its errors that they come from gzip.
type unzipped struct{ r io.Reader }

func (u unzipped) Read(p []byte) (int, error) {
	n, err := u.r.Read(p)
	return n, gzipError(err)
}

func gzipError(err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("gzip: the file ends too early: it is cut off")
	case errors.Is(err, gzip.ErrHeader):
		return errors.New("gzip: something else than gzip follows, or the file is damaged")
	}
	return err
}

// watched calls before with the count of bytes so far before each read.
type watched struct {
	r      io.Reader
	before func(int64)
	n      int64
}

func (w *watched) Read(p []byte) (int, error) {
	w.before(w.n)
	n, err := w.r.Read(p)
	w.n += int64(n)
	return n, err
}

// interruptible gives up waiting for r when ctx is done. The read that it leaves behind ends with the process.
type interruptible struct {
	ctx     context.Context
	r       io.Reader
	buf     [readSize]byte
	pending chan readResult
}

type readResult struct {
	n   int
	err error
}

func (i *interruptible) Read(p []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	if i.pending == nil {
		i.pending = make(chan readResult, 1)
	}
	size := min(len(p), len(i.buf))
	go func() {
		n, err := i.r.Read(i.buf[:size])
		i.pending <- readResult{n, err}
	}()
	select {
	case <-i.ctx.Done():
		return 0, i.ctx.Err()
	case got := <-i.pending:
		return copy(p, i.buf[:got.n]), got.err
	}
}
