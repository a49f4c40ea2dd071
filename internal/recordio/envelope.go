package recordio

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
)

// An envelope is an object without data that holds another document, as a JSON text or as it is: Lambda's on-failure
// object in S3 has the event in payload, that of an asynchronous call in requestPayload, a message of SQS in body (Body
// in the output of receive-message), one of SNS in Message.

func (d *draft) isEnvelope() bool { return !d.hasData && isDocument(d.texts[envelopeField]) }

// holdsData reports whether there is more in the object than a list of records.
func (d *draft) holdsData() bool { return d.hasData || d.isEnvelope() }

func isDocument(text []byte) bool {
	text = bytes.TrimLeft(text, " \t\r\n")
	return len(text) > 0 && (text[0] == '{' || text[0] == '[')
}

// deepest is how many envelopes may be in each other: an on-failure object that went through SNS and SQS makes four.
const deepest = 8

// open reads the records of the document in an envelope. They have the line of the envelope.
func (r *reader) open(document []byte) error {
	if r.level == deepest {
		return r.deliver(fmt.Errorf("more than %d documents within each other", deepest))
	}
	stopped := false
	inside := &reader{src: r.src, told: r.told, level: r.level + 1}
	inside.draft.need, inside.draft.prints = r.draft.need, r.draft.prints
	inside.tape = &tape{r: bytes.NewReader(nil), buf: document, line: 1, blank: true, err: io.EOF}
	inside.yield = func(rec *Record, err error) bool {
		if err != nil {
			err = fmt.Errorf("in the document that it holds: %w", err)
		} else {
			rec.Line = r.tape.line
		}
		stopped = !r.yield(rec, err)
		return !stopped
	}
	inside.line = r.place()
	inside.run()
	r.told = inside.told
	if stopped {
		return errStop
	}
	return nil
}

// place returns the line to name for what is being read.
func (r *reader) place() int {
	if r.level > 0 {
		return r.line
	}
	return r.tape.line
}

// noData says what is missing of a record.
func (d *draft) noData() error {
	if d.batch {
		return d.batchError()
	}
	return errNoData
}

var errNoData = errors.New(`no data (looked for "data" and "Data", and for a list of records in "Records" or "records")`)

// batchError refuses an on-failure object of Lambda or EventBridge Pipes without its event: only S3 gets that. Fields come
// into the command only in a form that a shell takes as it is: they are somebody else's.
func (d *draft) batchError() error {
	if payload := d.texts[envelopeField]; payload != nil {
		if text, err := readLooseBase64(payload); err == nil && isDocument(text) {
			return errors.New("an on-failure object (KinesisBatchInfo) whose payload is base64: decode it first (jq -r .payload | base64 -d)")
		}
		return fmt.Errorf("an on-failure object (KinesisBatchInfo) whose payload, %.40q, is not the JSON of an event", payload)
	}
	const what = "an on-failure object (KinesisBatchInfo) without the records, which have no payload here: they are in the stream"
	stream, shard, from, to := d.text(streamField), d.text(shardIDField), d.text(batchStartField), d.text(batchEndField)
	if !streamARN.MatchString(stream) || !shardID.MatchString(shard) || !isDigits(from) || from == "" || !isDigits(to) || to == "" {
		return fmt.Errorf("%s; where is not said in a form that is known (streamArn %.80q, shardId %.40q, startSequenceNumber %.80q, endSequenceNumber %.80q)",
			what, stream, shard, from, to)
	}
	return fmt.Errorf("%s, shard %s, sequence numbers %s to %s: aws kinesis get-shard-iterator --stream-arn %s --shard-id %s "+
		"--shard-iterator-type AT_SEQUENCE_NUMBER --starting-sequence-number %s, then get-records", what, shard, from, to, stream, shard, from)
}

var (
	streamARN = regexp.MustCompile(`^arn:aws[a-z-]*:kinesis:[a-z0-9-]+:[0-9]{12}:stream/[a-zA-Z0-9_.-]+$`)
	shardID   = regexp.MustCompile(`^shardId-[0-9]{12,20}$`)
)
