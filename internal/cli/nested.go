package cli

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"github.com/kplkit/kplkit/internal/recordio"
	"github.com/kplkit/kplkit/internal/wire"
	"github.com/kplkit/kplkit/seqnum"
)

// nesting points out stored records among what should be user records: what is packed again is an aggregate within an
// aggregate, which no consumer takes apart.
type nesting struct {
	strict bool   // it is an error
	meant  string // the command that was meant, after 'kplkit deagg FILE |'
	tell   func(error)
	told   string // the file of which it was told
}

const strictUsage = "stop at a stored record instead of warning of it (see 'kplkit deagg')"

// check looks at a record that is put or packed. Under strict what it finds is an error; else it is told once a file.
func (n *nesting) check(r *recordio.Record) error {
	if why := storedRecord(r); why != "" {
		return n.found(place{file: r.File, line: r.Line}, why, n.deagg(r.File))
	}
	return nil
}

// storedRecord says why a record is taken for a stored one, "" if it is not.
func storedRecord(r *recordio.Record) string {
	switch {
	case wire.IsAggregate(r.Data):
		return "a stored record (its data is an aggregate)" + nestedWhy
	case r.SequenceNumber != "" && !r.UserLine && !ofUserRecord(r.SequenceNumber):
		return "a stored record (it has a sequence number); aggregates among such are packed once more"
	}
	return ""
}

const nestedWhy = ", which as a user record becomes an aggregate in an aggregate"

// ofUserRecord reports whether a sequence number says that somebody has taken an aggregate apart: kplkit's clients write
// SEQUENCE:SUB and digits.
func ofUserRecord(number string) bool {
	if _, err := seqnum.ParseDigits(number); err == nil {
		return true
	}
	e, err := seqnum.ParseExtended(number)
	return err == nil && strings.Contains(number, ":") && e.IsValid()
}

// checkLine does so for a line of text, which may be an aggregate in any form, or a record in JSON: then the text of that
// is put.
func (n *nesting) checkLine(at place, line []byte) error {
	text := bytes.TrimSpace(line)
	switch {
	case n.told == at.file && !n.strict, len(text) == 0:
		return nil
	case text[0] == '{':
		return n.checkJSON(at, text)
	case !aggregateStart.Match(text[:min(len(text), 40)]) && !wire.IsAggregate(line):
		return nil
	}
	if data, form, err := recordio.ParsePasted(text); err == nil && wire.IsAggregate(data) {
		return n.found(at, "a stored record (the line is an aggregate, as "+form+")"+nestedWhy, n.deagg(at.file))
	}
	return nil
}

// aggregateStart is how the text of an aggregate begins in base64, hex, or a program's print.
var aggregateStart = regexp.MustCompile(`^["'(]*(84maw|(0x|\\x|(bytearray\()?b'\\x|<Buffer )?[fF]3|(Uint8Array\(\d+\) )?\[\s*(243|-13)\b)`)

// checkJSON looks for a record in a line. One with a key is kplkit's or a capture's, and no log that has data, too.
func (n *nesting) checkJSON(at place, text []byte) error {
	if !bytes.Contains(text, []byte(`ata"`)) { // data and Data: nearly no log has it
		return nil
	}
	src := &recordio.Source{Reader: bytes.NewReader(text)}
	for r, err := range src.Records() {
		if err != nil {
			return nil
		}
		const inJSON = " record in JSON, of which with --lines the text is put"
		if storedRecord(r) != "" {
			return n.found(at, "a stored"+inJSON, n.deagg(at.file))
		}
		if r.PartitionKey != "" || r.ExplicitHashKey != "" {
			return n.found(at, "a user"+inJSON, n.meant+" "+shellWord(fileArgument(at.file)))
		}
	}
	return nil
}

func (n *nesting) deagg(file string) string {
	return "kplkit deagg " + shellWord(fileArgument(file)) + " | " + n.meant
}

// fileArgument is how a file is named on the command line.
func fileArgument(file string) string {
	if file == "stdin" {
		return "-"
	}
	return file
}

// shellWord quotes a text for a shell, where it needs that.
func shellWord(text string) string {
	if plainWord.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

var plainWord = regexp.MustCompile(`^[\w@%+=:,./-]+$`)

func (n *nesting) found(at place, why, command string) error {
	err := fmt.Errorf("%s: %s", why, command)
	switch {
	case n.strict:
		return err
	case n.told != at.file:
		n.told = at.file
		n.tell(&recordio.LineError{File: at.file, Line: at.line, Err: fmt.Errorf("warning, once a file: %w", err)})
	}
	return nil
}
