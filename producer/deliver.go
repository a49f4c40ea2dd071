package producer

import (
	"log/slog"
	"runtime/debug"

	"github.com/kplkit/kplkit/seqnum"
)

// outcome is what became of the records of one stored record, or of some that share an error. Their results are made of
// it one by one, since a Result is large and as many records wait for theirs as the buffer holds.
type outcome struct {
	records   []*pending
	delivered int // of records
	shardID   string
	number    seqnum.Number // not valid: there is no position
	err       error
}

// result is that of the i-th record of an outcome.
func (p *Producer) result(o *outcome, i int) Result {
	e := o.records[i]
	r := Result{ShardID: o.shardID, Attempts: int(e.attempts), Err: o.err, put: p.arrival(e), tries: e.tries}
	switch {
	case !o.number.IsValid():
	case len(o.records) > 1:
		r.Position = seqnum.At(o.number, int64(i))
	default:
		r.Position = seqnum.After(o.number)
	}
	return r
}

// deliver calls done for what is settled until the loop has ended.
func (p *Producer) deliver() {
	ended := false
	defer func() {
		if !ended {
			go p.deliver() // done ended its goroutine by runtime.Goexit
		}
	}()
	for {
		outcomes, more := p.box.toDeliver()
		if !more {
			break
		}
		p.deliverAll(outcomes)
		if len(outcomes) == 0 {
			<-p.box.deliver
		}
	}
	ended = true
	close(p.ended)
}

// deliverAll hands back to the mailbox what it could not deliver.
func (p *Producer) deliverAll(outcomes []*outcome) {
	defer func() { p.box.settle(outcomes, 0) }() // none, unless done ended the goroutine
	for ; len(outcomes) > 0; outcomes = outcomes[1:] {
		o := outcomes[0]
		parts := partsOf(o.records) // which fetches them all into the processor's cache at once: that takes less than one by one
		for o.delivered < len(o.records) {
			o.delivered++
			e, r := o.records[o.delivered-1], p.result(o, o.delivered-1)
			if r.Err != nil {
				r.Err = p.errorOf(e, r.Err)
			}
			p.callDone(e, r)
		}
		p.gate.leave(parts)
		p.box.finish(o.records)
	}
}

func (p *Producer) callDone(e *pending, r Result) {
	if e.done == nil {
		return
	}
	defer p.logPanic("done")
	e.done(e.Record, r)
}

// logPanic is deferred by who calls a function of the user's, so that a panic in it goes no further.
func (p *Producer) logPanic(function string) {
	if v := recover(); v != nil {
		p.cfg.logger.Error("producer: panic in "+function, slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
	}
}
