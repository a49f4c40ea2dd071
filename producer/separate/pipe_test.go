package separate

import (
	"io"
	"sync"
)

// pipe is one of an operating system's, in memory: what was written can be read after the writer's end. Its waits are
// seen by testing/synctest.
type pipe struct {
	mu      sync.Mutex
	changed *sync.Cond
	data    []byte
	noMore  bool // the writer has closed it
	nobody  bool // the reader has
}

// pipeSize is what it holds at most, in bytes. A real one holds 64 KiB; this one is full sooner.
const pipeSize = 4 << 10

func newPipe() *pipe {
	p := &pipe{}
	p.changed = sync.NewCond(&p.mu)
	return p
}

type readEnd struct{ *pipe }

func (p readEnd) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.data) == 0 && !p.noMore && !p.nobody {
		p.changed.Wait()
	}
	if p.nobody {
		return 0, io.ErrClosedPipe
	}
	if len(p.data) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.data)
	p.data = p.data[n:]
	p.changed.Broadcast()
	return n, nil
}

func (p readEnd) Close() error { return p.set(&p.nobody) }

type writeEnd struct{ *pipe }

func (p writeEnd) Write(b []byte) (n int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for n < len(b) {
		for len(p.data) >= pipeSize && !p.noMore && !p.nobody {
			p.changed.Wait()
		}
		if p.noMore || p.nobody {
			return n, io.ErrClosedPipe
		}
		m := min(len(b)-n, pipeSize-len(p.data))
		p.data, n = append(p.data, b[n:n+m]...), n+m
		p.changed.Broadcast()
	}
	return n, nil
}

func (p writeEnd) Close() error { return p.set(&p.noMore) }

func (p *pipe) set(flag *bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	*flag = true
	p.changed.Broadcast()
	return nil
}
