package recordio

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/hashkey"
)

// Record is one record of an input. Its strings and data are valid until the next one is read.
type Record struct {
	deagg.StoredRecord
	ShardID      string          // "" where the input has none
	HashRange    hashkey.Range   // of the shard; zero where the input has none
	Ancestors    []hashkey.Range // as far as HasAncestors
	HasAncestors bool
	File         string // the Source's Name
	Line         int    // where it begins there, from 1

	ExplicitHashKey string // "" where the input has none

	// Finished says that the record was taken out of its aggregate before, and has what follows.
	Finished          bool
	SubSequenceNumber int64
	Last              bool
	Malformed         error // what was wrong with it, one of deagg's kinds, for one that is counted again
}

// At returns err with the place of r, as a *LineError.
func (r *Record) At(err error) error { return &LineError{r.File, r.Line, err} }

// UserRecord returns a Finished record as the user record that it is. It shares the memory of r.
func (r *Record) UserRecord() deagg.UserRecord {
	u := deagg.UserRecord{
		SequenceNumber:    r.SequenceNumber,
		SubSequenceNumber: r.SubSequenceNumber,
		PartitionKey:      r.PartitionKey,
		ExplicitHashKey:   r.ExplicitHashKey,
		Data:              r.Data,
		ArrivalTime:       r.ArrivalTime,
		Aggregated:        true,
		Last:              r.Last,
	}
	if r.Malformed != nil {
		u.Malformed = &deagg.FormatError{SequenceNumber: u.SequenceNumber, SubSequenceNumber: u.SubSequenceNumber, Offset: -1, Err: r.Malformed}
	}
	return u
}

// field is what a key of a JSON object means in the forms that are read.
type field uint8

const (
	otherField field = iota
	sequenceNumberField
	subSequenceNumberField
	partitionKeyField
	partitionKeyBase64Field
	explicitHashKeyField
	explicitHashKeyBase64Field
	dataField
	arrivalField
	shardIDField
	eventIDField // of Lambda: SHARD-ID:SEQUENCE-NUMBER
	startingHashKeyField
	endingHashKeyField
	ancestorsField
	aggregatedField
	lastField
	malformedField
	recordIDField // of Firehose and Kinesis Data Analytics: times are in milliseconds
	recordsField  // an array of records
	nestedField   // an object with more of the record's fields
	metadataField // the same, with times in milliseconds
)

// fieldOf knows the keys of all forms: ours in snake_case, those of the Kinesis API, and those of Lambda's events.
func fieldOf(key []byte) field {
	switch string(key) {
	case "sequence_number", "SequenceNumber", "sequenceNumber":
		return sequenceNumberField
	case "sub_sequence_number", "subsequenceNumber", "subSequenceNumber":
		return subSequenceNumberField
	case "partition_key", "PartitionKey", "partitionKey":
		return partitionKeyField
	case "partition_key_base64":
		return partitionKeyBase64Field
	case "explicit_hash_key":
		return explicitHashKeyField
	case "explicit_hash_key_base64":
		return explicitHashKeyBase64Field
	case "data", "Data":
		return dataField
	case "approximate_arrival_timestamp", "ApproximateArrivalTimestamp", "approximateArrivalTimestamp":
		return arrivalField
	case "shard_id", "ShardId", "shardId":
		return shardIDField
	case "eventID":
		return eventIDField
	case "starting_hash_key":
		return startingHashKeyField
	case "ending_hash_key":
		return endingHashKeyField
	case "ancestor_ranges":
		return ancestorsField
	case "aggregated":
		return aggregatedField
	case "last":
		return lastField
	case "malformed":
		return malformedField
	case "recordId":
		return recordIDField
	case "Records", "records":
		return recordsField
	case "kinesis":
		return nestedField
	case "kinesisRecordMetadata", "kinesisStreamRecordMetadata", "kinesisFirehoseRecordMetadata":
		return metadataField
	}
	return otherField
}

// draft collects the fields of a record until its object ends. Its buffers serve one record after the other.
type draft struct {
	texts        [nestedField][]byte // by field; nil where absent
	data         []byte
	hasData      bool
	milliseconds bool // the unit of the time of arrival
	arrivalText  bool // it is an ISO 8601 text
	notAggregate bool // "aggregated": false
	last         bool
	ancestors    []hashkey.Range
	hasAncestors bool
	err          error // the first thing that is wrong with the record

	partitionKey    []byte // decoded from base64
	explicitHashKey []byte // likewise
	ranges          rangeCache
}

// rangeCache saves parsing the same hash key range again for each record of a shard.
type rangeCache struct {
	start, end string
	parsed     hashkey.Range
}

func (d *draft) reset() {
	d.texts = [nestedField][]byte{}
	d.hasData, d.milliseconds, d.arrivalText, d.notAggregate, d.last = false, false, false, false, false
	d.ancestors, d.hasAncestors, d.err = d.ancestors[:0], false, nil
}

func (d *draft) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf(format, args...)
	}
}

// set takes a field whose value is no object and no array. kind is the first character of the value; text is what
// stands in a string, or the value itself. Other than the data, text has to stay as it is until the record is done with.
func (d *draft) set(f field, kind byte, text []byte) {
	isText := kind == '"'
	switch {
	case kind == 'n': // null is as good as absent
	case f == dataField && isText:
		d.hasData = true
		var err error
		if d.data, err = decodeBase64(d.data[:0], text); err != nil {
			d.fail("data: %w", err)
		}
	case f == aggregatedField:
		d.notAggregate = kind == 'f'
	case f == lastField:
		d.last = kind == 't'
	case f == recordIDField:
		d.milliseconds = true
	case f == malformedField && !isText: // a word of somebody else's
	case f == ancestorsField:
		d.fail("ancestor_ranges is not a list of texts START-END")
	case isText, kind == '0' && (f == arrivalField || f == subSequenceNumberField):
		d.texts[f] = text
		d.arrivalText = isText && f == arrivalField || d.arrivalText && f != arrivalField
	default:
		d.fail("%s is not a string", fieldNames[f])
	}
}

