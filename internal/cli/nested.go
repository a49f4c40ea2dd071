package cli

import (
	"bytes"
	"encoding/base64"
	"fmt"

	"github.com/kplkit/kplkit/internal/recordio"
	"github.com/kplkit/kplkit/internal/wire"
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
		return n.found(place{file: r.File, line: r.Line}, "its data is an aggregate")
	case r.SequenceNumber != "" && !r.UserLine:
		return n.found(place{file: r.File, line: r.Line}, "it has a sequence number")
	}
	return nil
}

// checkLine does so for a line of text, which may be an aggregate in base64.
func (n *nesting) checkLine(at place, line []byte) error {
	if !bytes.HasPrefix(line, []byte("84maw")) {
		return nil
	}
	if data, err := base64.StdEncoding.AppendDecode(nil, line); err != nil || !wire.IsAggregate(data) {
		return nil
	}
	return n.found(at, "the line is an aggregate in base64")
}

func (n *nesting) found(at place, why string) error {
	file := at.file
	if file == "stdin" {
		file = "-"
	}
	err := fmt.Errorf("a stored record (%s), which as a user record becomes an aggregate in an aggregate: "+n.meant, why, file)
	switch {
	case n.strict:
		return err
	case n.told != at.file:
		n.told = at.file
		n.tell(&recordio.LineError{File: at.file, Line: at.line, Err: fmt.Errorf("warning, once a file: %w", err)})
	}
	return nil
}
