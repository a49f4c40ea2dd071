package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unsafe"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/hashkey"
	"github.com/kplkit/kplkit/internal/recordio"
	"github.com/kplkit/kplkit/seqnum"
)

// deaggregation is a run of kplkit deagg.
type deaggregation struct {
	decoder   deagg.Decoder
	probe     *deagg.Decoder // under strict: it looks at a stored record before anything of it is written
	hashRange hashkey.Range  // of records that do not bring theirs
	ancestors []hashkey.Range
	noRange   bool
	format    func(b []byte, u *deagg.UserRecord, shardID string) []byte
	raw       bool       // format writes no JSON
	tally     *tally     // nil: user records are written
	unwrap    *unwrapper // nil: they stay as they are
	closed    []error    // what it did not open
	out       *lineWriter
	report    func(error)      // of the input that is read
	user      deagg.UserRecord // that is written
	position  []byte           // of a record that was taken out of its aggregate before
	malformed int64            // of such records
	refused   int64            // the malformed aggregate at which strict ended
	leftOut   int64            // fields that could not be read
	source    *recordio.Source // that is read
	batch     deaggBatch
}

func newDeaggregation(o deaggOptions, out io.Writer) (*deaggregation, error) {
	d := &deaggregation{out: &lineWriter{w: out}, noRange: o.noRange}
	switch o.policy {
	case "lossless":
	case "strict":
		d.probe = new(deagg.Decoder)
	case "kcl":
		d.decoder.Policy = deagg.KCL
	default:
		return nil, fmt.Errorf("--policy %q: want lossless, strict or kcl", o.policy)
	}
	switch o.data {
	case "base64", "text":
		d.format = func(b []byte, u *deagg.UserRecord, shardID string) []byte {
			return recordio.AppendUserRecord(b, u, shardID, o.data == "text")
		}
	case "raw":
		d.raw = true
		d.format = func(b []byte, u *deagg.UserRecord, _ string) []byte {
			return append(append(b, u.Data...), '\n')
		}
	default:
		return nil, fmt.Errorf("--data %q: want base64, text or raw", o.data)
	}
	if o.after != "" {
		after, err := seqnum.ParseExtended(o.after)
		if err != nil {
			return nil, fmt.Errorf("--after: %w", err)
		}
		if doubt := doubtOf(after); doubt != "" {
			return nil, fmt.Errorf("--after %s: %s", o.after, doubt)
		}
		d.decoder.After = after
	}
	if o.stats {
		d.tally = new(tally)
	}
	if o.unwrap != nil {
		var err error
		if d.unwrap, err = newUnwrapper(o.unwrap); err != nil {
			return nil, err
		}
	}
	return d, d.parseRanges(o)
}

func (d *deaggregation) parseRanges(o deaggOptions) (err error) {
	if o.hashRange != "" {
		if d.hashRange, err = recordio.ParseRange(o.hashRange); err != nil {
			return fmt.Errorf("--range: %w", err)
		}
	}
	for _, text := range o.ancestors {
		r, err := recordio.ParseRange(text)
		if err != nil {
			return fmt.Errorf("--ancestor-range: %w", err)
		}
		d.ancestors = append(d.ancestors, r)
	}
	return nil
}

// run reads the inputs, writes their user records and then the counts.
func (d *deaggregation) run(ctx context.Context, s Streams, names []string, asJSON bool) error {
	var err error
	d.leftOut, err = readInputs(ctx, s, names, d.prepare, d.flush, d.record)
	d.source = nil
	failed := d.flush()
	stats := d.stats()
	if d.tally != nil {
		failed = d.writeTally(s.Out, stats, asJSON)
	}
	if failed != nil {
		err = failed // whatever else there was, it is told
	}
	for _, closed := range d.closed {
		fmt.Fprintf(s.Err, "kplkit: %v\n", closed)
	}
	d.writeStats(s.Err, stats, asJSON)
	if err == nil && (stats.Malformed > 0 || len(d.closed) > 0) {
		return errFindings
	}
	return err
}

