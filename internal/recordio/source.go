// Package recordio reads records from files and pipes in all the forms in which people have them, and writes user
// records as JSON lines.
//
//	src, err := recordio.Open(ctx, "capture.jsonl.gz", nil, func(int64) {})
//	…
//	defer src.Close()
//	for r, err := range src.Records() {
//		…
//	}
package recordio

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// Source is one input. Read returns what is in it.
type Source struct {
	io.Reader
	Name string // for messages
	Size int64  // in bytes of a regular file as it is on disk, else 0

	// How Records is to read.
	Text   bool        // what is not JSON may be records, too: base64, and the AWS CLI's text output (see textline.go)
	Prints bool        // so may what programs print of bytes, also where it may be something else
	Need   Need        // what a record is of no use without
	Tell   func(error) // takes, once a field, the *LineError that says that it can't be read; nil: nobody does

	LeftOut int64 // how many fields of the records so far could not be read

	file *os.File
	raw  *watched
	held *bufio.Reader // what was read of raw, and not yet unpacked or handed out
}

// Consumed returns how many bytes of the input, as it is on disk, went into what Read has returned.
func (s *Source) Consumed() int64 {
	if s.raw == nil {
		return 0
	}
	return s.raw.n - int64(s.held.Buffered())
}

// Open opens the file name, or stdin for the name "-", and unpacks it if it is gzip. Before each read that may wait,
// beforeRead is called with the number of bytes read so far, before unpacking. Opening and reading end when ctx does.
func Open(ctx context.Context, name string, stdin io.Reader, beforeRead func(int64)) (*Source, error) {
	s := &Source{Name: name}
	raw := stdin
	if name == "-" {
		s.Name = "stdin"
		if f, ok := stdin.(*os.File); ok {
			s.Size = regularSize(f)
		}
	} else {
		f, err := openFile(ctx, name)
		if err != nil {
			return nil, err
		}
		raw, s.file, s.Size = f, f, regularSize(f)
	}
	if s.Size == 0 {
		raw = Interruptible(ctx, raw)
	}
	s.raw = &watched{r: raw, before: beforeRead}
	s.held = bufio.NewReaderSize(s.raw, readSize)
	s.Reader = s.held
	if start, _ := s.held.Peek(len(gzipMagic)); string(start) == gzipMagic {
		unzip, err := gzip.NewReader(s.held)
		if err != nil {
			s.Close()
			return nil, fmt.Errorf("%s: %w", s.Name, gzipError(err))
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

// Close closes the file that Open opened; stdin is not ours to close.
func (s *Source) Close() {
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

// Interruptible returns a reader of r that gives up waiting for it when ctx is done. The read that it leaves behind ends
// with the process.
func Interruptible(ctx context.Context, r io.Reader) io.Reader { return &interruptible{ctx: ctx, r: r} }

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
