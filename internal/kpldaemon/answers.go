package kpldaemon

import (
	"errors"
	"log/slog"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kplkit/kplkit/internal/kplpipe"
	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
	"github.com/kplkit/kplkit/producer"
)

// answer is what goes to the client: the result of a put, or another message.
type answer struct {
	put    *put
	result producer.Result
	other  *kplpb.Message
	room   room
}

// memoryOfWire is how much more memory a metrics_response takes than its bytes on the wire, about.
const memoryOfWire = 8

// done is called with the result of a put. It never waits.
func (c *conn) done(p *put, r producer.Result) {
	if p.stream != nil {
		c.d.counters.resulted(p.stream.name, len(p.record.Data), r, time.Now())
		p.stream.resulted(r.Err)
	}
	p.record = producer.Record{} // the result may wait for long
	if !isSmall(p.room.size) {
		p.room = c.d.budget.shrink(&c.part, p.room)
	}
	c.mu.Lock()
	c.outstanding--
	c.answers = append(c.answers, answer{put: p, result: r, room: p.room})
	c.mu.Unlock()
	c.signal()
}

// answer writes another message than a result, once there is room for it. It makes the message twice, so that none is
// there while it waits.
func (c *conn) answer(message func() *kplpb.Message) {
	size := int64(memoryOfWire * proto.Size(message()))
	r, ok := c.d.budget.take(&c.part, size, false)
	if !ok {
		return
	}
	m := message()
	c.mu.Lock()
	c.answers = append(c.answers, answer{other: m, room: r})
	c.mu.Unlock()
	c.signal()
}

func (c *conn) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// write writes answers until none will come. When nobody reads them any more, they are dropped, and nothing more is read.
func (c *conn) write() {
	defer close(c.ended)
	var e encoder
	for {
		answers, more := c.pending()
		for some := range slices.Chunk(answers, answersAtOnce) {
			c.send(&e, some)
		}
		if len(answers) > 0 {
			continue
		}
		if !more {
			break
		}
		select {
		case <-c.wake:
		case <-c.out.Done():
			c.stop()
			<-c.wake
		}
	}
	_ = c.out.Close(c.ctx)
}

// What waits to be written in bytes, and how many answers are written before their room is given back.
const (
	answerBuffer  = 16 << 10
	answersAtOnce = 256
)

// send writes answers, and gives their room back.
func (c *conn) send(e *encoder, answers []answer) {
	rooms := make([]room, len(answers))
	for i, a := range answers {
		rooms[i] = a.room
		err := c.out.Send(c.ctx, e.of(a, time.Now()))
		switch answers[i] = (answer{}); {
		case errors.Is(err, kplpipe.ErrTooLong):
			c.d.log.Error("An answer is too long", slog.String("client", c.name), slog.Any("error", err))
		case err != nil:
			c.stop()
		}
	}
	if c.out.Sync(c.ctx) != nil {
		c.stop()
	}
	c.d.budget.give(&c.part, rooms...)
}

// pending returns the answers that wait, and whether more may come.
func (c *conn) pending() (answers []answer, more bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	answers, c.answers = c.answers, nil
	return answers, c.reading || c.outstanding > 0
}
