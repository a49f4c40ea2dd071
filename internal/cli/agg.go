package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sort"

	"github.com/spf13/cobra"

	"github.com/kplkit/kplkit/deagg/hashkey"
	"github.com/kplkit/kplkit/internal/recordio"
	"github.com/kplkit/kplkit/internal/wire"
	"github.com/kplkit/kplkit/producer/aggregator"
)

// roomForKey is taken off the size of aggregates near the limit of a stream: 256 characters of 4 bytes.
const roomForKey = 1 << 10

// maxHeld is how much all aggregates that are being filled may hold together. With their key tables they need up to a
// few times of it, where keys are many and data is little.
const maxHeld = 256 << 20

// aggOptions are the flags of kplkit agg.
type aggOptions struct {
	shards, maxBytes int
	maxCount         uint32
	strict           bool
}

func newAgg(s Streams) *cobra.Command {
	var o aggOptions
	cmd := &cobra.Command{
		Use:   "agg [FILE…]",
		Short: "Packs user records into the KPL's aggregated records",
		Long: `Packs user records into stored records, byte for byte as the Kinesis Producer Library does: several become an
aggregated record, one that stays alone is plain. It is the inverse of 'kplkit deagg'.

In: JSON lines with partition_key, explicit_hash_key (null or absent for none) and data (base64), from files or
stdin (-), packed by gzip or not.

Out: a JSON object a line with v, partition_key, explicit_hash_key and data, ready to be put in this order; with several
shards shard_id, too. The order of the user records is kept in each shard. An aggregate goes under its first user
record's partition key and hash key. Counts follow on stderr. As in a stream, a plain record gives its explicit hash
key to the put only: 'kplkit deagg' does not find it again.

All user records of an aggregate belong to one shard. --shards N stands for a stream of N shards as it is created, with
equal hash key ranges; on any other stream the Java KCL drops aggregates that hold user records of several shards.

Stored records among them (data that is an aggregate, or a sequence number that is not of deagg's lines) are packed, with
a warning that names the way: an aggregate in an aggregate is lost on any consumer. With --strict they are an error.

A user record that does not fit an aggregate comes plain. One that a stream does not take (partition key, explicit
hash key, or more than 1 MiB of data and partition key) is refused, the rest goes on, and the exit code is 1.`,
		Example: `  kplkit agg user-records.jsonl
  kplkit deagg capture.jsonl.gz | kplkit agg --shards 4 --max-count 100`,
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := newAggregation(o, s)
			if err != nil {
				return usageError{err}
			}
			return a.run(cmd.Context(), args, jsonFlag(cmd))
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.shards, "shards", 1, "number `N` of shards with equal hash key ranges")
	f.IntVar(&o.maxBytes, "max-bytes", aggregator.DefaultMaxBytes,
		"bytes of an aggregate at most; more than 1 MiB says that the stream takes records of that size, key included")
	f.Uint32Var(&o.maxCount, "max-count", aggregator.DefaultMaxCount, "user records of an aggregate at most")
	f.BoolVar(&o.strict, "strict", false, strictUsage)
	return cmd
}

// aggregation is a run of kplkit agg.
type aggregation struct {
	s         Streams
	out       *lineWriter
	ranges    []hashkey.Range
	encoders  []aggregator.Encoder // one per shard
	maxRecord int
	data      []byte // scratch of the record that is being written
	nested    nesting
	refusals  folding
	counts    aggCounts
}

// aggCounts is what a run did. User records count when they are written; lines that did not read are in none.
type aggCounts struct{ user, stored, aggregated, refused int64 }

func newAggregation(o aggOptions, s Streams) (*aggregation, error) {
	switch {
	case o.maxBytes < 1 || o.maxBytes > wire.LargestRecord:
		return nil, fmt.Errorf("--max-bytes %d: want 1 to %d", o.maxBytes, wire.LargestRecord)
	case o.maxCount < 1:
		return nil, errors.New("--max-count 0: want 1 or more")
	}
	// Smaller aggregates allow no more shards: each has its buffers anyway.
	if most := maxHeld / max(o.maxBytes, aggregator.DefaultMaxBytes); o.shards < 1 || o.shards > most {
		return nil, fmt.Errorf("--shards %d: want 1 to %d with --max-bytes %d", o.shards, most, o.maxBytes)
	}
	a := &aggregation{s: s, out: &lineWriter{w: s.Out}, maxRecord: max(wire.UsualRecord, o.maxBytes)}
	tell := func(err error) { fmt.Fprintf(s.Err, "kplkit: %v\n", err) }
	a.nested, a.refusals = nesting{strict: o.strict, meant: "kplkit agg", tell: tell}, folding{tell: tell}
	a.ranges, a.encoders = hashkey.Whole().Split(o.shards), make([]aggregator.Encoder, o.shards)
	for i := range a.encoders {
		a.encoders[i].MaxBytes = min(o.maxBytes, a.maxRecord-roomForKey)
		a.encoders[i].MaxCount = o.maxCount
	}
	return a, nil
}

