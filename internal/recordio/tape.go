package recordio

import (
	"bytes"
	"errors"
	"io"
)

// maxValue is how long a JSON value that has to be held may be: a line of JSON lines, or a record in a document.
const maxValue = 64 << 20

// maxRead is how much is read at once: what waits to be written is written between two reads.
const maxRead = 1 << 20

var errTooLong = errors.New("a JSON line or record of more than 64 MiB")

// tape is a window on the input. It keeps what stands after the mark, so that reading can go back there after an
// error, and knows where in its file the mark is.
type tape struct {
	r      io.Reader
	buf    []byte
	mark   int   // in buf; all before it is done with
	offset int64 // of the mark in the input
	head   int   // in buf; how far Read has come
	line   int   // of the mark, from 1
	indent int   // blanks at the start of that line, as far as the mark
	blank  bool  // there are only blanks between the start of that line and the mark
	err    error // what ended the input
}

func newTape(r io.Reader) *tape {
	return &tape{r: r, buf: make([]byte, 0, 4*readSize), line: 1, blank: true}
}

// rest returns what the window holds after the mark.
func (t *tape) rest() []byte { return t.buf[t.mark:] }

// fill reads more of the input into the window.
func (t *tape) fill() error {
	if t.err != nil {
		return t.err
	}
	if len(t.buf)-t.mark > maxValue {
		return errTooLong
	}
	if free := cap(t.buf) - len(t.buf); free < readSize || t.mark == len(t.buf) {
		t.makeRoom()
	}
	for range 100 { // a reader may return nothing now and then, but not for ever
		n, err := t.r.Read(t.buf[len(t.buf):min(cap(t.buf), len(t.buf)+maxRead)])
		t.buf = t.buf[:len(t.buf)+n]
		if err != nil {
			t.err = err
		}
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	t.err = io.ErrNoProgress
	return t.err
}

// makeRoom moves what is kept to the front of the window, in a larger one if it fills more than half of it.
func (t *tape) makeRoom() {
	kept, to := t.rest(), t.buf[:0]
	if len(kept) > cap(t.buf)/2 {
		to = make([]byte, 0, 2*cap(t.buf))
	}
	t.buf = append(to, kept...)
	t.head -= t.mark
	t.mark = 0
}

// advance moves the mark by n bytes of the window.
func (t *tape) advance(n int) {
	passed := t.buf[t.mark : t.mark+n]
	t.mark += n
	t.offset += int64(n)
	if lines := bytes.Count(passed, []byte{'\n'}); lines > 0 { // Count is by far the faster one
		t.line += lines
		passed = passed[bytes.LastIndexByte(passed, '\n')+1:]
		t.indent, t.blank = 0, true
	}
	if t.blank {
		text := bytes.TrimLeft(passed, " \t\r")
		t.indent += len(passed) - len(text)
		t.blank = len(text) == 0
	}
}

// advanceTo moves the mark to an offset in the input that the window holds.
func (t *tape) advanceTo(offset int64) { t.advance(int(offset - t.offset)) }

// peek returns the byte at the mark, or false at the end of the input.
func (t *tape) peek() (byte, bool) {
	for t.mark == len(t.buf) {
		if t.fill() != nil {
			return 0, false
		}
	}
	return t.buf[t.mark], true
}

// skipLine moves the mark to the start of the next line, however long this one is.
func (t *tape) skipLine() {
	for {
		if i := bytes.IndexByte(t.rest(), '\n'); i >= 0 {
			t.advance(i + 1)
			return
		}
		t.advance(len(t.rest()))
		if t.fill() != nil {
			return
		}
	}
}

// lineAt returns the line of an offset in the input that the window holds.
func (t *tape) lineAt(offset int64) int {
	n := min(max(int(offset-t.offset), 0), len(t.rest()))
	return t.line + bytes.Count(t.rest()[:n], []byte{'\n'})
}

// rewind makes Read begin at the mark.
func (t *tape) rewind() { t.head = t.mark }

// Read hands out no more than a line at a time: what its reader has read ahead is read again after a rewind.
func (t *tape) Read(p []byte) (int, error) {
	if t.head == len(t.buf) {
		if err := t.fill(); err != nil {
			return 0, err
		}
	}
	ahead := t.buf[t.head:min(t.head+len(p), len(t.buf))]
	if i := bytes.IndexByte(ahead, '\n'); i >= 0 {
		ahead = ahead[:i+1]
	}
	t.head += len(ahead)
	return copy(p, ahead), nil
}
