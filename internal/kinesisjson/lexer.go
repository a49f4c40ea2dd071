package kinesisjson

import "fmt"

// lexer reads a body, one value after the other. After its first error it is at the end of the body, and reads no more.
type lexer interface {
	open(list bool) level       // the beginning of a list or of an object
	more(l level) (level, bool) // whether an item or a field follows, which is to be read then
	name() []byte               // of a field
	null() bool                 // reads a null, if one follows
	text() string
	integer() int64
	moment() []byte // a time as it came
	blob() (data []byte, base64 bool)
	skip() []byte // anything, as it came
	pass(n int)   // n bytes that were read before
	end() error   // what went wrong, or that something follows
	fail(why string)
	at() int
}

// level is where a lexer is in a list or an object.
type level struct {
	list bool
	n    int // JSON: how many came before. CBOR: how many are left, -1 if it has an end of its own
}

// maxDepth is how deep what is skipped may be nested.
const maxDepth = 64

// cursor is where a lexer is.
type cursor struct {
	b   []byte
	i   int
	err error
}

func (c *cursor) at() int { return c.i }

func (c *cursor) pass(n int) { c.i += n }

func (c *cursor) fail(why string) {
	if c.err == nil {
		c.err = fmt.Errorf("kinesisjson: %w: %s, at byte %d", ErrUnusual, why, c.i)
	}
	c.i = len(c.b)
}

// lexers holds one of each format, so that reading allocates none.
type lexers struct {
	json jsonLexer
	cbor cborLexer
}

// of returns the lexer of a format at the beginning of b.
func (l *lexers) of(f Format, b []byte) lexer {
	if f == CBOR {
		l.cbor = cborLexer{cursor{b: b}}
		return &l.cbor
	}
	l.json = jsonLexer{cursor{b: b}}
	return &l.json
}
