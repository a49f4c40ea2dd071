package cli

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/kplkit/kplkit/internal/recordio"
)

// subscription is a message of a CloudWatch Logs subscription: a JSON object with logEvents (source: the user guide of
// CloudWatch Logs, "Subscription filters with Amazon Kinesis Data Streams").
type subscription struct {
	messageType, owner, logGroup, logStream string
	filters                                 []byte // JSON
	events                                  int
	hasEvents                               bool
}

// logEvent is one event of it.
type logEvent struct {
	id, message string
	timestamp   []byte // a JSON number: milliseconds since 1970
	hasMessage  bool
}

// longestName is more than any name of CloudWatch Logs has. Every line of an event repeats them.
const longestName = 2 << 10

// tooLarge reports whether the lines of its events would have too much of the names that each repeats.
func (s *subscription) tooLarge() bool {
	names := len(s.owner) + len(s.logGroup) + len(s.logStream) + len(s.filters)
	return s.events*names > 8*largestOpened
}

// walkSubscription reads a subscription, and hands out its events one after the other: nothing but text is held of it.
// It returns false if it is not one, with a message in each event, or damaged.
func walkSubscription(text []byte, each func(logEvent)) (s subscription, ok bool) {
	d := jsontext.NewDecoder(bytes.NewBuffer(text), jsontext.AllowDuplicateNames(true))
	ok = eachField(d, func(name string) bool {
		switch name {
		case "messageType":
			return textField(d, &s.messageType, longestName)
		case "owner":
			return textField(d, &s.owner, longestName)
		case "logGroup":
			return textField(d, &s.logGroup, longestName)
		case "logStream":
			return textField(d, &s.logStream, longestName)
		case "subscriptionFilters":
			v, err := d.ReadValue()
			if err != nil || v.Kind() != '[' || len(v) > longestName {
				return false
			}
			v = bytes.Clone(v)
			err = v.Compact() // it goes into a line
			s.filters = v
			return err == nil
		case "logEvents":
			again := s.hasEvents
			s.hasEvents = true
			return !again && s.walkEvents(d, each)
		}
		return d.SkipValue() == nil
	})
	return s, ok && s.hasEvents && len(bytes.TrimSpace(text[d.InputOffset():])) == 0
}

func (s *subscription) walkEvents(d *jsontext.Decoder, each func(logEvent)) bool {
	if t, err := d.ReadToken(); err != nil || t.Kind() != '[' {
		return false
	}
	for d.PeekKind() == '{' {
		e, ok := readLogEvent(d)
		if !ok {
			return false
		}
		s.events++
		if each != nil {
			each(e)
		}
	}
	t, err := d.ReadToken()
	return err == nil && t.Kind() == ']'
}

func readLogEvent(d *jsontext.Decoder) (e logEvent, ok bool) {
	ok = eachField(d, func(name string) bool {
		switch name {
		case "id":
			return textField(d, &e.id, longestName)
		case "timestamp":
			v, err := d.ReadValue()
			e.timestamp = bytes.Clone(v)
			return err == nil && v.Kind() == '0' && len(v) <= 32
		case "message":
			e.hasMessage = true
			return textField(d, &e.message, largestOpened)
		}
		return d.SkipValue() == nil
	})
	return e, ok && e.hasMessage
}

// eachField reads an object: read has to take the value of each name.
func eachField(d *jsontext.Decoder, read func(name string) bool) bool {
	if t, err := d.ReadToken(); err != nil || t.Kind() != '{' {
		return false
	}
	for {
		t, err := d.ReadToken()
		switch {
		case err != nil:
			return false
		case t.Kind() == '}':
			return true
		case !read(t.String()):
			return false
		}
	}
}

func textField(d *jsontext.Decoder, text *string, most int) bool {
	t, err := d.ReadToken()
	if err != nil || t.Kind() != '"' {
		return false
	}
	*text = t.String()
	return len(*text) <= most
}

// control reports whether it only checks that the stream can be reached.
func (s *subscription) control() bool { return s.messageType == "CONTROL_MESSAGE" }

// appendEvent appends what a line of an event has besides its user record: what it is, the i-th of n.
func (s *subscription) appendEvent(b []byte, e logEvent, i, n int, sequenceNumber string) []byte {
	b = fmt.Appendf(b, `,"unwrapped":"cwl","log_event":{"index":%d,"count":%d`, i, n)
	b = recordio.AppendText(b, `,"sequence_number":`, sequenceNumber)
	b = recordio.AppendText(b, `,"id":`, e.id)
	if e.timestamp != nil {
		b = append(append(b, `,"timestamp":`...), e.timestamp...)
	}
	b = recordio.AppendText(b, `,"owner":`, s.owner)
	b = recordio.AppendText(b, `,"log_group":`, s.logGroup)
	b = recordio.AppendText(b, `,"log_stream":`, s.logStream)
	if s.filters != nil {
		b = append(append(b, `,"subscription_filters":`...), s.filters...)
	}
	return append(b, '}')
}

// appendUnwrapped appends what a line of another user record has that was opened.
func appendUnwrapped(b []byte, form string) []byte {
	return strconv.AppendQuote(append(b, `,"unwrapped":`...), form)
}
