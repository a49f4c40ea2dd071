package recordio

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/kplkit/kplkit/internal/wire"
)

// byteValue reads one number.
func (r *reader) byteValue() error {
	v, err := r.dec.ReadValue()
	if err != nil {
		return err
	}
	b, ok := byteOf(string(v))
	if !ok {
		r.draft.fail(fmt.Errorf("data: %.40q in a list of bytes", v))
	}
	r.draft.data = append(r.draft.data, b)
	return nil
}

// byteOf reads a byte, in decimal or with 0x. In Java it has a sign. A leading zero may mean octal or nothing: it is none.
func byteOf(text string) (byte, bool) {
	base, digits := 10, bytes.TrimPrefix([]byte(text), []byte("-"))
	switch {
	case len(digits) > 2 && digits[0] == '0' && digits[1]|0x20 == 'x':
		base, text = 16, text[:len(text)-len(digits)]+string(digits[2:])
	case len(digits) > 1 && digits[0] == '0':
		return 0, false
	}
	n, err := strconv.ParseInt(text, base, 16)
	return byte(n), err == nil && -128 <= n && n <= 255
}

// byteObject reads the rest of an object that stands for bytes: it has a list of them, or each under its index. The
// indexes may come in any order, since programs sort names as text, but all of them have to be there.
func (r *reader) byteObject() error {
	var indexed []uint32 // index and byte
	for lists := 0; ; {
		token, err := r.dec.ReadToken()
		if err != nil {
			return err
		}
		if token.Kind() == '}' {
			r.finishByteObject(lists, indexed)
			return nil
		}
		name := token.String()
		index, isIndex := indexOf(name)
		switch kind := r.dec.PeekKind(); {
		case kind == '[' && (name == "data" || name == "bytes" || name == "inner"):
			_, _ = r.dec.ReadToken() // it was looked at
			lists++
			err = r.bytes()
		case isIndex:
			r.draft.data = r.draft.data[:0]
			if err = r.byteValue(); err == nil {
				indexed = append(indexed, index<<8|uint32(r.draft.data[0]))
			}
		default:
			err = r.dec.SkipValue()
		}
		if err != nil {
			return err
		}
	}
}

// indexOf reads the name of a byte: as JavaScript writes an index, and within what a stream takes.
func indexOf(name string) (uint32, bool) {
	i, err := strconv.ParseUint(name, 10, 24)
	return uint32(i), err == nil && i < wire.LargestRecord && strconv.FormatUint(i, 10) == name
}

// finishByteObject makes the data of the bytes by index.
func (r *reader) finishByteObject(lists int, indexed []uint32) {
	d := &r.draft
	switch {
	case lists+len(indexed) == 0:
		d.fail(errNoBytes)
	case lists > 1 || lists == 1 && len(indexed) > 0:
		d.fail(errors.New("data is an object with bytes in more than one place: write the right ones in base64"))
	}
	if len(indexed) == 0 {
		return
	}
	d.hasData, d.doubtful, d.data = true, true, d.data[:0]
	slices.Sort(indexed)
	for i, v := range indexed {
		if v>>8 != uint32(i) {
			d.fail(fmt.Errorf("data is an object of bytes by their index, of which %d is missing or comes twice: write it in base64 (Buffer.from(record.Data).toString('base64'))", i))
			return
		}
		d.data = append(d.data, byte(v))
	}
}

var errNoBytes = errors.New("data is an object that does not have the bytes, as a stream of .NET or a buffer of Java: " +
	"write them in base64 (Convert.ToBase64String(record.Data.ToArray()); Base64.getEncoder().encodeToString(bytes))")
