package producer

import (
	"math"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/kplkit/kplkit/internal/wire"
	"github.com/kplkit/kplkit/producer/aggregator"
)

// filling is the stored record that a lane fills. Its user records are encoded together, when it is due or may be full, and not
// one by one as they come: there may be ten thousand lanes, and so one encoder, which stays in the processor's cache, does for
// nearly all of them. What waits takes no memory but the caller's until then.
type filling struct {
	records []*pending
	size    int                 // of their aggregate, at most
	encoder *aggregator.Encoder // nil: nothing is encoded yet
	encoded int                 // how many of records encoder holds
	usual   int                 // how many records there were the last time
}

// encoders are of all producers.
var encoders = sync.Pool{New: func() any { return &aggregator.Encoder{MaxBytes: math.MaxInt} }}

// add adds a record, or reports false if the aggregate would exceed a limit with it. The first record always fits.
func (f *filling) add(e *pending, maxBytes int, maxCount uint32) bool {
	size := max(f.size, wire.Overhead) + f.growth(e)
	if len(f.records) > 0 {
		if size > maxBytes { // or less, since keys that come again are stored once
			f.encode()
			size = f.encoder.SizeWith(e.Record)
		}
		if size > maxBytes || uint64(len(f.records)) >= uint64(maxCount) {
			return false
		}
	}
	if f.records == nil {
		f.records = make([]*pending, 0, min(f.usual, 512)) // more grows: it would be memory that no buffer counts
	}
	f.records, f.size = append(f.records, e), size
	return true
}

// growth is by how much a record makes the aggregate larger if its keys are new in it: else by less.
func (f *filling) growth(e *pending) int {
	const tag = 1
	index := tag + protowire.SizeVarint(uint64(len(f.records)))
	body := index + tag + protowire.SizeBytes(len(e.Data))
	tables := tag + protowire.SizeBytes(len(e.PartitionKey))
	if e.ExplicitHashKey != "" {
		body += index
		tables += tag + protowire.SizeBytes(len(e.ExplicitHashKey))
	}
	return tables + tag + protowire.SizeBytes(body)
}

// encode encodes the records that are not yet.
func (f *filling) encode() {
	if f.encoder == nil {
		f.encoder = encoders.Get().(*aggregator.Encoder)
	}
	for _, e := range f.records[f.encoded:] {
		_, _ = f.encoder.Add(e.Record) // it is admissible, and the encoder has no limits
	}
	f.encoded = len(f.records)
}

// empty forgets the records.
func (f *filling) empty() {
	if f.encoder != nil {
		f.encoder.Reset()
		encoders.Put(f.encoder)
	}
	*f = filling{usual: len(f.records)}
}
