package deagglambda

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/kplkit/kplkit/deagg"
)

// ErrEvent is wrapped by the errors for what is not a Kinesis event with its records.
var ErrEvent = errors.New("not an event with records of a Kinesis stream")

// Event is what Lambda calls a function with for a Kinesis stream. json.Unmarshal also reads what EventBridge Pipes sends, and
// an on-failure object with the event in it; an error wraps ErrEvent.
type Event struct {
	Records []Record `json:"Records"` // of one shard, in order; at most 10,000 and 6 MB

	// Of a tumbling window; zero without one.
	Window                  Window          `json:"window,omitzero"`
	State                   json.RawMessage `json:"state,omitempty"`
	ShardID                 string          `json:"shardId,omitempty"`
	EventSourceARN          string          `json:"eventSourceARN,omitempty"`
	IsFinalInvokeForWindow  bool            `json:"isFinalInvokeForWindow,omitempty"`
	IsWindowTerminatedEarly bool            `json:"isWindowTerminatedEarly,omitempty"`

	pipes    bool // it came from EventBridge Pipes, which knows records by their eventID
	returned bool // it was brought back from an on-failure destination
}

// Window is the time of a tumbling window.
type Window struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

// Record is a stored record in an Event.
type Record struct {
	Kinesis           KinesisRecord `json:"kinesis"`
	EventID           string        `json:"eventID"` // the shard and the sequence number, with a colon between
	EventName         string        `json:"eventName,omitempty"`
	EventSource       string        `json:"eventSource,omitempty"` // aws:kinesis
	EventSourceARN    string        `json:"eventSourceARN"`        // of the stream, or of the consumer with enhanced fan-out
	EventVersion      string        `json:"eventVersion,omitempty"`
	InvokeIdentityARN string        `json:"invokeIdentityArn,omitempty"`
	AWSRegion         string        `json:"awsRegion,omitempty"`
}

// KinesisRecord is the stored record itself.
type KinesisRecord struct {
	SchemaVersion               string  `json:"kinesisSchemaVersion,omitempty"`
	PartitionKey                string  `json:"partitionKey"`
	SequenceNumber              string  `json:"sequenceNumber"`
	Data                        []byte  `json:"data"`
	ApproximateArrivalTimestamp float64 `json:"approximateArrivalTimestamp"` // seconds since 1970
	EncryptionType              string  `json:"encryptionType,omitempty"`
}

// StoredRecord returns it as deagg has it.
func (r *Record) StoredRecord() deagg.StoredRecord {
	return deagg.StoredRecord{
		SequenceNumber: r.Kinesis.SequenceNumber,
		PartitionKey:   r.Kinesis.PartitionKey,
		Data:           r.Kinesis.Data,
		ArrivalTime:    arrival(r.Kinesis.ApproximateArrivalTimestamp),
	}
}

// arrival returns the time of seconds since 1970, to the millisecond, which is what Kinesis gives.
func arrival(seconds float64) time.Time {
	if ms := math.Round(seconds * 1000); ms > 0 && ms < math.MaxInt64 {
		return time.UnixMilli(int64(ms)).UTC()
	}
	return time.Time{}
}

// shard returns the shard's id: what stands before the colon of the event's id, or the id of a window's event.
func (r *Record) shard(e *Event) string {
	if id, _, ok := strings.Cut(r.EventID, ":"); ok {
		return id
	}
	return e.ShardID
}

// UnmarshalJSON reads each form of an event.
func (e *Event) UnmarshalJSON(text []byte) error {
	*e = Event{}
	if err := e.read(text, 0); err != nil {
		*e = Event{}
		return fmt.Errorf("deagglambda: %w", err)
	}
	return nil
}

// deepest is how many documents an event may be in: on-failure objects, of which each holds the next as a text.
const deepest = 4

