package recordio

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

// What a Source with Text reads besides JSON, line by line:
//
//	84mawgoBYRoF…                                  data alone, in base64; several in a line have tabs between them
//	f3899ac20a0161…                                the same in hex
//	RECORDS	1588670713.454	84mawg…	KEY	4960…      aws kinesis get-records --output text
//	<Buffer f3 89 9a c2>                           what programs print, if one line has it all (see printed.go)

// bareForm is in which form data stood alone so far.
type bareForm uint8

const (
	bareUnknown bareForm = iota
	bareBase64
	bareHex
)

// startsText reports whether the line at the mark is no JSON. A list of numbers as Go prints it is none.
func (r *reader) startsText() bool {
	t := r.tape
	switch c := t.rest()[0]; c {
	case '{', '"':
		return false
	case '[':
		for len(t.rest()) < goListLength && bytes.IndexByte(t.rest(), '\n') < 0 && t.fill() == nil {
		}
		line, _, _ := bytes.Cut(t.rest(), []byte{'\n'})
		return isGoList(line)
	}
	return true
}

// textLine reads the line at the mark. It returns false if nothing more is wanted.
func (r *reader) textLine() bool {
	line, err := r.tape.wholeLine()
	if err != nil {
		return r.recover(err)
	}
	wanted := r.textRecords(bytes.TrimRight(line, "\t\r ")) == nil
	r.tape.advance(len(line))
	return wanted
}

// wholeLine returns the line at the mark without its end.
func (t *tape) wholeLine() ([]byte, error) {
	for searched := 0; ; {
		if i := bytes.IndexByte(t.rest()[searched:], '\n'); i >= 0 {
			return t.rest()[:searched+i], nil
		}
		searched = len(t.rest())
		switch err := t.fill(); err {
		case nil:
		case io.EOF:
			return t.rest(), nil
		default:
			return nil, err
		}
	}
}

// textRecords delivers the records of a line.
func (r *reader) textRecords(line []byte) error {
	columns := bytes.Split(line, []byte{'\t'})
	if len(columns) > 1 {
		if done, err := r.awsText(columns); done {
			return err
		}
	}
	for _, c := range columns { // all of them, or it is something else
		r.draft.reset()
		if err := r.bareData(c); err != nil {
			err = fmt.Errorf("neither JSON nor a record as text: %w", err)
			if len(columns) > 1 {
				err = fmt.Errorf("columns that are not all data: %w; take --output json", err)
			}
			return r.deliver(err)
		}
	}
	for i, c := range columns {
		if i < len(columns)-1 || i > 0 {
			r.draft.reset()
			_ = r.bareData(c) // it was read before
		}
		if err := r.deliver(r.draft.finish(&r.rec)); err != nil {
			return err
		}
	}
	return nil
}

// awsText reads a line of the AWS CLI's text output, in which the fields have the order of their names. It reports
// whether the line is one.
func (r *reader) awsText(columns [][]byte) (bool, error) {
	switch name := string(columns[0]); {
	case name == "RECORDS":
		columns = columns[1:]
	case name == "CHILDSHARDS", name == "HASHKEYRANGE", name == "PARENTSHARDS":
		return true, nil
	case len(columns) == 2 && len(name) < 15 && isDigits(name) && (len(columns[1]) > 100 || string(columns[1]) == "None"):
		return true, nil // MillisBehindLatest and NextShardIterator
	case len(columns) < 4 || !isArrival(name) || !isSequenceNumber(columns[len(columns)-1]):
		return false, nil
	}
	last := len(columns) - 1
	if last < 3 || !isSequenceNumber(columns[last]) {
		return true, r.deliver(errors.New("a record of the AWS CLI's text output that is not whole, maybe for a tab or a line end in its partition key: take --output json"))
	}
	key := columns[2:last]
	if name := string(key[0]); len(key) > 1 && (name == "NONE" || name == "KMS") { // EncryptionType
		key = key[1:]
	}
	d := &r.draft
	d.reset()
	d.set(arrivalField, '"', columns[0])
	d.set(dataField, '"', columns[1])
	d.set(partitionKeyField, '"', bytes.Join(key, []byte{'\t'}))
	d.set(sequenceNumberField, '"', columns[last])
	return true, r.deliver(d.finish(&r.rec))
}

func isArrival(text string) bool {
	_, ok := parseArrival(text)
	return ok
}

// isSequenceNumber reports whether a text is digits alone, and more of them than any base64 has by chance.
func isSequenceNumber(text []byte) bool { return len(text) >= 20 && isDigits(alias(text)) }

// bareData reads data that stands alone into the draft. Hex digits may be base64 as well: a text is taken for hex if it
// starts with the magic or is too long for chance, else by the form of those before it, else for neither.
func (r *reader) bareData(text []byte) error {
	d := &r.draft
	d.hasData = true
	if isSequenceNumber(text) {
		return errors.New("digits alone, a sequence number and no data?")
	}
	if data, form, err := parsePrinted(text); form != "" {
		d.data = append(d.data[:0], data...)
		return err
	}
	if data, err := hex.AppendDecode(d.data[:0], text); err == nil && len(data) > 0 {
		certain := len(text) >= 32 || bytes.HasPrefix(bytes.ToLower(text), []byte("f3899ac2"))
		switch {
		case certain || r.bare == bareHex:
			d.data, r.bare = data, bareHex
			return nil
		case r.bare == bareUnknown:
			return fmt.Errorf("%q may be base64 or hex: write it as {\"data\":…} in base64", text)
		}
	}
	var err error
	if bytes.ContainsAny(text, "-_") {
		d.data, err = base64.URLEncoding.Strict().AppendDecode(d.data[:0], text)
	} else {
		d.data, err = decodeBase64(d.data[:0], text)
	}
	if err == nil {
		r.bare = bareBase64
	}
	return err
}
