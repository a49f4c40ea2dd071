package userview

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/internal/kinesisjson"
	"github.com/kplkit/kplkit/internal/position"
	"github.com/kplkit/kplkit/internal/wire"
)

// batch is the records of an answer or of an event on their way to the client.
type batch struct {
	in      kinesisjson.Answer
	stored  []deagg.StoredRecord
	data    []byte // of those that may be aggregates
	decoder deagg.Decoder
	numbers position.Numbers
	plain   bool   // its stored records are the user records as they are
	from    int    // the stored record at which the rest begins
	used    int    // how many stored records the last write took user records from
	prefix  string // of the number of the last user record that was written
	suffix  []byte // the rest of it
}

// read reads the records of a body. Data that may be an aggregate is decoded, into what buffer returns; all other stays as
// it came.
func (b *batch) read(body []byte, limit int, digits bool, buffer func(size int) []byte) error {
	if err := b.in.Read(body, limit); err != nil {
		return err
	}
	b.from, b.numbers.Digits, b.plain, b.data = 0, digits, !digits, nil
	room := 0
	for i := range b.in.Records {
		if r := &b.in.Records[i]; b.mayBeApart(r) {
			b.plain = false
			room += r.DataLen()
		}
	}
	if room > 0 {
		if b.data = buffer(room); b.data == nil {
			return errBusy
		}
	}
	return b.store()
}

// mayBeApart says whether a record is more than what is written as it came.
func (b *batch) mayBeApart(r *kinesisjson.Record) bool {
	return b.numbers.Digits || r.MayBegin([]byte(wire.Magic)) || positional(r.SequenceNumber)
}

// store makes stored records of those that were read.
func (b *batch) store() (err error) {
	b.stored = slices.Grow(b.stored[:0], len(b.in.Records))
	for i := range b.in.Records {
		r := &b.in.Records[i]
		s := deagg.StoredRecord{SequenceNumber: r.SequenceNumber, PartitionKey: r.PartitionKey}
		if !b.plain && b.mayBeApart(r) {
			from := len(b.data)
			if b.data, err = r.AppendData(b.data); err != nil {
				return fmt.Errorf("%w: data that is not base64", kinesisjson.ErrUnusual)
			}
			s.Data = b.data[from:len(b.data):len(b.data)]
		}
		b.stored = append(b.stored, s)
	}
	return nil
}

// number returns that of the last user record that was written.
func (b *batch) number() string { return b.prefix + string(b.suffix) }

// forget makes b ready for another body. It pins nothing then.
func (b *batch) forget() {
	b.in.Forget()
	b.decoder.Reset()
	clear(b.stored)
	b.data, b.prefix, b.numbers = nil, "", position.Numbers{}
}

// positional reports whether a number may be a position that another proxy has written.
func positional(number string) bool {
	const digits = 65
	return len(number) == digits || strings.Contains(number, ":")
}
