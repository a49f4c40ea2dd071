package producer

import (
	"log/slog"
	"runtime/debug"
)

// deliver calls done for what is settled until the loop has ended.
func (p *Producer) deliver() {
	ended := false
	defer func() {
		if !ended {
			go p.deliver() // done ended its goroutine by runtime.Goexit
		}
	}()
	for {
		records, more := p.box.toDeliver()
		if !more {
			break
		}
		p.deliverAll(records)
		if len(records) == 0 {
			<-p.box.deliver
		}
	}
	ended = true
	close(p.ended)
}

// deliverAll hands back to the mailbox what it could not deliver.
func (p *Producer) deliverAll(records []*pending) {
	defer func() { p.box.settle(records, 0) }() // none, unless done ended the goroutine
	for len(records) > 0 {
		e := records[0]
		records = records[1:]
		p.callDone(e)
	}
}

// callDone frees the record's room when its done has returned, however that is.
func (p *Producer) callDone(e *pending) {
	defer func() {
		if v := recover(); v != nil {
			p.cfg.logger.Error("producer: panic in done", slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
		}
		p.room.Release(e.cost())
		p.box.finish(e)
	}()
	if e.done != nil {
		e.done(e.Record, e.result)
	}
}