// prepare says how an input is to be read.
func (d *deaggregation) prepare(src *recordio.Source) {
	src.Text = true
	d.report, d.source = src.Tell, src
	if _, isNumber := d.decoder.After.Number(); isNumber {
		src.Need = recordio.NeedPosition
	}
}

// record writes the user records of one record of an input.
func (d *deaggregation) record(r *recordio.Record) error {
	if d.collects(r) {
		return d.collect(r)
	}
	if err := d.writeBatch(); err != nil {
		return err
	}
	if r.Finished {
		return d.finishedRecord(r)
	}
	if !d.noRange {
		d.setRanges(r)
	}
	if d.beyond(r) {
		d.report(r.At(errors.New("--after lies beyond the end of this stored record, which can't be: all of it is written")))
		defer func(after seqnum.Extended) { d.decoder.After = after }(d.decoder.After)
		d.decoder.After = seqnum.Extended{}
	}
	if err := d.probeFor(r); err != nil {
		return err
	}
	if d.tally != nil {
		d.tally.stored(r, d.decoder.HashRange)
	}
	for u := range d.decoder.UserRecords(r.StoredRecord) {
		d.user = u // u itself would be allocated anew for each
		d.write(&d.user, r, d.decoder.HashRange)
		if d.out.err != nil {
			break
		}
	}
	return d.out.err
}

// beyond reports whether --after means a user record that its stored record does not have: it was not written for that.
func (d *deaggregation) beyond(r *recordio.Record) bool {
	after, ok := d.decoder.After.Number()
	if !ok || d.decoder.After.Whole() || r.SequenceNumber != after.String() {
		return false
	}
	a, err := deagg.Parse(r.StoredRecord)
	return err == nil && d.decoder.After.SubSequenceNumber() >= int64(max(a.Len(), 1)) || err != nil && d.decoder.After.SubSequenceNumber() > 0
}

// rangeOf returns the range of the shard of r: its own, or else the one of --range.
func (d *deaggregation) rangeOf(r *recordio.Record) hashkey.Range {
	switch {
	case d.noRange:
		return hashkey.Range{}
	case r.HasRange: // one that can't be read is unknown
		return r.HashRange
	}
	return d.hashRange
}

func (d *deaggregation) setRanges(r *recordio.Record) {
	d.decoder.HashRange, d.decoder.Ancestors = d.rangeOf(r), d.ancestors
	if r.HasAncestors {
		d.decoder.Ancestors = r.Ancestors
	}
}

// probeFor returns, under strict, what the Decoder would mark as malformed in r.
func (d *deaggregation) probeFor(r *recordio.Record) error {
	if d.probe == nil || !deagg.HasMagic(r.Data) {
		return nil
	}
	d.probe.HashRange, d.probe.Ancestors, d.probe.After = d.decoder.HashRange, d.decoder.Ancestors, d.decoder.After
	for u := range d.probe.UserRecords(r.StoredRecord) {
		if u.Malformed != nil {
			return d.refuse(r, u.Malformed)
		}
	}
	return nil
}

func (d *deaggregation) refuse(r *recordio.Record, malformed error) error {
	d.refused++
	return r.At(fmt.Errorf("malformed aggregate, --policy strict ends here: %w", malformed))
}

// finishedRecord writes a record that is a user record already, unless it is done. The Decoder judges it by its position
// alone, and counts it.
func (d *deaggregation) finishedRecord(r *recordio.Record) error {
	u := withoutDigits(r.UserRecord())
	d.position = append(append(d.position[:0], u.SequenceNumber...), ':')
	d.position = strconv.AppendInt(d.position, u.SubSequenceNumber, 10)
	judged := deagg.StoredRecord{SequenceNumber: unsafe.String(unsafe.SliceData(d.position), len(d.position))}
	if u.Malformed != nil && d.probe != nil {
		d.probe.After = d.decoder.After
		for range d.probe.UserRecords(judged) {
			return d.refuse(r, r.Malformed)
		}
	}
	for range d.decoder.UserRecords(judged) {
		if u.Malformed != nil {
			d.malformed++
		}
		d.write(&u, r, d.rangeOf(r))
	}
	return d.out.err
}
