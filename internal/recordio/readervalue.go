package recordio

import (
	"bytes"
	"errors"
	"fmt"
)

// value walks through the next value: a record, or something that holds records.
func (r *reader) value() error {
	switch r.dec.PeekKind() {
	case '{':
		return r.object()
	case '[':
		return r.array()
	case '"':
		return r.bareString()
	}
	token, err := r.dec.ReadToken()
	if err != nil {
		return err
	}
	return r.deliver(fmt.Errorf("%.40q where a record was expected: %w", token.String(), errExpected))
}

// errExpected says what a record looks like.
var errExpected = errors.New("an object with data in base64, or a document of them, as get-records output and Lambda's events are")

func (r *reader) array() error {
	if _, err := r.dec.ReadToken(); err != nil {
		return err
	}
	if r.dec.PeekKind() == '0' { // a list of bytes: one record
		r.draft.reset()
		if err := r.bytes(); err != nil {
			return err
		}
		return r.deliver(r.draft.finish(&r.rec))
	}
	r.depth++
	defer func() { r.depth-- }()
	for {
		switch r.dec.PeekKind() {
		case ']', 0: // 0 is an error, which ReadToken returns
			_, err := r.dec.ReadToken()
			return err
		}
		r.markElement()
		if err := r.value(); err != nil {
			return err
		}
		r.tape.advanceTo(r.base + r.dec.InputOffset())
	}
}

// markElement moves the mark of the tape to the element of an array that comes next.
func (r *reader) markElement() {
	r.tape.advanceTo(r.base + r.dec.InputOffset())
	rest := r.tape.rest()
	r.tape.advance(len(rest) - len(bytes.TrimLeft(rest, ", \t\r\n")))
}

func (r *reader) object() error {
	if _, err := r.dec.ReadToken(); err != nil {
		return err
	}
	r.draft.reset()
	document, err := r.fields(false)
	switch {
	case err != nil || document:
		return err
	case r.draft.err == nil && r.draft.isEnvelope():
		return r.open(bytes.Clone(r.draft.texts[envelopeField]))
	}
	return r.deliver(r.draft.finish(&r.rec))
}
