package recordio

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/kplkit/kplkit/deagg"
)

// Data comes as base64. What else programs make of bytes when they write JSON is read as well where nothing is lost, and
// where the object is a record for sure:
//
//	[243, 137, 154, 194]                      Python, Java and Rust, a list; Java's bytes go from -128 to 127
//	{"type": "Buffer", "data": [243, 137]}    Node's Buffer
//	{"0": 243, "1": 137}                      JavaScript's Uint8Array, of the SDK's version 3
//	{"bytes": [-13, -119]}                    Java's SdkBytes by Gson; Rust's Blob has "inner"
//	"b'\\xf3\\x89'"                           Python's json.dumps with default=str

// dataValue reads data that is an object or an array.
func (r *reader) dataValue() error {
	kind := r.dec.PeekKind()
	if _, err := r.dec.ReadToken(); err != nil {
		return err
	}
	r.draft.hasData, r.draft.data = false, r.draft.data[:0]
	if kind == '[' {
		return r.bytes()
	}
	return r.byteObject()
}

// bytes reads the rest of an array of bytes as the data.
func (r *reader) bytes() error {
	r.draft.hasData, r.draft.doubtful, r.draft.data = true, true, r.draft.data[:0]
	for {
		switch r.dec.PeekKind() {
		case ']', 0:
			_, err := r.dec.ReadToken()
			return err
		}
		if err := r.byteValue(); err != nil {
			return err
		}
	}
}

// decodeData appends what the text of data stands for.
func decodeData(dst, text []byte) ([]byte, error) {
	if isHexAggregate(text) { // it may be valid base64, of something that nobody wrote
		data, _ := readHex(text)
		return append(dst, data...), nil
	}
	dst, err := decodeBase64(dst, text)
	if err == nil {
		return dst, nil
	}
	switch data, form, printed := parsePrinted(text); {
	case printed != nil:
		return dst, printed
	case isCertain(form), form != "" && deagg.HasMagic(data):
		return append(dst[:0], data...), nil
	}
	return dst, err
}

// isHexAggregate reports whether a text is an aggregate in hex, by its magic.
func isHexAggregate(text []byte) bool {
	if len(text) < 8 || text[0] != 'f' && text[0] != 'F' && text[0] != '0' && text[0] != '\\' {
		return false // nearly all data
	}
	if !startsMagic(bytes.TrimPrefix(bytes.TrimPrefix(bytes.TrimPrefix(text, []byte("0x")), []byte("0X")), []byte(`\x`))) {
		return false
	}
	data, ok := readHex(text)
	return ok && deagg.HasMagic(data)
}

// isEncodedTwice reports whether data is the text of an aggregate, in base64 or hex.
func isEncodedTwice(data []byte) bool {
	if !startsMagic(data) {
		return false
	}
	inner, err := readLooseBase64(data)
	if err != nil || !deagg.HasMagic(inner) {
		inner, _ = readHex(data)
	}
	return deagg.HasMagic(inner)
}

var errEncodedTwice = errors.New("data is base64 of an aggregate that is text already, base64 or hex: " +
	"take one layer of base64 off (jq -c '.data |= @base64d')")

// checkDoubt refuses a list of numbers that may be anything: it is neither an aggregate nor in a record with a key or a
// sequence number.
func (d *draft) checkDoubt() {
	if d.doubtful && !d.prints && !deagg.HasMagic(d.data) && d.texts[partitionKeyField] == nil && d.texts[sequenceNumberField] == nil {
		d.fail(errors.New("numbers that may be bytes, but without a sequence number or a partition key: write them as {\"data\":…} in base64, or see 'kplkit inspect'"))
	}
}

// bareString reads a JSON string that stands alone, or in a list of its own, as the data of a record.
func (r *reader) bareString() error {
	v, err := r.dec.ReadValue()
	if err != nil {
		return err
	}
	if r.text, err = jsontext.AppendUnquote(r.text[:0], v); err == nil && r.src.Text && r.depth <= 1 {
		r.draft.reset()
		if err = r.bareData(r.text); err == nil {
			return r.deliver(r.draft.finish(&r.rec))
		}
		return r.deliver(err)
	}
	return r.deliver(fmt.Errorf("%.40q where a record was expected: %w", r.text, errExpected))
}

// decodeBase64 appends what text holds. Line ends may stand anywhere in it; padding is required, since without it a
// text that is cut off can't be told.
func decodeBase64(dst, text []byte) ([]byte, error) {
	dst, err := appendBase64(dst, text)
	if err == nil {
		return dst, nil
	}
	if HasReplacement(text) {
		return dst, fmt.Errorf("not base64: %w", ErrReplaced)
	}
	var corrupt base64.CorruptInputError
	if errors.As(err, &corrupt) && int(corrupt) < len(text) {
		switch c := text[corrupt]; {
		case c == '-' || c == '_':
			return dst, fmt.Errorf("URL-safe base64 (%q at character %d): write + for - and / for _", c, corrupt+1)
		case c != '=' && !isBase64(c):
			return dst, fmt.Errorf("not base64: %q at character %d; encode the bytes of the record as standard base64", c, corrupt+1)
		}
	}
	return dst, errors.New("not base64: it is cut off, or its padding (=) is missing or misplaced")
}
