package recordio

import "bytes"

// fastRecord reads the record at the mark if it is what nearly all input consists of: an object of plain strings and
// numbers on one line. It leaves anything else, and anything that is wrong, to the general way; the two agree.
func (r *reader) fastRecord() bool {
	for {
		r.draft.reset()
		n := r.draft.scan(r.tape.rest())
		if n == scanIncomplete && bytes.IndexByte(r.tape.rest(), '\n') < 0 && r.tape.fillLine() {
			continue // once: a record that goes on after a line end is not usual
		}
		if n < 0 || r.draft.finish(&r.rec) != nil {
			return false
		}
		r.rec.Line = r.tape.line
		r.tape.advanceInLine(n)
		return true
	}
}

// advanceInLine moves the mark over n bytes that are neither blanks at first nor line ends.
func (t *tape) advanceInLine(n int) {
	t.mark += n
	t.offset += int64(n)
	t.blank = false
}

// fillLine reads on until a line has ended. It returns false at the end of the input, or where a line is too long.
func (t *tape) fillLine() bool {
	for {
		before := len(t.rest())
		if t.fill() != nil {
			return false
		}
		if bytes.IndexByte(t.rest()[before:], '\n') >= 0 {
			return true
		}
	}
}

const (
	scanUnusual    = -1 - iota // something that is left to the general way
	scanIncomplete             // the bytes end in the middle
)

// scan reads the fields of an object at the start of b and returns its length. The fields share the memory of b.
func (d *draft) scan(b []byte) int {
	if b[0] != '{' {
		return scanUnusual
	}
	for i := 1; ; i++ {
		name, n := scanString(b, skipBlanks(b, i))
		if n < 0 {
			return n
		}
		if i = skipBlanks(b, n); i == len(b) {
			return scanIncomplete
		}
		if b[i] != ':' || !isPlain(name) {
			return scanUnusual
		}
		if i = d.scanValue(fieldOf(name), b, skipBlanks(b, i+1)); i < 0 {
			return i
		}
		switch i = skipBlanks(b, i); {
		case i == len(b):
			return scanIncomplete
		case b[i] == '}':
			return i + 1
		case b[i] != ',':
			return scanUnusual
		}
	}
}

// scanValue reads the value of a field at b[i] and returns where it ends.
func (d *draft) scanValue(f field, b []byte, i int) int {
	if i == len(b) {
		return scanIncomplete
	}
	kind, text, n := b[i], []byte(nil), 0
	switch {
	case kind == '"':
		text, n = scanString(b, i)
	case kind == '-' || '0' <= kind && kind <= '9':
		text, n = scanNumber(b, i)
		kind = '0'
	default:
		text, n = scanLiteral(b, i)
	}
	if n < 0 {
		return n
	}
	switch {
	case f == dataField && d.hasData, f < recordsField && d.texts[f] != nil:
		return scanUnusual // it comes twice
	case f == dataField && kind == '"':
		d.set(f, kind, text)
		if d.err != nil || len(text)%4 != 0 || len(d.data) != decodedLen(text) {
			return scanUnusual // it may hold line ends, which JSON does not allow as they are
		}
	case !isPlain(text):
		return scanUnusual
	case f != otherField && f < recordsField:
		d.set(f, kind, text)
	}
	return n
}

// decodedLen returns how many bytes a base64 text without line ends holds.
func decodedLen(text []byte) int {
	return len(text)/4*3 - (len(text) - len(bytes.TrimRight(text, "=")))
}

func skipBlanks(b []byte, i int) int {
	for i < len(b) && b[i] == ' ' {
		i++
	}
	return i
}

// scanString returns what stands between the quote at b[i] and the next one, and where it ends.
func scanString(b []byte, i int) ([]byte, int) {
	if i == len(b) {
		return nil, scanIncomplete
	}
	if b[i] != '"' {
		return nil, scanUnusual
	}
	n := bytes.IndexByte(b[i+1:], '"')
	if n < 0 {
		return nil, scanIncomplete
	}
	return b[i+1 : i+1+n], i + n + 2
}

// isPlain reports whether a string of JSON stands for itself.
func isPlain(text []byte) bool {
	for _, c := range text {
		if c < ' ' || c == '\\' || c > '~' {
			return false
		}
	}
	return true
}

// scanNumber reads a number without an exponent.
func scanNumber(b []byte, i int) ([]byte, int) {
	start := i
	if b[i] == '-' {
		i++
	}
	whole := i
	i = skipDigits(b, i)
	if i == whole || b[whole] == '0' && i > whole+1 {
		return nil, scanUnusual
	}
	if i < len(b) && b[i] == '.' {
		fraction := i + 1
		if i = skipDigits(b, fraction); i == fraction {
			return nil, scanUnusual
		}
	}
	switch {
	case i == len(b):
		return nil, scanIncomplete
	case b[i] != ',' && b[i] != '}' && b[i] != ' ':
		return nil, scanUnusual
	}
	return b[start:i], i
}

func skipDigits(b []byte, i int) int {
	for i < len(b) && '0' <= b[i] && b[i] <= '9' {
		i++
	}
	return i
}

func scanLiteral(b []byte, i int) ([]byte, int) {
	for _, literal := range [...]string{"null", "true", "false"} {
		if bytes.HasPrefix(b[i:], []byte(literal)) {
			return b[i : i+len(literal)], i + len(literal)
		}
	}
	return nil, scanUnusual
}
