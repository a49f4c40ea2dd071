package userview

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/kplkit/kplkit/internal/kinesisjson"
	"github.com/kplkit/kplkit/internal/position"
)

// maxMessage is how long a message of an event stream may be; the SDKs take no longer ones either.
const maxMessage = 24 << 20

// events is the answer of a subscription, whose events have user records. An event with too many of them comes as
// several. Where upstream's stream is damaged or breaks off, so does this one: what came is passed on, and then the error.
type events struct {
	io.ReadCloser // upstream's
	*call
	batch
	ctx   context.Context
	front position.Front // of the next event
	later position.Front // of the one after it
	frame kinesisjson.Frame
	more  bool   // parts of the event follow
	out   []byte // of the message that is being read
	err   error  // after it
	took  int    // bytes of the View's that it holds
}

// counted is upstream's stream, of which each byte is held until its message has gone to the client.
type counted struct{ *events }

var errBusy = errors.New(busy)

func (c counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	if !c.take(n) {
		return 0, errBusy
	}
	c.took += n
	return n, err
}

// room returns memory for the data of an event, or for what goes to the client; nil if it is not there.
func (e *events) room(size int) []byte {
	if !e.take(size) {
		return nil
	}
	e.took += size
	return make([]byte, 0, size)
}

// hold is called with the bytes of what the subscription holds now. It says no if more than before are not there.
func (e *events) hold(n int) bool {
	if more := n - e.took; more <= 0 {
		e.free(-more)
	} else if !e.take(more) {
		return false
	}
	e.took = n
	return true
}

// Close gives up the subscription.
func (e *events) Close() error {
	e.hold(0)
	return e.ReadCloser.Close()
}

// stream makes the events of a subscription ones of user records.
func (x *call) stream(answer *http.Response, f position.Front) {
	answer.Body = &events{ReadCloser: answer.Body, call: x, front: f, ctx: answer.Request.Context()}
	answer.ContentLength = -1
	answer.Header.Del("Content-Length")
}

func (e *events) Read(p []byte) (int, error) {
	for len(e.out) == 0 {
		switch {
		case e.err != nil:
			return 0, e.err
		case e.more:
			e.part()
		default:
			e.event()
		}
	}
	n := copy(p, e.out)
	e.out = e.out[n:]
	return n, nil
}

// event takes the next message.
func (e *events) event() {
	e.frame, e.out = kinesisjson.Frame{}, nil // an idle subscription takes no memory
	e.hold(0)
	e.frame, e.err = kinesisjson.ReadFrame(counted{e}, nil, maxMessage)
	e.out = e.frame.Raw
	if e.err == errBusy {
		e.fail(e.err)
		return
	}
	if e.err != nil || e.frame.Header(":message-type") != "event" || e.frame.Header(":event-type") != "SubscribeToShardEvent" {
		return
	}
	if err := e.read(e.frame.Payload, len(e.frame.Payload), e.cfg.Digits, e.room); err != nil {
		e.fail(err)
		return
	}
	if e.plain && !e.front.After.IsValid() {
		e.Metrics.UserRecords.Add(uint64(len(e.stored)))
		e.Metrics.StoredRecords.Add(uint64(len(e.stored)))
		e.batch = batch{}
		return // as it came
	}
	e.later = e.prepare(e.ctx, &e.decoder, e.front, e.stored)
	e.part()
}

// part makes a message of the next records of an event. Each but the last says that it goes on after its last record, that
// more follows, and nothing of the end of the shard.
func (e *events) part() {
	e.out = nil // of the part before
	e.hold(len(e.frame.Raw) + cap(e.data))
	size := len(e.frame.Payload)
	room := e.room(min(size+size/4, e.bounds.event))
	if room == nil {
		e.fail(errBusy)
		return
	}
	var w kinesisjson.Writer
	w.Begin(&e.in, room)
	b := writing{batch: &e.batch, Writer: &w, bytes: e.bounds.event}
	done, err := b.write(e.Metrics)
	fields := e.in.Object.Clone()
	switch {
	case err != nil:
	case done:
		err = e.goOn(&fields)
	default:
		e.decoder.After = b.after
		fields.Delete("ChildShards")
		fields.SetText("ContinuationSequenceNumber", e.number())
		behind, _ := fields.Int("MillisBehindLatest")
		fields.SetInt("MillisBehindLatest", max(behind, 1))
	}
	if err != nil {
		e.fail(err)
		return
	}
	e.out = kinesisjson.AppendFrame(nil, e.frame.Headers, w.End(&fields))
	if e.more = !done; done {
		e.frame, e.batch = kinesisjson.Frame{}, batch{}
	}
	if !e.hold(len(e.frame.Raw) + cap(e.data) + cap(e.out)) {
		e.fail(errBusy)
	}
}

// goOn says where a subscription goes on after the event.
func (e *events) goOn(fields *kinesisjson.Object) error {
	e.front = e.later
	continuation, ok := fields.Text("ContinuationSequenceNumber")
	if !ok {
		return nil // the shard has ended
	}
	at, err := position.GoOn(continuation, e.front.After, e.cfg.Digits)
	if err == nil && at != continuation {
		fields.SetText("ContinuationSequenceNumber", at)
	}
	return err
}

// fail ends the subscription with an error, as AWS ends one. The client's SDK subscribes again.
func (e *events) fail(err error) {
	message := err.Error()
	if errors.Is(err, kinesisjson.ErrUnusual) {
		e.unusual(err)
		message = "Kinesis's event is not in a form that it knows, and may hold aggregates"
	}
	payload, _ := json.Marshal(map[string]string{"message": "kplkit proxy: " + message}) // a text: it can't fail
	var headers []byte
	for _, h := range [...][2]string{{":message-type", "exception"}, {":exception-type", "InternalFailureException"}, {":content-type", "application/json"}} {
		headers = append(append(headers, byte(len(h[0]))), h[0]...)
		headers = binary.BigEndian.AppendUint16(append(headers, 7), uint16(len(h[1]))) // a text
		headers = append(headers, h[1]...)
	}
	e.out, e.more, e.err = kinesisjson.AppendFrame(nil, headers, payload), false, io.EOF
}
