package multilang

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

const (
	maxValue   = 32 << 20  // of a message's text for one value, a record too: 10 MiB of data are 14 in base64
	maxMessage = 512 << 20 // of a message's text: 10 MiB of stored records in small user records are less than that
)

// message is one of the daemon's. What it does not have is nil.
type message struct {
	action, shardID, reason string

	positioned bool    // it has a sequence number, which may be null: the daemon knows pairs
	sequence   *string // of initialize and checkpoint
	sub        *int64
	checkpoint *string // the sequence number of a checkpoint, up to 1.7.1
	failure    *string // of a checkpoint

	records []record
	behind  time.Duration
}

// record is a stored record of 1.3's, or a user record.
type record struct {
	Data           []byte          `json:"data"`
	PartitionKey   string          `json:"partitionKey"`
	SequenceNumber string          `json:"sequenceNumber"`
	Sub            *int64          `json:"subSequenceNumber"`
	Arrival        json.RawMessage `json:"approximateArrivalTimestamp"` // milliseconds
}

// arrival is the zero time where it can't be read: that costs no record.
func (r record) arrival() time.Time {
	var ms int64
	if json.Unmarshal(r.Arrival, &ms) != nil || ms <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// reader reads messages. A line is never in memory as a whole: of a batch only what is in its records is kept.
type reader struct {
	in   bounded
	json *json.Decoder
	n    int // messages so far
}

func newReader(in io.Reader) *reader {
	r := &reader{in: bounded{in: in}}
	r.json = json.NewDecoder(&r.in)
	return r
}

// next returns io.EOF, and nothing else, where the input ends between two messages.
func (r *reader) next() (*message, error) {
	r.in.value, r.in.message = maxValue, maxMessage
	r.n++
	first, err := r.json.Token()
	if err == io.EOF {
		return nil, err
	}
	m := new(message)
	if err == nil && first != json.Delim('{') {
		err = fmt.Errorf("it begins with %v, and is not a JSON object", first)
	}
	if err == nil {
		err = r.fields(m)
	}
	switch {
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		return nil, fmt.Errorf("the daemon has ended in the middle of its message %d: %w", r.n, io.ErrUnexpectedEOF)
	case err != nil:
		return nil, fmt.Errorf("message %d is not one of a MultiLangDaemon: %w", r.n, err)
	}
	return m, nil
}

func (r *reader) fields(m *message) error {
	for r.json.More() {
		key, err := r.json.Token()
		if err != nil {
			return err
		}
		if err := r.field(m, key.(string)); err != nil {
			return err
		}
	}
	_, err := r.json.Token()
	return err
}

func (r *reader) field(m *message, key string) error {
	switch key {
	case "action":
		return r.value(&m.action)
	case "shardId":
		return r.value(&m.shardID)
	case "reason":
		return r.value(&m.reason)
	case "sequenceNumber":
		m.positioned = true
		return r.value(&m.sequence)
	case "subSequenceNumber":
		return r.value(&m.sub)
	case "checkpoint":
		return r.value(&m.checkpoint)
	case "error":
		return r.value(&m.failure)
	case "millisBehindLatest":
		var ms *int64
		err := r.value(&ms)
		if ms != nil {
			m.behind = time.Duration(*ms) * time.Millisecond
		}
		return err
	case "records":
		return r.records(m)
	}
	return r.value(new(json.RawMessage)) // of a newer daemon
}

func (r *reader) value(to any) error {
	r.in.value = maxValue
	return r.json.Decode(to)
}

func (r *reader) records(m *message) error {
	begin, err := r.json.Token()
	if err != nil || begin == nil {
		return err
	}
	if begin != json.Delim('[') {
		return errors.New("its records are not a list")
	}
	for r.json.More() {
		var next record
		if err := r.value(&next); err != nil {
			return err
		}
		m.records = append(m.records, next)
	}
	_, err = r.json.Token()
	return err
}

// bounded ends with an error where one value or one message is too long.
type bounded struct {
	in             io.Reader
	value, message int64 // what may still be read
}

func (b *bounded) Read(p []byte) (int, error) {
	left := min(b.value, b.message)
	if left <= 0 {
		return 0, fmt.Errorf("it is longer than %d MiB, or one of its values than %d MiB", maxMessage>>20, maxValue>>20)
	}
	n, err := b.in.Read(p[:min(int64(len(p)), left)])
	b.value -= int64(n)
	b.message -= int64(n)
	return n, err
}

// reply is a line to the daemon.
type reply struct {
	Action      string `json:"action"`
	ResponseFor string `json:"responseFor"`
}

// checkpoint is a message that asks for one, with the keys of a daemon's version. Its position may be null.
type checkpointByPair struct {
	Action   string  `json:"action"`
	Sequence *string `json:"sequenceNumber"`
	Sub      *int64  `json:"subSequenceNumber"`
}

type checkpointByNumber struct {
	Action   string  `json:"action"`
	Sequence *string `json:"checkpoint"`
}
