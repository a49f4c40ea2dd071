package userview

import (
	"fmt"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/internal/kinesisjson"
	"github.com/kplkit/kplkit/internal/position"
	"github.com/kplkit/kplkit/internal/proxy"
	"github.com/kplkit/kplkit/seqnum"
)

// writing is user records of a batch on their way into one answer, or into one event.
type writing struct {
	*batch
	*kinesisjson.Writer
	more  func(n int) error // makes room for n bytes; nil: the Writer does
	users int               // at most, if that is not 0
	bytes int               // about so many at most, but one user record at least

	n     int             // user records that were written
	at    int             // the stored record that they come out of now
	after seqnum.Extended // the position of the last one, where there is a rest
}

// write writes user records from the rest on. done says that there is no rest. It counts what it writes.
func (b *writing) write(m *proxy.Metrics) (done bool, err error) {
	first, dropped := b.from, b.decoder.Stats().Dropped
	b.at, b.used, done = -1, 0, true
	b.decoder.Each(b.stored[first:], func(i int, u *deagg.UserRecord) bool {
		if done, err = b.user(first+i, u); done && u.Malformed != nil {
			m.Malformed.Add(1)
		}
		return done
	})
	switch {
	case done:
		b.from = len(b.stored)
	case err == nil:
		dropped += b.droppedOf(b.from)
	}
	m.UserRecords.Add(uint64(b.n))
	m.StoredRecords.Add(uint64(b.from - first))
	m.Dropped.Add(uint64(b.decoder.Stats().Dropped - dropped))
	return done, err
}

// user writes a user record of the stored record i. Where it does not, without an error, the rest begins with it.
func (b *writing) user(i int, u *deagg.UserRecord) (written bool, err error) {
	if i != b.at {
		if err := b.numbers.Begin(b.stored[i].SequenceNumber, u); err != nil {
			return false, err
		}
		b.at = i
		b.used++
	}
	size := b.sizeOf(i, u)
	if b.n > 0 && (b.n == b.users || b.Len()+size > b.bytes) {
		if b.after, err = seqnum.ParseExtended(b.number()); err == nil {
			b.from = i
			return false, nil
		}
		if b.Len() > b.bytes {
			return false, fmt.Errorf("%w: too many user records, and numbers that are no positions", kinesisjson.ErrUnusual)
		}
	}
	if b.more != nil && size > b.Room() {
		if err := b.more(size); err != nil {
			return false, err
		}
	}
	b.add(i, u)
	b.n++
	return true, nil
}

// sizeOf returns about how many bytes a user record takes in JSON.
func (b *batch) sizeOf(i int, u *deagg.UserRecord) int {
	const around = 256
	if !u.Aggregated {
		return b.in.Records[i].Len() + around
	}
	return len(u.Data)/3*4 + len(u.PartitionKey) + around
}

// add writes a user record of the stored record i.
func (b *writing) add(i int, u *deagg.UserRecord) {
	stored := &b.in.Records[i]
	how := b.numbers.How(u, deagg.HasMagic(u.Data))
	if how == position.Same {
		b.prefix, b.suffix = stored.SequenceNumber, b.suffix[:0]
	} else {
		b.prefix, b.suffix = b.numbers.Sequence, b.numbers.AppendSuffix(b.suffix[:0], how, u.SubSequenceNumber)
	}
	if how == position.Same && !u.Aggregated {
		b.Record(stored) // as it came
		return
	}
	key := stored.PartitionKey
	if u.Aggregated && !b.numbers.Finished {
		key = u.PartitionKey
	}
	b.UserRecord(stored, b.prefix, b.suffix, key, u.Data)
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
