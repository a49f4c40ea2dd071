package recordio

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// An envelope is an object without data that holds another document, as a JSON text or as it is: Lambda's on-failure
// object in S3 has the event in payload, that of an asynchronous call in requestPayload, a message of SQS in body (Body
// in the output of receive-message), one of SNS in Message.

func (d *draft) isEnvelope() bool {
	text := bytes.TrimLeft(d.texts[envelopeField], " \t\r\n")
	return !d.hasData && len(text) > 0 && (text[0] == '{' || text[0] == '[')
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

// batchError refuses an on-failure object of Lambda or EventBridge Pipes without its event: only S3 gets that.
func (d *draft) batchError() error {
	stream, shard, from := d.text(streamField), d.text(shardIDField), d.text(batchStartField)
	return fmt.Errorf("an on-failure object (KinesisBatchInfo) without the records, which have no payload here: they are in the stream, "+
		"shard %s, sequence numbers %s to %s: aws kinesis get-shard-iterator --stream-arn %s --shard-id %s "+
		"--shard-iterator-type AT_SEQUENCE_NUMBER --starting-sequence-number %s, then get-records",
		shard, from, d.text(batchEndField), stream, shard, from)
}
