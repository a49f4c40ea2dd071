package cli

import (
	"unsafe"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/internal/recordio"
)

// Many stored records together cost a Decoder less than one by one. So what is usual waits here, as long as nobody waits for it:
// before a read that may take long, it is written.
type deaggBatch struct {
	stored []deagg.StoredRecord
	shards []string // by stored record
	texts  []byte   // where their strings are
	spare  [][]byte // memory for data
	size   int      // of the data and texts
}

// A batch that has either of these is written: more makes nothing faster, and would leave the processor's cache.
const (
	batchRecords = 256
	batchSize    = 1 << 20
)

// collects reports whether r can wait for others: what becomes of it hangs on nothing that is looked at record by record.
func (d *deaggregation) collects(r *recordio.Record) bool {
	return !r.Finished && !r.HasAncestors && d.ancestors == nil && !d.decoder.After.IsValid() && d.probe == nil && d.tally == nil && d.unwrap == nil
}

// collect takes r into the batch, whose records are all of one range and without ancestors: those of a record that did not
// wait, just before, are not theirs.
func (d *deaggregation) collect(r *recordio.Record) error {
	if hashes := d.rangeOf(r); hashes != d.decoder.HashRange || d.decoder.Ancestors != nil {
		if err := d.writeBatch(); err != nil {
			return err
		}
		d.decoder.HashRange, d.decoder.Ancestors = hashes, nil
	}
	b := &d.batch
	var spare []byte
	if n := len(b.spare); n > 0 {
		spare, b.spare = b.spare[n-1], b.spare[:n-1]
	}
	b.stored = append(b.stored, deagg.StoredRecord{
		SequenceNumber: b.keep(r.SequenceNumber), PartitionKey: b.keep(r.PartitionKey), Data: r.TakeData(spare), ArrivalTime: r.ArrivalTime,
	})
	b.shards = append(b.shards, b.keep(r.ShardID))
	if b.size += len(r.Data) + len(r.SequenceNumber) + len(r.PartitionKey) + len(r.ShardID); b.size >= batchSize || len(b.stored) >= batchRecords {
		return d.writeBatch()
	}
	return nil
}

// keep returns a copy of text that is good until the batch is written: where texts grows, the memory before stays.
func (b *deaggBatch) keep(text string) string {
	from := len(b.texts)
	b.texts = append(b.texts, text...)
	return unsafe.String(unsafe.SliceData(b.texts[from:]), len(text))
}

// writeBatch writes the user records of what waits.
func (d *deaggregation) writeBatch() error {
	b := &d.batch
	d.decoder.Each(b.stored, func(i int, u *deagg.UserRecord) bool {
		d.out.buf = d.format(d.out.buf, u, b.shards[i])
		d.out.lineDone()
		return d.out.err == nil
	})
	for i := range b.stored {
		if data := b.stored[i].Data; cap(data) <= batchSize/4 { // else it may keep more than anybody needs
			b.spare = append(b.spare, data)
		}
	}
	clear(b.stored)
	clear(b.shards)
	b.stored, b.shards, b.texts, b.size = b.stored[:0], b.shards[:0], b.texts[:0], 0
	if cap(b.texts) > 2*batchSize {
		b.texts = nil // likewise
	}
	return d.out.err
}

// flush is called before each read. That of a file's rest does not wait.
func (d *deaggregation) flush() error {
	if d.source != nil && d.source.Consumed() < d.source.Size {
		return d.out.err
	}
	_ = d.writeBatch() // its error stays with out
	return d.out.Flush()
}
