package userview

import (
	"fmt"
	"strings"
	"unsafe"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/internal/kinesisjson"
	"github.com/kplkit/kplkit/internal/position"
	"github.com/kplkit/kplkit/internal/proxy"
	"github.com/kplkit/kplkit/internal/wire"
	"github.com/kplkit/kplkit/seqnum"
)

// batch is the records of an answer or of an event on their way to the client.
type batch struct {
	in      kinesisjson.Answer
	stored  []deagg.StoredRecord
	decoder deagg.Decoder
	numbers position.Numbers
	plain   bool   // its stored records are the user records as they are
	from    int    // the stored record at which the rest begins
	used    int    // how many stored records the last write took user records from
	number  []byte // of the last user record that was written
}

// read reads the records of a body. Data is decoded where it may be an aggregate, and else left as it came.
func (b *batch) read(body []byte, limit int, digits bool) error {
	if err := b.in.Read(body, limit); err != nil {
		return err
	}
	b.stored, b.from, b.numbers.Digits, b.plain = b.stored[:0], 0, digits, !digits
	room := 0
	for i := range b.in.Records {
		r := &b.in.Records[i]
		s := deagg.StoredRecord{SequenceNumber: r.SequenceNumber, PartitionKey: r.PartitionKey}
		if digits || r.MayBegin([]byte(wire.Magic)) || positional(r.SequenceNumber) { // else it is written as it came
			s.Data, b.plain = []byte{}, false // is decoded below
			room += r.DataLen()
		}
		b.stored = append(b.stored, s)
	}
	data := make([]byte, 0, room)
	for i := range b.stored {
		if b.stored[i].Data == nil {
			continue
		}
		from, err := len(data), error(nil)
		if data, err = b.in.Records[i].AppendData(data); err != nil {
			return fmt.Errorf("%w: data that is not base64", kinesisjson.ErrUnusual)
		}
		b.stored[i].Data = data[from:len(data):len(data)]
	}
	return nil
}

// positional reports whether a number may be a position that another proxy has written.
func positional(number string) bool {
	const digits = 65
	return len(number) == digits || strings.Contains(number, ":")
}

// write writes user records from the rest on: at most users of them, if that is not 0, and about so many bytes, but one at
// least. done says that there is no rest; else after is the position of the last one that was written. It counts what it
// writes.
func (b *batch) write(w *kinesisjson.Writer, users, bytes int, m *proxy.Metrics) (done bool, after seqnum.Extended, err error) {
	n, at, first := 0, -1, b.from
	b.used = 0
	dropped := b.decoder.Stats().Dropped
	defer func() {
		m.UserRecords.Add(uint64(n))
		m.StoredRecords.Add(uint64(b.from - first))
		m.Dropped.Add(uint64(b.decoder.Stats().Dropped - dropped))
	}()
	for i, u := range b.decoder.All(b.stored[first:]) {
		i += first
		if i != at {
			if err := b.numbers.Begin(b.stored[i].SequenceNumber, &u); err != nil {
				return false, after, err
			}
			at = i
			b.used++
		}
		if n > 0 && (n == users || w.Len()+sizeOf(&u) > bytes) {
			if after, err = seqnum.ParseExtended(string(b.number)); err == nil {
				b.from = i
				dropped += b.droppedOf(i)
				return false, after, nil
			}
			if w.Len() > bytes {
				return false, after, fmt.Errorf("%w: too many user records, and numbers that are no positions", kinesisjson.ErrUnusual)
			}
		}
		if u.Malformed != nil {
			m.Malformed.Add(1)
		}
		b.add(w, i, &u)
		n++
	}
	b.from = len(b.stored)
	return true, after, nil
}

// droppedOf returns how many user records of a stored record are dropped. They count once it is done, and the Decoder has
// counted them with each of its parts.
func (b *batch) droppedOf(i int) int64 {
	d := deagg.Decoder{HashRange: b.decoder.HashRange, Ancestors: b.decoder.Ancestors}
	if d.HashRange.IsValid() {
		for range d.UserRecords(b.stored[i]) {
			break
		}
	}
	return d.Stats().Dropped
}

// sizeOf returns about how many bytes a user record takes in JSON.
func sizeOf(u *deagg.UserRecord) int { return len(u.Data)/3*4 + len(u.PartitionKey) + 256 }

// add writes a user record of the stored record i.
func (b *batch) add(w *kinesisjson.Writer, i int, u *deagg.UserRecord) {
	stored := &b.in.Records[i]
	how := b.numbers.How(u, deagg.HasMagic(u.Data))
	switch how {
	case position.Same:
		b.number = append(b.number[:0], stored.SequenceNumber...)
	case position.Bare:
		b.number = append(b.number[:0], b.numbers.Sequence...)
	default:
		b.number = b.numbers.Append(b.number[:0], how, u.SubSequenceNumber)
	}
	if how == position.Same && !u.Aggregated {
		w.Record(stored) // as it came
		return
	}
	key := stored.PartitionKey
	if u.Aggregated && !b.numbers.Finished {
		key = u.PartitionKey
	}
	data := u.Data
	w.UserRecord(stored, unsafe.String(unsafe.SliceData(b.number), len(b.number)), key, data)
}
