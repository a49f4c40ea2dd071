package recordio

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unsafe"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/hashkey"
	"github.com/kplkit/kplkit/seqnum"
)

// draft collects the fields of a record until its object ends. Its buffers serve one record after the other.
//
// What can't be read of them is left out, and the record goes on without it: only its data it can't do without, and
// what the Source Needs.
type draft struct {
	need         Need
	prints       bool                 // of the Source
	texts        [recordsField][]byte // by field; nil where absent
	data         []byte
	hasData      bool
	doubtful     bool // the data may be something else
	batch        bool // it has Lambda's KinesisBatchInfo
	notAggregate bool // "aggregated": false
	last         bool
	ancestors    []hashkey.Range
	hasAncestors bool
	rangeLost    bool // a part of its ranges can't be read
	left         []omission
	err          error // the first thing that makes the record useless

	partitionKey    []byte // decoded from base64
	explicitHashKey []byte // likewise
	ranges          rangeCache
}

// omission is a field that can't be read. It is put into words only where it is told.
type omission struct {
	field field
	text  []byte // what the field has, or nil
	why   string
}

func (o omission) Error() string {
	if o.text == nil {
		return fmt.Sprintf("%s %s", fieldNames[o.field], o.why)
	}
	return fmt.Sprintf("%s %.60q %s", fieldNames[o.field], o.text, o.why)
}

func (d *draft) reset() {
	d.texts = [recordsField][]byte{}
	d.hasData, d.doubtful, d.batch, d.notAggregate, d.last = false, false, false, false, false
	d.ancestors, d.hasAncestors, d.rangeLost, d.left, d.err = d.ancestors[:0], false, false, d.left[:0], nil
}

func (d *draft) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

// leaveOut drops what can't be read of a field, unless the record is of no use without it.
func (d *draft) leaveOut(f field, text []byte, why string) {
	if d.need.has(f) {
		d.fail(omission{f, bytes.Clone(text), why}) // an error may be kept
		return
	}
	d.rangeLost = d.rangeLost || f == startingHashKeyField || f == endingHashKeyField || f == ancestorsField
	d.left = append(d.left, omission{f, text, why})
}

// set takes a field whose value is no object and no array. kind is the first character of the value; text is what
// stands in a string, or the value itself. Other than the data, text has to stay as it is until the record is done with.
func (d *draft) set(f field, kind byte, text []byte) {
	isText := kind == '"'
	switch {
	case kind == 'n': // null is as good as absent
	case f == dataField && isText:
		d.hasData, d.doubtful = true, false
		var err error
		if d.data, err = decodeData(d.data[:0], text); err != nil {
			d.fail(fmt.Errorf("data: %w", err))
		}
	case f == dataField:
		d.fail(errors.New("data is neither a string nor a list of bytes"))
	case f == aggregatedField && (kind == 't' || kind == 'f'):
		d.notAggregate = kind == 'f'
	case f == lastField && (kind == 't' || kind == 'f'):
		d.last = kind == 't'
	case f == malformedField && !isText: // a word of somebody else's
	case f == ancestorsField:
		d.hasAncestors = true
		d.leaveOut(f, nil, "is not a list of texts START-END")
	case f == aggregatedField || f == lastField:
		d.leaveOut(f, text, "is neither true nor false")
	case isText, f == startingHashKeyField, f == endingHashKeyField, kind == '0' && isNumeric(f, text):
		d.setText(f, text)
	case f == sequenceNumberField && kind == '0' && bytes.ContainsAny(text, ".eE"):
		d.leaveOut(f, text, "was rounded by a program that took it for a floating-point number")
	case f == sequenceNumberField && kind == '0':
		d.leaveOut(f, text, "is not a sequence number")
	case f == arrivalField:
		d.leaveOut(f, text, notATime)
	case f == subSequenceNumberField:
		d.leaveOut(f, text, notASub)
	default:
		d.leaveOut(f, text, "is not a string")
	}
}

const (
	notATime = "is neither a number since 1970 nor a time with its zone"
	notASub  = "is not a number of 0 to 2^63-1"
)

