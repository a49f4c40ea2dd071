package separate

import (
	"context"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
	"google.golang.org/protobuf/proto"

	"github.com/kplkit/kplkit/internal/kplpipe"
	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
	"github.com/kplkit/kplkit/producer"
)

// fillSize is about how many bytes of frames are made at once: twice what a pipe holds on Linux.
const fillSize = 128 << 10

// pending is a record without a result.
type pending struct {
	stream     string
	record     producer.Record
	done       func(producer.Record, producer.Result)
	id         uint64 // ids rise in the order of the Puts
	flow       *flow
	cost       int64
	deadline   time.Time
	sent       bool // to one child at least
	prev, next *pending
}

// put is what the child gets.
func (e *pending) put() kplpipe.Put {
	return kplpipe.Put{
		ID: e.id, Stream: e.stream, PartitionKey: e.record.PartitionKey, ExplicitHashKey: e.record.ExplicitHashKey, Data: e.record.Data,
	}
}

// settlement is a record with its result, or the mark of a Flush: all records before it have been delivered.
type settlement struct {
	*pending
	result producer.Result
	flush  chan struct{}
}

// book is all records without a result, and the results that are not delivered yet: the state that goroutines share.
// Its lock is held for moments only, in which frames are made, but never during I/O.
type book struct {
	most     int64 // bytes of the buffer
	ttl      time.Duration
	room     *semaphore.Weighted // the bytes that are free
	closed   context.Context     // done when nothing more is taken; its cause says why
	close    context.CancelCauseFunc
	unsent   chan struct{} // has room for one: there is something to send
	finished chan struct{} // the same: there is something to deliver

	mu          sync.Mutex
	flows       map[string]*flow // by stream
	id          uint64           // the last that was given
	open        map[uint64]*pending
	first, last *pending // all of open, by id
	next        *pending // the first that the child of now has not got; nil: it has all
	frames      []byte   // that go before the records
	flushTo     uint64   // a flush is to be sent after the records up to this id, unless it is 0
	flushes     []flush  // calls of Flush that wait, by id
	settled     []settlement
	credentials *kplpb.Credentials // the last
	heard       heard
	stats       Stats
}

// flush waits for all records up to an id.
type flush struct {
	id   uint64
	done chan struct{}
}

// heard is the last thing that a child said went wrong, or that its end says.
type heard struct {
	text string
	at   time.Time
}

func (b *book) hear(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.heard = heard{strings.ToValidUTF8(text[:min(len(text), longestQuote)], ""), time.Now()}
}

// longestQuote is of that, in bytes: many records may have it in their errors.
const longestQuote = 500

// Stats are a Parent's counters since Start.
type Stats struct {
	Puts        int64 // records that Put took
	Results     int64 // results for which done has returned
	Restarts    int64 // children that were started after the first
	SentAgain   int64 // records that went to another child, too: as often as they did
	Ignored     int64 // results of the child that came too late, or twice
	Outstanding int64 // records without a result
}

func newBook(maxBuffered int, ttl time.Duration) *book {
	b := &book{
		most: int64(maxBuffered), ttl: ttl, room: semaphore.NewWeighted(int64(maxBuffered)),
		flows: map[string]*flow{}, open: map[uint64]*pending{},
		unsent: make(chan struct{}, 1), finished: make(chan struct{}, 1),
	}
	b.closed, b.close = context.WithCancelCause(context.Background())
	return b
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it will look anyway
	}
}

// add takes a record that has room.
func (b *book) add(e *pending, ttl time.Duration) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := context.Cause(b.closed); err != nil {
		b.release(e)
		return err
	}
	b.id++
	e.id, e.deadline, e.prev = b.id, time.Now().Add(ttl), b.last
	if b.last == nil {
		b.first = e
	} else {
		b.last.next = e
	}
	b.last, b.open[e.id] = e, e
	b.stats.Puts++
	if b.next == nil {
		b.next = e
		signal(b.unsent)
	}
	return nil
}

// begin is for a new child: credentials, then a question, to see that it lives, then all records from the first. Those
// that are there by now are flushed.
func (b *book) begin() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.frames, b.next = nil, b.first
	b.postCredentials()
	b.post(question())
	if b.flushTo = 0; b.last != nil {
		b.flushTo = b.last.id // they have waited for others to share a request with before
	}
}

// question is one that every child answers, at little cost.
func question() *kplpb.Message {
	return &kplpb.Message{ActualMessage: &kplpb.Message_MetricsRequest{MetricsRequest: &kplpb.MetricsRequest{
		Name: proto.String("UserRecordsPut"), Seconds: proto.Uint64(1),
	}}}
}

// ask sends a question.
func (b *book) ask() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.post(question())
}

// currentCredentials are the last that renew was given.
func (b *book) currentCredentials() *kplpb.Credentials {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.credentials
}

// renew sends credentials, unless the child has them, now and to each child to come.
func (b *book) renew(c *kplpb.Credentials) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !proto.Equal(b.credentials, c) {
		b.credentials = c
		b.postCredentials()
	}
}

// postCredentials leaves those for Kinesis and those for CloudWatch. The lock is held.
func (b *book) postCredentials() {
	b.post(setCredentials(b.credentials, false))
	b.post(setCredentials(b.credentials, true))
}

// post leaves a message that goes before the records, and gives it an id. The lock is held.
func (b *book) post(m *kplpb.Message) {
	b.id++
	m.Id = proto.Uint64(b.id)
	b.frames, _ = kplpipe.AppendFrame(b.frames, m) // all its fields are set
	signal(b.unsent)
}

// fill appends what the child is to get next: nothing if it has all.
func (b *book) fill(frames []byte) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	frames, b.frames = append(frames, b.frames...), b.frames[:0]
	for ; b.next != nil && len(frames) < fillSize; b.next = b.next.next {
		e := b.next
		if e.sent {
			b.stats.SentAgain++
		}
		e.sent = true
		frames = kplpipe.AppendPut(frames, e.put())
	}
	if b.flushTo != 0 && (b.next == nil || b.next.id > b.flushTo) {
		b.id++
		b.flushTo = 0
		frames, _ = kplpipe.AppendFrame(frames, &kplpb.Message{Id: proto.Uint64(b.id), ActualMessage: &kplpb.Message_Flush{Flush: &kplpb.Flush{}}})
	}
	return frames
}
