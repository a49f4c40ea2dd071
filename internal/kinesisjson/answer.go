package kinesisjson

import (
	"fmt"
	"slices"
)

// maxRecords is how many records Kinesis puts into an answer. More are read, too, but no room is made before they come.
const maxRecords = 10_000

// Answer is an answer of GetRecords or an event of SubscribeToShard. Its Object has all fields but the records.
type Answer struct {
	Object
	Records []Record // nil if there is no list of them
	room    []Record
	lexers  lexers
}

// Read reads an answer of at most limit bytes, which has to stay as it is for as long as the answer is used. It uses the
// memory of what a held before. The error is [ErrUnusual]; then a holds nothing of use.
//
// A record has to have a sequence number, a partition key and data. Fields that this package does not name hold
// anything, and so do ChildShards.
func (a *Answer) Read(body []byte, limit int) error {
	a.Object, a.Records = Object{FormatOf(body), a.fields[:0]}, nil
	if len(body) > limit {
		return fmt.Errorf("kinesisjson: %w: %d bytes, more than the limit of %d", ErrUnusual, len(body), limit)
	}
	l, listed := a.lexers.of(a.format, body), false
	for v, ok := l.more(l.open(false)); ok; v, ok = l.more(v) {
		name := a.newName(l)
		from := l.at()
		switch name {
		case "Records":
			if listed {
				l.fail("two lists of records")
			}
			if listed = true; !l.null() {
				a.readRecords(l, body)
			}
			continue
		case "NextShardIterator", "ContinuationSequenceNumber":
			_ = l.null() || l.text() != ""
		case "MillisBehindLatest":
			_ = l.null() || l.integer() != 0
		default:
			l.skip()
		}
		a.fields = append(a.fields, field{name, body[from:l.at():l.at()]})
	}
	return l.end()
}

// Forget forgets what was read, and keeps the memory for what is read next. No body is pinned then.
func (a *Answer) Forget() {
	clear(a.room)
	clear(a.fields[:cap(a.fields)])
	*a = Answer{Object: Object{fields: a.fields[:0]}, room: a.room[:0]}
}

func (a *Answer) readRecords(l lexer, body []byte) {
	if a.room == nil {
		a.room = []Record{}
	}
	a.Records = a.room[:0]
	first := l.at()
	for v, ok := l.more(l.open(true)); ok; v, ok = l.more(v) {
		from := l.at()
		if n := len(a.Records); n == cap(a.Records) && n > 0 {
			average := max((from-first)/n, 1) // the others are as long, nearly always
			a.Records = slices.Grow(a.Records, min((len(body)-from)/average+1, max(n, maxRecords)))
		}
		a.Records = append(a.Records, Record{})
		r := &a.Records[len(a.Records)-1]
		r.read(l)
		r.raw = body[from:l.at()]
	}
	a.room = a.Records
}
