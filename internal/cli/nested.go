package cli

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/kplkit/kplkit/internal/recordio"
	"github.com/kplkit/kplkit/internal/wire"
	"github.com/kplkit/kplkit/seqnum"
)

// nesting points out stored records among what should be user records: what is packed again is an aggregate within an
// aggregate, which no consumer takes apart.
type nesting struct {
	strict bool   // it is an error
	meant  string // the command that was meant, a format of the file's name
	tell   func(error)
	told   string // the file of which it was told
}

const strictUsage = "stop at a stored record instead of warning of it (see 'kplkit deagg')"

// check looks at a record that is put or packed. Under strict what it finds is an error; else it is told once a file.
func (n *nesting) check(r *recordio.Record) error {
	switch {
	case wire.IsAggregate(r.Data):
		return n.found(place{file: r.File, line: r.Line}, "a stored record (its data is an aggregate)"+nestedWhy)
	case r.SequenceNumber != "" && !r.UserLine && !ofUserRecord(r.SequenceNumber):
		return n.found(place{file: r.File, line: r.Line}, "a stored record (it has a sequence number); aggregates among such are packed once more")
	}
	return nil
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

// checkLine does so for a line of text, which may be an aggregate in base64.
func (n *nesting) checkLine(at place, line []byte) error {
	if !bytes.HasPrefix(line, []byte("84maw")) {
		return nil
	}
	if data, err := base64.StdEncoding.AppendDecode(nil, line); err != nil || !wire.IsAggregate(data) {
		return nil
	}
	return n.found(at, "a stored record (the line is an aggregate in base64)"+nestedWhy)
}

func (n *nesting) found(at place, why string) error {
	file := at.file
	if file == "stdin" {
		file = "-"
	}
	err := fmt.Errorf("%s: "+n.meant, why, file)
	switch {
	case n.strict:
		return err
	case n.told != at.file:
		n.told = at.file
		n.tell(&recordio.LineError{File: at.file, Line: at.line, Err: fmt.Errorf("warning, once a file: %w", err)})
	}
	return nil
}
