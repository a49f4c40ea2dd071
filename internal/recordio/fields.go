package recordio

import (
	"bytes"
	"errors"

	"github.com/go-json-experiment/json/jsontext"
)

// fields reads the rest of an object into the draft. It reports whether the object is a document that held records,
// which are delivered then. An object nested in a record is none. What else holds data beside a list of records is an
// error after them.
func (r *reader) fields(nested bool) (document bool, err error) {
	for beside := false; ; {
		if kind := r.dec.PeekKind(); kind == '}' || kind == 0 {
			_, err := r.dec.ReadToken()
			if err == nil && document && (beside || r.draft.holdsData()) {
				err = r.deliver(errBeside)
			}
			return document, err
		}
		name, err := r.dec.ReadValue()
		if err != nil {
			return document, err
		}
		r.text, _ = jsontext.AppendUnquote(r.text[:0], name) // no field has a name that is no UTF-8
		f := fieldOf(r.text)
		switch {
		case f == recordsField && !nested && r.dec.PeekKind() == '[':
			document, beside = true, beside || r.draft.holdsData()
			err = r.array()
			r.draft.reset() // it was used for the elements
		case f == dataField && r.draft.hasData:
			err = r.dataAgain()
		default:
			err = r.field(f)
		}
		if err != nil {
			return document, err
		}
	}
}

var errBeside = errors.New("data beside a list of records in one object: only the list was read; write the other as an object of its own")

// dataAgain reads data of a record that has some: which of them was meant can't be told, unless they are equal.
func (r *reader) dataAgain() error {
	d := &r.draft
	first := bytes.Clone(d.data)
	if err := r.field(dataField); err != nil {
		return err
	}
	if !bytes.Equal(d.data, first) {
		d.fail(errDataTwice)
	}
	return nil
}

var errDataTwice = errors.New("data comes twice in one object, with different bytes (as data, Data, or data in kinesis): leave in the right one")

// field reads the value of a field into the draft.
func (r *reader) field(f field) error {
	kind := r.dec.PeekKind()
	holder := kind == '{' || kind == '['
	switch {
	case kind == '{' && (f == nestedField || f == batchField):
		r.draft.batch = r.draft.batch || f == batchField
		if _, err := r.dec.ReadToken(); err != nil {
			return err
		}
		_, err := r.fields(true)
		return err
	case kind == '[' && f == ancestorsField:
		return r.ancestors()
	case holder && f == dataField:
		return r.dataValue()
	case holder && f == arrivalField:
		return r.arrivalObject()
	case f == otherField || f >= recordsField || f == malformedField && holder:
		return r.dec.SkipValue()
	}
	v, err := r.dec.ReadValue()
	if err != nil {
		return err
	}
	r.text = append(r.text[:0], v...)
	if kind == '"' {
		if r.text, err = jsontext.AppendUnquote(r.text[:0], v); err != nil {
			r.notUTF8(f)
			return nil
		}
	}
	text := r.text
	if f != dataField {
		text = bytes.Clone(text)
	}
	if holder && f == envelopeField {
		kind = '"'
	}
	r.draft.set(f, byte(kind), text)
	return nil
}

// notUTF8 is for a text in which bytes are lost: no other text stands for it.
func (r *reader) notUTF8(f field) {
	if f == dataField {
		r.draft.fail(errors.New("data: not base64: bytes that are no UTF-8; encode the bytes of the record as standard base64"))
		return
	}
	r.draft.leaveOut(f, nil, "is not UTF-8")
}

func (r *reader) ancestors() error {
	if _, err := r.dec.ReadToken(); err != nil {
		return err
	}
	r.draft.hasAncestors = true
	for {
		switch r.dec.PeekKind() {
		case ']', 0:
			_, err := r.dec.ReadToken()
			return err
		case '"':
			token, err := r.dec.ReadToken()
			if err != nil {
				return err
			}
			r.draft.addAncestor(token.String())
		default:
			r.draft.leaveOut(ancestorsField, nil, "has an element that is not a text START-END")
			if err := r.dec.SkipValue(); err != nil {
				return err
			}
		}
	}
}