var fieldNames = [...]string{
	sequenceNumberField: "the sequence number", subSequenceNumberField: "the sub-sequence number",
	partitionKeyField: "the partition key", partitionKeyBase64Field: "partition_key_base64",
	explicitHashKeyField: "explicit_hash_key", explicitHashKeyBase64Field: "explicit_hash_key_base64", dataField: "data", arrivalField: "the time of arrival",
	shardIDField: "the shard id", eventIDField: "eventID",
	startingHashKeyField: "starting_hash_key", endingHashKeyField: "ending_hash_key",
	ancestorsField: "ancestor_ranges", aggregatedField: "aggregated", lastField: "last", malformedField: "malformed", recordIDField: "recordId",
	recordsField: "records", nestedField: "kinesis", metadataField: "the metadata",
}

var errNoRecord = errors.New("no record in this JSON: expected an object with data in base64 (keys as in " +
	"sequence_number, partition_key, data, or SequenceNumber, PartitionKey, Data), or a document of them " +
	"(get-records output, or a Lambda event of Kinesis, Firehose or Kinesis Data Analytics)")

// finish makes the record of what was collected.
func (d *draft) finish(r *Record) error {
	if d.err == nil && !d.hasData {
		d.err = errNoRecord
	}
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
	}
	if id, _, ok := strings.Cut(d.text(eventIDField), ":"); ok && r.ShardID == "" {
		r.ShardID = id
	}
	d.decodeKey(partitionKeyBase64Field, &d.partitionKey, &r.PartitionKey)
	d.decodeKey(explicitHashKeyBase64Field, &d.explicitHashKey, &r.ExplicitHashKey)
	d.finishRange(r)
	d.finishSubSequenceNumber(r)
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
		d.fail("%s: %w", fieldNames[f], err)
	}
	*key = alias(*buf)
}

func (d *draft) finishRange(r *Record) {
	start, end := d.texts[startingHashKeyField], d.texts[endingHashKeyField]
	switch c := &d.ranges; {
	case start == nil && end == nil:
		return
	case string(start) != c.start || string(end) != c.end || !c.parsed.IsValid():
		parsed, err := hashkey.ParseRange(string(start), string(end))
		if err != nil {
			d.fail("starting_hash_key and ending_hash_key: %w", err)
			return
		}
		*c = rangeCache{string(start), string(end), parsed}
	}
	r.HashRange = d.ranges.parsed
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
		d.fail("the sub-sequence number is not a number of 0 to 2^63-1")
	}
	r.Finished, r.SubSequenceNumber, r.Malformed = true, int64(sub), malformedAs(d.text(malformedField))
}

// addAncestor takes an element of ancestor_ranges.
func (d *draft) addAncestor(text string) {
	r, err := ParseRange(text)
	if err != nil {
		d.fail("ancestor_ranges: %w", err)
	}
	d.ancestors = append(d.ancestors, r)
}

// ParseRange reads the hash key range START-END, both included, in decimal.
func ParseRange(text string) (hashkey.Range, error) {
	start, end, ok := strings.Cut(text, "-")
	if !ok {
		return hashkey.Range{}, fmt.Errorf("%.80q is not START-END", text)
	}
	return hashkey.ParseRange(start, end)
}

// arrival reads the time of arrival: ISO 8601, or a number of seconds or milliseconds since 1970.
func (d *draft) arrival() time.Time {
	text := d.text(arrivalField)
	if text == "" {
		return time.Time{}
	}
	if d.arrivalText {
		t, err := time.Parse(time.RFC3339, text)
		if err != nil {
			d.fail("the time of arrival %.40q is neither a number nor ISO 8601", text)
		}
		return t
	}
	t, ok := parseEpoch(text, d.milliseconds)
	if !ok {
		d.fail("the time of arrival %.40s is out of range", text)
	}
	return t
}

// parseEpoch reads a JSON number exactly, to the nanosecond; one with an exponent to the microsecond.
func parseEpoch(text string, milliseconds bool) (time.Time, bool) {
	unit, digits := int64(time.Second), 9
	if milliseconds {
		unit, digits = int64(time.Millisecond), 6
	}
	whole, fraction, _ := strings.Cut(text, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || strings.ContainsAny(fraction, "eE") || n < 0 || whole == "-0" {
		return parseEpochFloat(text, milliseconds)
	}
	var nanos int64
	for i := range digits {
		nanos *= 10
		if i < len(fraction) {
			nanos += int64(fraction[i] - '0')
		}
	}
	perSecond := int64(time.Second) / unit
	return time.Unix(n/perSecond, n%perSecond*unit+nanos), n/perSecond < maxEpoch
}

// maxEpoch is the start of the year 10000 in seconds: a larger time is no time of arrival.
const maxEpoch = 253402300800

func parseEpochFloat(text string, milliseconds bool) (time.Time, bool) {
	f, err := strconv.ParseFloat(text, 64)
	if milliseconds {
		f /= 1000
	}
	if err != nil || math.Abs(f) >= maxEpoch {
		return time.Time{}, false
	}
	return time.UnixMicro(int64(math.Round(f * 1e6))), true
}

// decodeBase64 appends what text holds. Line ends may stand anywhere in it; padding is required, since without it a
// text that is cut off can't be told.
func decodeBase64(dst, text []byte) ([]byte, error) {
	dst, err := base64.StdEncoding.Strict().AppendDecode(dst, text)
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
