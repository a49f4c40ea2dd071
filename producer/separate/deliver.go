package separate

import (
	"log/slog"
	"runtime/debug"

	"github.com/kplkit/kplkit/producer"
)

// deliver calls done for what is settled until the book is closed and empty.
func (p *Parent) deliver() {
	ended := false
	defer func() {
		if !ended {
			go p.deliver() // done ended its goroutine by runtime.Goexit
		}
	}()
	for {
		settled := p.book.take()
		if len(settled) == 0 {
			select {
			case <-p.book.finished:
				continue
			case <-p.ended:
			}
			if settled = p.book.take(); len(settled) == 0 { // nothing settles any more
				break
			}
		}
		p.deliverAll(settled)
	}
	ended = true
	close(p.delivered)
}

// deliverAll hands back to the book what it could not deliver.
func (p *Parent) deliverAll(settled []settlement) {
	defer func() { p.book.handBack(settled) }() // none, unless done ended the goroutine
	for len(settled) > 0 {
		s := settled[0]
		settled = settled[1:]
		if s.flush != nil {
			close(s.flush)
			continue
		}
		p.deliverOne(s)
	}
}

func (p *Parent) deliverOne(s settlement) {
	defer p.book.leave(s.pending)
	callDone(s.pending, s.result, p.cfg.Logger)
}

func callDone(e *pending, r producer.Result, log *slog.Logger) {
	if e.done == nil {
		return
	}
	defer func() {
		if v := recover(); v != nil {
			log.Error("separate: panic in done", slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
		}
	}()
	e.done(e.record, r)
}
