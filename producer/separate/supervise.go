package separate

import (
	"fmt"
	"log/slog"
	"sync"
	"time"
)

const (
	mostEnds  = 10               // in a row without a result between them: a crash loop
	longLife  = 10 * time.Second // of a child that was not asked for anything and counts as one with a result
	firstWait = 100 * time.Millisecond
	longWait  = 5 * time.Second
)

// supervise starts children until the Parent is closed, or it is no use.
func (p *Parent) supervise() {
	defer close(p.ended)
	first := sync.OnceFunc(func() { close(p.alive) })
	for bad := 0; ; {
		fruitful, end := p.live(first)
		if p.ending.Err() != nil {
			return
		}
		if fruitful {
			bad = 0
		}
		bad++
		p.book.hear(end.brief())
		if p.isOver(end, bad) {
			p.cfg.Logger.Error("separate: the child is not started again", slog.Any("error", end))
			p.book.fail(end)
			return
		}
		wait := backoff(bad)
		p.cfg.Logger.Warn("separate: the child has ended and is started again", slog.Any("error", end), slog.Duration("in", wait))
		if !sleep(p.ending, wait) {
			return
		}
		p.restarts.Add(1)
	}
}

// live is the life of one child. It reports whether it was of use, and how it ended.
func (p *Parent) live(first func()) (fruitful bool, end *ChildError) {
	end = &ChildError{Command: p.cfg.Command[0]}
	child, err := p.launch(p.book.currentCredentials())
	if err != nil {
		end.Err = notStarted(p.cfg.Command[0], err)
		return false, end
	}
	l := &life{process: child, book: p.book, words: words{log: p.cfg.Logger, hear: p.book.hear}, born: time.Now(), alive: first, tick: p.cfg.tick, over: make(chan struct{})}
	p.pid.Store(int64(l.pid()))
	status, why := l.run(p.ending, p.killing)
	p.pid.Store(0)
	end.Err, end.Status, end.Words = why, status, l.words.quote()
	end.Err = p.cfg.withoutDaemon(end)
	return l.results.Load() > 0 || why != errHang && l.frames.Load() > 0 && time.Since(l.born) >= longLife, end
}

// isOver tells whether no child is to be started after this end, and says so in it. Exit code 1 means a bad setting only
// until a child has answered: later one has run with the same, and what is wrong may pass, such as a CA_FILE that is being replaced.
func (p *Parent) isOver(end *ChildError, bad int) bool {
	select {
	case <-p.alive:
	default:
		return true // Start says it
	}
	if bad < mostEnds {
		return false
	}
	end.Err = fmt.Errorf("%w, %d times in a row without a result, so it is not started again", end.Err, bad)
	return true
}

// backoff is how long to wait after so many ends in a row: nothing after the first, then longer and longer.
func backoff(ends int) time.Duration {
	if ends < 2 {
		return 0
	}
	return min(firstWait<<(ends-2), longWait)
}
