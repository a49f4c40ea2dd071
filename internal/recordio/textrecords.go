package recordio

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
)

// textRecords delivers the records of a line. next returns the one after it.
func (r *reader) textRecords(line []byte, next func() []byte) error {
	if err := otherOutput(line); err != nil {
		_ = r.deliver(err)
		return errStop
	}
	columns := bytes.Split(line, []byte{'\t'})
	if len(columns) > 1 {
		columns = bytes.Split(bytes.Clone(line), []byte{'\t'}) // next moves what is in the tape
		if done, err := r.awsText(columns, next); done {
			return err
		}
	}
	for _, c := range columns { // all of them, or it is something else
		if err := r.checkColumn(c, len(columns) > 1); err != nil {
			over := errors.Is(err, errOverLines) // of its other lines none is a record
			err = r.deliver(err)
			if over {
				return errStop
			}
			return err
		}
	}
	for _, c := range columns {
		r.draft.reset()
		_ = r.bareData(c) // it was read before
		if err := r.deliver(r.draft.finish(&r.rec)); err != nil {
			return err
		}
	}
	return nil
}

// checkColumn returns what is wrong with a column of data, or with a line of its own. One of several must not be a
// partition key, which may be valid base64.
func (r *reader) checkColumn(text []byte, several bool) error {
	r.draft.reset()
	if err := r.bareData(text); err != nil {
		if several {
			return fmt.Errorf("columns that are not all data: %w; take --output json", err)
		}
		return fmt.Errorf("neither JSON nor a record as text: %w", err)
	}
	if several && !r.isClearlyData(text) {
		return fmt.Errorf("columns of which one, %.20q, may be a partition key and not data: take --output json, or data alone, one a line (--query 'Records[].[Data]')", text)
	}
	return nil
}

// bareData reads data that stands alone into the draft. Hex digits may be base64 as well: a text is taken for hex if it
// starts with the magic or is too long for chance, else by the form of those before it, else for neither.
func (r *reader) bareData(text []byte) error {
	d := &r.draft
	d.hasData = true
	switch word := string(text); {
	case isSequenceNumber(text):
		return errors.New("digits alone, a sequence number and not data?")
	case word == "null" || word == "true" || word == "None" || r.bare == bareUnknown && isWord(text):
		return fmt.Errorf("%q may be a word and not base64", text)
	}
	switch data, form, err := parsePrinted(text); form {
	case "":
	case hexDumpForm:
		return fmt.Errorf("a hex dump%w: 'kplkit inspect' reads it", errOverLines)
	case nodeArray:
		if errors.Is(err, errUnfinished) {
			return fmt.Errorf("%s%w: 'kplkit inspect' reads it", nodeArray, errOverLines)
		}
		fallthrough
	default:
		d.data, d.doubtful = append(d.data[:0], data...), !isCertain(form)
		return err
	}
	if data, err := hex.AppendDecode(d.data[:0], text); err == nil && len(data) > 0 {
		certain := len(text) >= 32 || startsMagic(text)
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

var errOverLines = errors.New(", which goes over lines")

// isWord reports whether a text is letters of one case, and not too many for that to be chance.
func isWord(text []byte) bool {
	lower, upper := bytes.ToLower(text), bytes.ToUpper(text)
	return len(text) < 16 && bytes.IndexFunc(text, func(c rune) bool { return c < 'A' || c > 'z' }) < 0 &&
		(bytes.Equal(text, lower) || bytes.Equal(text, upper))
}