// setText takes the text of a field. Which of two was meant can't be told; only of times the inner one is that of
// Kinesis, as in Firehose's events.
func (d *draft) setText(f field, text []byte) {
	before := d.texts[f]
	switch {
	case f == envelopeField && isDocument(before) && !isDocument(text):
		return
	case f == envelopeField && isDocument(before):
		d.fail(errors.New("two documents in one object (as payload and body): write each as an object of its own"))
	case before == nil, bytes.Equal(before, text), f == arrivalField, f == envelopeField:
	default:
		d.leaveOut(f, text, fmt.Sprintf("comes after another one, %.60q, in the same object", before))
		text = nil
	}
	d.texts[f] = text
}

// isNumeric reports whether a number is as good as the text of it.
func isNumeric(f field, text []byte) bool {
	return f == arrivalField || f == subSequenceNumberField || f == sequenceNumberField && isDigits(alias(text))
}

// finish makes the record of what was collected.
func (d *draft) finish(r *Record) error {
	switch {
	case d.hasData && isDocument(d.texts[envelopeField]):
		d.leaveOut(envelopeField, nil, "holds a document beside data, which is not read")
	case !d.hasData:
		d.fail(d.noData())
	}
	d.checkDoubt()
	*r = Record{
		StoredRecord: deagg.StoredRecord{
			SequenceNumber: d.text(sequenceNumberField),
			PartitionKey:   d.text(partitionKeyField),
			Data:           d.data,
			ArrivalTime:    d.arrival(),
		},
		ShardID:         d.text(shardIDField),
		ExplicitHashKey: d.text(explicitHashKeyField),
		Last:            d.last,
		Ancestors:       d.ancestors,
		HasAncestors:    d.hasAncestors,
		UserLine:        d.notAggregate || d.texts[subSequenceNumberField] != nil,
		memory:          &d.data,
	}
	if id, _, ok := strings.Cut(d.text(eventIDField), ":"); ok && r.ShardID == "" {
		r.ShardID = id
	}
	if d.err == nil && !r.UserLine && isEncodedTwice(d.data) {
		d.err = errEncodedTwice
	}
	d.decodeKey(partitionKeyBase64Field, &d.partitionKey, &r.PartitionKey)
	d.decodeKey(explicitHashKeyBase64Field, &d.explicitHashKey, &r.ExplicitHashKey)
	d.finishRange(r)
	d.finishSubSequenceNumber(r)
	d.checkPosition(r)
	return d.err
}

// text returns a field as a string that shares its memory, "" where it is absent.
func (d *draft) text(f field) string { return alias(d.texts[f]) }

func alias(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// decodeKey sets key to what the field f holds in base64, if it is there.
func (d *draft) decodeKey(f field, buf *[]byte, key *string) {
	text := d.texts[f]
	if text == nil {
		return
	}
	var err error
	if *buf, err = decodeBase64((*buf)[:0], text); err != nil {
		d.leaveOut(f, text, "is "+err.Error())
		return
	}
	*key = alias(*buf)
}

// finishSubSequenceNumber tells finished user records from stored ones. Firehose has an empty sub-sequence number
// for what was no aggregate.
func (d *draft) finishSubSequenceNumber(r *Record) {
	text := d.text(subSequenceNumberField)
	if text == "" || d.notAggregate {
		return
	}
	sub, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		d.leaveOut(subSequenceNumberField, d.texts[subSequenceNumberField], notASub)
		return
	}
	r.Finished, r.SubSequenceNumber, r.Malformed = true, int64(sub), malformedAs(d.text(malformedField))
}

// checkPosition fails a record without a number where one is needed.
func (d *draft) checkPosition(r *Record) {
	switch {
	case d.err != nil || !d.need.has(sequenceNumberField):
	case r.SequenceNumber == "":
		d.fail(errors.New(`no sequence number, which a position needs (looked for "sequence_number", "SequenceNumber", "sequenceNumber")`))
	default:
		if _, err := seqnum.ParseExtended(r.SequenceNumber); err != nil {
			d.fail(err)
		}
	}
}
