package recordio

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/go-json-experiment/json/jsontext"
)

// reader reads the records of one input, in whichever of the forms they come: JSON lines, and documents
// that hold arrays of records, one after the other. It holds a record at a time, never a document.
//
// A record that can't be read is an error, and the next one follows. After JSON that does not parse it goes on
// with the next line or, in a document over several lines, with the next element or document.
type reader struct {
	src   *Source
	tape  *tape
	dec   jsontext.Decoder
	base  int64 // where in the input dec began
	draft draft
	rec   Record
	text  []byte // scratch of the value that is being read
	yield func(*Record, error) bool
	told  uint32   // the fields of which it was told that they are left out, by bit
	depth int      // of arrays that are being read
	begun bool     // a value has been read
	bare  bareForm // of the data that stood alone so far
	width int      // of the first line of text, -1 after a longer one
	level int      // of documents within each other, 0 for the input itself
	line  int      // of the document in the input, where level is more

	// After an error in the middle of a document that spans lines: what follows is searched line by line for an
	// object or array that is indented no deeper than searchIndent.
	searching    bool
	searchIndent int
	broken       bool // a document was left in its middle: its closing brackets will stand alone

	noFast bool // for tests: take the general way always
}

// LineError is an error that has a place in a file. It is written FILE:LINE: ERROR.
type LineError struct {
	File string // the Source's Name
	Line int    // from 1
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err) }
func (e *LineError) Unwrap() error { return e.Err }

// errStop ends the walk through a document: nobody wants more.
var errStop = errors.New("stop")

// Records returns the records of s in order: JSON lines, or documents that hold them. What can't be read comes as a
// *LineError in its place, and the next record follows; an error of reading s is the last. A record is valid until the
// next one is asked for.
func (s *Source) Records() iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		newReader(s, yield).run()
	}
}

func newReader(s *Source, yield func(*Record, error) bool) *reader {
	r := &reader{src: s, tape: newTape(s)}
	r.draft.need, r.draft.prints = s.Need, s.Prints
	r.yield = func(rec *Record, err error) bool {
		if err != nil {
			return yield(nil, &LineError{s.Name, r.tape.line, err})
		}
		rec.File = s.Name
		return yield(rec, nil)
	}
	return r
}

func (r *reader) run() {
	if err := r.skipByteOrderMark(); err != nil {
		r.yield(nil, err)
		return
	}
	for ; r.findValue(); r.begun = true {
		if !r.noFast && r.fastRecord() {
			r.tellOmissions()
			if !r.yield(&r.rec, nil) {
				return
			}
			continue
		}
		if r.src.Text && r.tape.blank && r.startsText() {
			if !r.textLine() {
				return
			}
			continue
		}
		r.base = r.tape.offset
		r.tape.rewind()
		r.dec.Reset(r.tape, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
		err := r.value()
		if err == nil {
			r.tape.advanceTo(r.base + r.dec.InputOffset())
			continue
		}
		if err == errStop || !r.recover(err) {
			return
		}
	}
	if err := r.tape.err; err != io.EOF {
		r.yield(nil, err)
	}
}

// byteOrderMark is what Windows programs put before UTF-8.
const byteOrderMark = "\xef\xbb\xbf"

// skipByteOrderMark refuses what is in UTF-16, and what is still packed.
func (r *reader) skipByteOrderMark() error {
	for len(r.tape.rest()) < len(byteOrderMark) && r.tape.fill() == nil {
	}
	switch start := r.tape.rest(); {
	case bytes.HasPrefix(start, []byte(byteOrderMark)):
		r.tape.advance(len(byteOrderMark))
		r.tape.blank, r.tape.indent = true, 0
	case isUTF16(start):
		return errUTF16
	case bytes.HasPrefix(start, []byte("\x1f\x8b\x08")):
		return errors.New("gzip within gzip: unpack it once (gunzip)")
	}
	return nil
}

// isUTF16 knows it by its mark, or by JSON that starts as it.
func isUTF16(start []byte) bool {
	if len(start) > 1 && (bytes.IndexByte([]byte("{["), start[0]) >= 0 && start[1] == 0 || start[0] == 0 && bytes.IndexByte([]byte("{["), start[1]) >= 0) {
		return true
	}
	return bytes.HasPrefix(start, []byte("\xff\xfe")) || bytes.HasPrefix(start, []byte("\xfe\xff"))
}

var errUTF16 = errors.New("UTF-16, as Windows PowerShell writes it: write UTF-8 (Out-File -Encoding utf8, or cmd's >)")

// findValue moves to the start of the next value. It returns false at the end of the input.
func (r *reader) findValue() bool {
	t := r.tape
	for {
		c, ok := t.peek()
		switch {
		case !ok:
			return false
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			t.advance(len(t.rest()) - len(bytes.TrimLeft(t.rest(), " \t\r\n")))
		case r.broken && (c == ']' || c == '}'), (r.broken || r.begun) && c == ',': // a comma is what an excerpt of a list has
			t.advance(1)
		case !r.searching || !t.blank:
			return true
		case (c == '{' || c == '[') && t.indent <= r.searchIndent:
			r.searching = t.indent == r.searchIndent && t.indent > 0
			return true
		default:
			t.skipLine()
		}
	}
}

// recover reports an error that ended the walk through a value, and moves to where reading can go on.
// It returns false if nothing more is to be read.
func (r *reader) recover(err error) bool {
	t := r.tape
	var syntax *jsontext.SyntacticError
	switch {
	case errors.Is(err, errTooLong):
		if !r.yield(nil, fmt.Errorf("%w, which is left out", errTooLong)) {
			return false
		}
		t.skipLine()
		t.buf, t.mark, t.head = append(make([]byte, 0, 4*readSize), t.rest()...), 0, 0
		r.dec, r.text = jsontext.Decoder{}, nil // they have grown as well
		return true
	case errors.As(err, &syntax) && (t.err == nil || t.err == io.EOF || r.base+syntax.ByteOffset < t.offset+int64(len(t.rest()))):
	default:
		t.advance(len(t.rest())) // it was cut off by an error of reading, which findValue meets next
		return true
	}
	line := t.lineAt(r.base + syntax.ByteOffset)
	message := syntaxMessage(syntax, line, line != t.line)
	if hint := formHint(t.rest(), r.src.Prints); hint != nil {
		message = hint
	}
	if !r.yield(nil, message) {
		return false
	}
	if line != t.line {
		r.searching, r.searchIndent = true, t.indent
	}
	r.broken = r.broken || r.dec.StackDepth() > 1
	t.skipLine()
	return true
}

func syntaxMessage(e *jsontext.SyntacticError, line int, elsewhere bool) error {
	cause := e.Err
	if errors.Is(cause, io.ErrUnexpectedEOF) {
		cause = errors.New("it ends in the middle of a value")
	}
	if elsewhere {
		return fmt.Errorf("JSON that does not parse begins here; in line %d: %w", line, cause)
	}
	return fmt.Errorf("JSON does not parse: %w", cause)
}

// deliver hands on the record, or what is wrong with it.
func (r *reader) deliver(err error) error {
	r.rec.Line = r.tape.line
	rec := &r.rec
	if err != nil {
		rec = nil
	} else {
		r.tellOmissions()
	}
	if !r.yield(rec, err) {
		return errStop
	}
	return nil
}