// read reads the form that the text has.
func (e *Event) read(text []byte, level int) error {
	if len(text) > 0 && text[0] == '[' { // json.Unmarshal passes no blanks before it
		return e.readPipes(text)
	}
	type plain Event // without this method
	var form struct {
		plain
		Payload     json.RawMessage `json:"payload"`          // of an on-failure object in S3
		Batch       *batchInfo      `json:"KinesisBatchInfo"` // of any on-failure object
		DeliveryARN *string         `json:"deliveryStreamArn"`
		Application *string         `json:"applicationArn"`
	}
	if err := json.Unmarshal(text, &form); err != nil {
		return fmt.Errorf("%w: %w", ErrEvent, err)
	}
	switch {
	case form.DeliveryARN != nil:
		return fmt.Errorf("%w, but of Firehose, which takes aggregates apart before it calls a function, and wants an answer for each record: "+
			"write that function without this package", ErrEvent)
	case form.Application != nil:
		return fmt.Errorf("%w, but of Kinesis Data Analytics, which wants one row for each stored record", ErrEvent)
	case form.Records == nil && form.Payload != nil && string(form.Payload) != "null":
		return e.readPayload(form.Payload, level)
	case form.Batch != nil:
		return form.Batch.missing()
	}
	*e = Event(form.plain)
	return e.complete()
}

// readPayload reads the event that an on-failure object holds, as a text or as it is.
func (e *Event) readPayload(payload json.RawMessage, level int) error {
	if level == deepest {
		return fmt.Errorf("%w: more than %d documents within each other", ErrEvent, deepest)
	}
	text := []byte(payload)
	if text[0] == '"' {
		var inside string
		if err := json.Unmarshal(payload, &inside); err != nil {
			return fmt.Errorf("%w: payload: %w", ErrEvent, err)
		}
		text = []byte(strings.TrimLeft(inside, " \t\r\n"))
	}
	if err := e.read(text, level+1); err != nil {
		return fmt.Errorf("payload of an on-failure object: %w", err)
	}
	e.returned = true
	return nil
}

// readPipes reads an array of records whose fields are all on one level, which is what EventBridge Pipes sends.
func (e *Event) readPipes(text []byte) error {
	var flat []struct {
		Record
		KinesisRecord
	}
	if err := json.Unmarshal(text, &flat); err != nil {
		return fmt.Errorf("%w: %w", ErrEvent, err)
	}
	e.pipes = true
	e.Records = make([]Record, len(flat))
	for i, r := range flat {
		e.Records[i] = r.Record
		if r.KinesisRecord.SequenceNumber != "" {
			e.Records[i].Kinesis = r.KinesisRecord
		}
	}
	return e.complete()
}

// check refuses an event of which a failure could not be reported.
func (e *Event) check() error {
	if e.Records == nil && e.Window == (Window{}) {
		return fmt.Errorf("%w: it has neither Records nor a window", ErrEvent)
	}
	for i := range e.Records {
		switch r := &e.Records[i]; {
		case r.EventSource != "" && r.EventSource != "aws:kinesis":
			return fmt.Errorf("%w: record %d is of %s", ErrEvent, i, r.EventSource)
		case r.Kinesis.SequenceNumber == "":
			return fmt.Errorf("%w: record %d has no sequenceNumber", ErrEvent, i)
		case e.pipes && r.EventID == "":
			return fmt.Errorf("%w: record %d of EventBridge Pipes has no eventID, by which a failure is reported", ErrEvent, i)
		}
	}
	return nil
}

// complete refuses an event that lacks what Lambda always gives.
func (e *Event) complete() error {
	if err := e.check(); err != nil {
		return err
	}
	for i := range e.Records {
		if e.Records[i].Kinesis.Data == nil {
			return fmt.Errorf("%w: record %d has no data", ErrEvent, i)
		}
	}
	return nil
}

// identifier returns the name by which the caller knows a record.
func (e *Event) identifier(i int) string {
	if e.pipes {
		return e.Records[i].EventID
	}
	return e.Records[i].Kinesis.SequenceNumber
}

// batchInfo is what an on-failure object says of records that it does not hold.
type batchInfo struct {
	ShardID string `json:"shardId"`
	Start   string `json:"startSequenceNumber"`
	End     string `json:"endSequenceNumber"`
	Stream  string `json:"streamArn"`
}

func (b *batchInfo) missing() error {
	return fmt.Errorf("%w: an on-failure object without the records, which only an S3 bucket as its destination keeps: they are in stream %q, "+
		"shard %q, sequence numbers %q to %q, until its retention ends: read them from there", ErrEvent, b.Stream, b.ShardID, b.Start, b.End)
}
