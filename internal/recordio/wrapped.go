package recordio

import (
	"bytes"
	"errors"

	"github.com/kplkit/kplkit/internal/wire"
)

// errWrapped is for lines each of which would be a record, and none of which is one if they are a text that was wrapped.
var errWrapped = errors.New("lines of one width and a shorter one after them, as of one record whose base64 or hex was wrapped, without its start: " +
	"write a record a line (base64 -w0, xxd -p -c0), or as {\"data\":…} where each is one")

// fragments joins lines of one width and the shorter one after them, given the first and where it ends. It returns nil
// if they are no text that was wrapped. A short record may follow a longer one by chance: then there are two full lines,
// or they have a width to which programs wrap, and no line before them is longer.
func (r *reader) fragments(first []byte, end int) (whole []byte, wholeEnd int) {
	width, magic := len(first), startsMagic(first)
	switch {
	case r.width == 0:
		r.width = width
	case width > r.width:
		r.width = -1 // nothing is longer than that
	}
	if width < 60 || !magic && width != r.width || !isFragment(first) {
		return nil, 0
	}
	whole = bytes.Clone(first)
	full, short := 1, false
	for !short && whole[len(whole)-1] != '=' && end < len(r.tape.rest()) && len(whole) < 2*wire.LargestRecord {
		line, err := r.tape.wholeLine(end + 1)
		text := bytes.TrimSpace(line)
		if err != nil || len(text) > width || !isFragment(text) || startsMagic(text) {
			break
		}
		end += 1 + len(line)
		whole = append(whole, text...)
		if short = len(text) < width; !short {
			full++
		}
	}
	usual := width == 60 || width == 64 || width == 76 // xxd -p; openssl and PEM; base64 and Python
	if (full > 1 || usual && short) && (short || magic) {
		return whole, end
	}
	return nil, 0
}

// isFragment reports whether a line may be a part of base64 or hex, in which a character may be damaged.
func isFragment(line []byte) bool {
	return len(line) > 0 && line[0] != '<' && !bytes.ContainsAny(line, "{[('\"\\") && bytes.IndexFunc(line, func(c rune) bool { return c <= ' ' || c > '~' }) < 0
}
