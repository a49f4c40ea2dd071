package kpldaemon

import (
	"errors"
	"log/slog"
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
	size   int64 // of the budget
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
	c.mu.Lock()
	c.outstanding--
	c.answers = append(c.answers, answer{put: p, result: r, size: p.size})
	c.mu.Unlock()
	c.signal()
}

// answer writes another message than a result, once there is room for it.
func (c *conn) answer(m *kplpb.Message) {
	size := int64(memoryOfWire * proto.Size(m))
	if !c.d.budget.take(&c.part, size) {
		return
	}
	c.mu.Lock()
	c.answers = append(c.answers, answer{other: m, size: size})
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
		var size int64
		for _, a := range answers {
			if err := c.out.Send(c.ctx, e.of(a, time.Now())); errors.Is(err, kplpipe.ErrTooLong) {
				c.d.log.Error("An answer is too long", slog.String("client", c.name), slog.Any("error", err))
			} else if err != nil {
				c.d.budget.quit(&c.part)
				c.endReading()
			}
			size += a.size
		}
		c.d.budget.give(&c.part, size)
		if len(answers) > 0 {
			continue
		}
		if !more {
			break
		}
		select {
		case <-c.wake:
		case <-c.out.Done():
			c.d.budget.quit(&c.part)
			c.endReading()
			<-c.wake
		}
	}
	_ = c.out.Close(c.ctx)
}

// pending returns the answers that wait, and whether more may come.
func (c *conn) pending() (answers []answer, more bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	answers, c.answers = c.answers, nil
	return answers, c.reading || c.outstanding > 0
}
