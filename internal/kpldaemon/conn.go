package kpldaemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/kplkit/kplkit/internal/kplpipe"
	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
	"github.com/kplkit/kplkit/producer"
)

// maxFaults is how many frames in a row may be faulty before a client is cut off: it does not speak this protocol.
const maxFaults = 16

// conn is a client.
type conn struct {
	d      *Daemon
	name   string
	noMore func() // is called when nothing more is read; any number of times
	from   io.Reader
	in     *kplpipe.Reader // of from
	frame  room            // of the large frame that is being read
	out    *kplpipe.Writer
	part   part
	wake   chan struct{} // there are answers, or none will come
	ended  chan struct{} // closed when nothing is written any more
	giveUp context.CancelFunc
	ctx    context.Context // of writing

	mu          sync.Mutex
	answers     []answer
	outstanding int  // puts without an answer in answers
	reading     bool // more puts may come
}

func newConn(d *Daemon, name string, in io.Reader, out io.Writer, noMore func()) *conn {
	if connection, ok := in.(net.Conn); ok {
		in = arrival{connection, d.budget}
	}
	c := &conn{
		d: d, name: name, noMore: noMore, from: in,
		in: kplpipe.NewReader(in, kplpipe.DaemonLimit), out: kplpipe.NewWriterSize(out, kplpipe.DaemonLimit, answerBuffer),
		wake: make(chan struct{}, 1), ended: make(chan struct{}), reading: true,
	}
	c.in.Room = c.expect
	c.ctx, c.giveUp = context.WithCancel(context.Background())
	return c
}

// serve reads until the end, the last fault, or stop; and returns when all answers are written or nobody reads them.
func (c *conn) serve() error {
	go c.write()
	fault := make(chan error, 1)
	go func() { // it may be stuck in a read that nothing ends
		fault <- c.read()
		c.endReading()
	}()
	<-c.ended
	select {
	case err := <-fault:
		return err
	default:
		return c.out.Err()
	}
}

func (c *conn) read() error {
	for faults := 0; ; {
		p, other, frame, err := c.next()
		if other != nil && frame.size > 0 {
			other, err = nil, errLarge
		}
		if other != nil || err != nil {
			c.d.budget.give(&c.part, frame)
		}
		at := new(kplpipe.FrameError)
		switch {
		case err == io.EOF || errors.Is(err, errGone):
			return nil
		case (err == errLarge || errors.As(err, &at) && at.Skipped()) && faults < maxFaults:
			faults++
			c.d.log.Error("Received unknown message type", slog.String("client", c.name), slog.Any("error", err))
			continue
		case err != nil:
			return err
		case other != nil:
			c.handle(other)
		case !c.take(p, frame):
			return nil
		}
		faults = 0
	}
}

// errLarge is a fault as if the message were none: nothing but a put has a reason to be that long.
var errLarge = fmt.Errorf("a message of more than %d bytes that is not put_record", kplpipe.ReadBuffer)

// take hands a put to its stream, once there is room for it, unless its frame has one. It reports false if no more are
// taken.
func (c *conn) take(p kplpipe.Put, frame room) (ok bool) {
	x := &put{c: c, id: p.ID, read: time.Now(), record: producer.Record{PartitionKey: p.PartitionKey, ExplicitHashKey: p.ExplicitHashKey, Data: p.Data}}
	if x.room = frame; frame.size == 0 {
		if x.room, ok = c.d.budget.take(&c.part, p.Cost(), false); !ok {
			return false
		}
	}
	c.mu.Lock()
	if !c.reading {
		c.mu.Unlock()
		c.d.budget.give(&c.part, x.room)
		return false
	}
	c.outstanding++
	c.mu.Unlock()
	c.d.put(p.Stream, x)
	return true
}

func (c *conn) handle(m *kplpb.Message) {
	switch {
	case m.GetFlush() != nil:
		c.d.flush(m.GetFlush())
	case m.GetSetCredentials() != nil:
		k := m.GetSetCredentials()
		c.d.setKeys(Keys{Pipe: k.GetCredentials()}, k.GetForMetrics())
	case m.GetMetricsRequest() != nil:
		c.d.counters.note(time.Now())
		c.answer(func() *kplpb.Message {
			r := c.d.counters.response(m.GetMetricsRequest(), time.Now())
			return &kplpb.Message{Id: new(uint64), SourceId: m.Id, ActualMessage: &kplpb.Message_MetricsResponse{MetricsResponse: r}}
		})
	case m.GetStreamMetadata() != nil:
		c.d.api.setStreamID(m.GetStreamMetadata().GetStreamName(), m.GetStreamMetadata().GetStreamId())
	default:
		c.d.log.Error("Received unknown message type", slog.String("client", c.name), slog.Uint64("id", m.GetId()))
	}
}

func (c *conn) endReading() {
	c.mu.Lock()
	c.reading = false
	c.mu.Unlock()
	c.signal()
	c.noMore()
}

// stop takes nothing more from the client.
func (c *conn) stop() {
	c.d.budget.quit(&c.part)
	c.endReading()
}

// finish waits until the answers are written or ctx is done.
func (c *conn) finish(ctx context.Context) {
	select {
	case <-c.ended:
	case <-ctx.Done():
		c.giveUp()
	}
}