// run packs the inputs, and what is left in the end, even if that came early: it was read.
func (a *aggregation) run(ctx context.Context, names []string, asJSON bool) error {
	_, err := readInputs(ctx, a.s, names, func(src *recordio.Source) { src.Need = recordio.NeedKeys }, a.out.Flush, a.record)
	for shard := range a.encoders {
		a.put(shard)
	}
	if failed := a.out.Flush(); failed != nil {
		err = failed // whatever else there was, it is told
	}
	a.refusals.end()
	a.counts.write(a.s.Err, asJSON)
	if err == nil && a.counts.refused > 0 {
		return errReported
	}
	return err
}

// record adds a user record to its shard's aggregate, or refuses it.
func (a *aggregation) record(r *recordio.Record) error {
	if err := a.nested.check(r); err != nil {
		return r.At(err)
	}
	u := aggregator.Record{PartitionKey: r.PartitionKey, ExplicitHashKey: r.ExplicitHashKey, Data: r.Data}
	key, err := u.HashKey()
	if size := len(u.PartitionKey) + len(u.Data); err == nil && size > a.maxRecord {
		err = fmt.Errorf("user record has %d bytes with its partition key, a stream takes %d", size, a.maxRecord)
	}
	if err != nil {
		a.counts.refused++
		a.refusals.add(r.At(fmt.Errorf("%w, refused", err)))
		return nil
	}
	return a.add(a.shard(key), u)
}

// shard returns the index of the shard that owns a hash key.
func (a *aggregation) shard(key hashkey.Key) int {
	return sort.Search(len(a.ranges), func(i int) bool { return key.Compare(a.ranges[i].End()) <= 0 })
}

// add puts what the shard holds first if u does not fit. What is larger than an aggregate goes past the Encoder, which
// would keep the memory for it.
func (a *aggregation) add(shard int, u aggregator.Record) error {
	e := &a.encoders[shard]
	if len(u.Data) >= e.MaxBytes {
		a.put(shard)
		a.write(shard, u, 1)
		return a.out.err
	}
	fitted, err := e.Add(u)
	if err == nil && !fitted {
		a.put(shard)
		_, err = e.Add(u) // an empty Encoder takes any user record
	}
	return errors.Join(err, a.out.err)
}

// put writes what a shard holds as a stored record.
func (a *aggregation) put(shard int) {
	e := &a.encoders[shard]
	if e.Len() == 0 {
		return
	}
	partitionKey, explicitHashKey := e.Keys()
	a.data = e.AppendTo(a.data[:0])
	a.write(shard, aggregator.Record{PartitionKey: partitionKey, ExplicitHashKey: explicitHashKey, Data: a.data}, e.Len())
	e.Reset()
}

// write writes a stored record that holds n user records.
func (a *aggregation) write(shard int, stored aggregator.Record, n int) {
	b := append(a.out.buf, `{"v":1`...)
	if len(a.encoders) > 1 {
		b = fmt.Appendf(b, `,"shard_id":"shardId-%012d"`, shard)
	}
	b = recordio.AppendText(b, `,"partition_key":`, stored.PartitionKey)
	if stored.ExplicitHashKey == "" {
		b = append(b, `,"explicit_hash_key":null`...)
	} else {
		b = recordio.AppendText(b, `,"explicit_hash_key":`, stored.ExplicitHashKey)
	}
	b = recordio.AppendBase64(append(b, `,"data":`...), stored.Data)
	a.out.buf = append(b, "}\n"...)
	a.out.lineDone()
	a.counts.user += int64(n)
	a.counts.stored++
	if n > 1 {
		a.counts.aggregated++
	}
}

func (c aggCounts) write(w io.Writer, asJSON bool) {
	format := "user %d, stored %d, aggregated %d, refused %d\n"
	if asJSON {
		format = `{"v":1,"user":%d,"stored":%d,"aggregated":%d,"refused":%d}` + "\n"
	}
	fmt.Fprintf(w, format, c.user, c.stored, c.aggregated, c.refused)
}
