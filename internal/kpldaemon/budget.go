package kpldaemon

import "sync"

// budget bounds the bytes of all puts that have no written result. A client may have no more than is left free, and
// one put at any rate: one that reads no results can't stop the others.
type budget struct {
	most int64

	mu    sync.Mutex
	freed *sync.Cond
	held  int64
}

// part is what one client has of the budget. Its fields are the budget's.
type part struct {
	held int64
	gone bool // nobody waits any more
}

func newBudget(most int64) *budget {
	b := &budget{most: most}
	b.freed = sync.NewCond(&b.mu)
	return b
}

// take waits until a put fits. It reports false if the part is gone.
func (b *budget) take(p *part, size int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for !p.gone && p.held > 0 && p.held+size > b.most-b.held {
		b.freed.Wait()
	}
	if p.gone {
		return false
	}
	p.held += size
	b.held += size
	return true
}

func (b *budget) give(p *part, size int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p.held -= size
	b.held -= size
	b.freed.Broadcast()
}

// quit lets nobody wait for the part any more.
func (b *budget) quit(p *part) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p.gone = true
	b.freed.Broadcast()
}
