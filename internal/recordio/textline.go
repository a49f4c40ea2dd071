package recordio

import (
	"bytes"
	"io"
	"regexp"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/internal/wire"
)

// What a Source with Text reads besides JSON, line by line:
//
//	84mawgoBYRoF…                                  data alone, in base64; several in a line have tabs between them
//	f3899ac20a0161…                                the same in hex; an aggregate may be wrapped
//	RECORDS	1588670713.454	84mawg…	KEY	4960…      aws kinesis get-records --output text
//	<Buffer f3 89 9a c2>                           what programs print, if one line has it all (see printed.go); with
//	                                               Prints also where it may be something else

// bareForm is in which form data stood alone so far.
type bareForm uint8

const (
	bareUnknown bareForm = iota
	bareBase64
	bareHex
)

// startsText reports whether the line at the mark is not JSON. Neither is a list of numbers as Go or C has it.
func (r *reader) startsText() bool {
	t := r.tape
	switch c := t.rest()[0]; c {
	case '"':
		return false
	case '{', '[':
		for len(t.rest()) < listLength && bytes.IndexByte(t.rest(), '\n') < 0 && t.fill() == nil {
		}
		line, _, _ := bytes.Cut(t.rest(), []byte{'\n'})
		return isList(line)
	}
	return true
}

// textLine reads the line at the mark. It returns false if nothing more is wanted.
func (r *reader) textLine() bool {
	line, err := r.tape.wholeLine(0)
	if err != nil {
		return r.recover(err)
	}
	end := len(line)
	text, wrappedEnd := r.unwrap(bytes.Clone(bytes.TrimRight(line, "\t\r ")), end)
	switch {
	case text == nil:
		line, _ = r.tape.wholeLine(0) // the tape may have moved it
		text = bytes.TrimRight(line, "\t\r ")
	case !startsMagic(text) && !pythonOpen.Match(text):
		wanted := r.deliver(errWrapped) == nil
		r.tape.advance(wrappedEnd)
		return wanted
	default:
		end = wrappedEnd
	}
	wanted := r.textRecords(text, func() []byte {
		if end == len(r.tape.rest()) {
			return nil
		}
		line, _ := r.tape.wholeLine(end + 1)
		return line
	}) == nil
	r.tape.advance(end)
	return wanted
}

// wholeLine returns the line at an offset from the mark, without its end.
func (t *tape) wholeLine(from int) ([]byte, error) {
	for searched := from; ; {
		if i := bytes.IndexByte(t.rest()[searched:], '\n'); i >= 0 {
			return t.rest()[from : searched+i], nil
		}
		searched = len(t.rest())
		switch err := t.fill(); err {
		case nil:
		case io.EOF:
			return t.rest()[from:], nil
		default:
			return nil, err
		}
	}
}

// unwrap joins a text that base64 or xxd -p has wrapped, given its first line and where that ends: an aggregate, or if no
// whole one comes out, what are fragments for sure. It returns nil if there is none.
func (r *reader) unwrap(first []byte, end int) (whole []byte, wholeEnd int) {
	if len(first) >= 32 && startsMagic(first) {
		if r.isWhole(first) {
			return nil, 0
		}
		if whole, wholeEnd = r.unwrapAggregate(first, end); whole != nil {
			return whole, wholeEnd
		}
	}
	if pythonOpen.Match(first) {
		return r.brackets(first, end)
	}
	return r.fragments(first, end)
}

// pythonOpen is how pprint begins bytes that go over lines.
var pythonOpen = regexp.MustCompile(`^(bytearray)?\(+b['"]`)

// brackets joins the lines of Python's print of bytes, up to the one that closes the bracket.
func (r *reader) brackets(first []byte, end int) (whole []byte, wholeEnd int) {
	for whole = first; !bytes.HasSuffix(whole, []byte{')'}) && end < len(r.tape.rest()) && len(whole) < 4*wire.LargestRecord; {
		line, err := r.tape.wholeLine(end + 1)
		text := bytes.TrimSpace(line)
		if err != nil || len(text) == 0 || !bytes.HasPrefix(text, []byte("b'")) && !bytes.HasPrefix(text, []byte(`b"`)) {
			break
		}
		whole = append(append(whole, ' '), text...)
		end += 1 + len(line)
	}
	return whole, end
}

func (r *reader) unwrapAggregate(first []byte, end int) (whole []byte, wholeEnd int) {
	width, whole := len(first), bytes.Clone(first)
	for end < len(r.tape.rest()) {
		line, err := r.tape.wholeLine(end + 1)
		if err != nil {
			return nil, 0
		}
		text := bytes.TrimSpace(line)
		if len(text) == 0 || len(text) > width || startsMagic(text) || len(text) < width && r.isWhole(whole) {
			break
		}
		end += 1 + len(line)
		if whole = append(whole, text...); len(text) < width || text[width-1] == '=' {
			break
		}
	}
	if !r.isWhole(whole) {
		return nil, 0
	}
	return whole, end
}

// startsMagic reports whether a text is the start of an aggregate in base64 or hex.
func startsMagic(text []byte) bool {
	if len(text) < 5 || text[0] != '8' && text[0]|0x20 != 'f' {
		return false // nearly all data
	}
	return bytes.HasPrefix(text, []byte("84maw")) || bytes.EqualFold(text[:min(len(text), 8)], []byte("f3899ac2"))
}

func (r *reader) isWhole(text []byte) bool {
	r.draft.reset()
	if r.bareData(text) != nil {
		return false
	}
	_, err := deagg.Parse(deagg.StoredRecord{Data: r.draft.data})
	return err == nil
}
