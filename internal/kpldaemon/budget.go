package kpldaemon

import (
	"sync"

	"github.com/kplkit/kplkit/internal/kplpipe"
)

// budget bounds the memory of all clients: what each takes by itself, large frames from before they arrive, puts until
// their result is known, and their results until they are written. A client may have no more than is left free: one that
// reads no results can't stop the others.
//
// So that one that has nothing goes on all the same, a small put of it is taken at any rate, which is counted with the
// client. For what is large there is one spare room, on top of the rest: until its result is known, it is nobody else's.
type budget struct {
	most int64

	mu       sync.Mutex
	freed    *sync.Cond
	clients  int64 // what clients take by themselves
	held     int64 // in rooms, but for the spare one
	arriving int64 // of held: frames that are not here whole
	spare    bool  // it is taken
	hungry   int   // who has nothing, and waits
}

// part is what one client has of the budget. Its fields are the budget's.
type part struct {
	held int64
	gone bool // nobody waits any more
}

// room is what was taken for a frame, a put or an answer.
type room struct {
	size     int64
	spare    bool
	arriving bool
}

// perClient is what a client takes by itself: buffers, goroutines, and one small put.
const perClient = 128 << 10

// putOverhead is what a put counts besides its bytes, and what is left of it when it has its result.
var putOverhead = kplpipe.Put{}.Cost()

// isSmall tells whether a put comes from the reader's buffer.
func isSmall(size int64) bool { return size <= kplpipe.ReadBuffer+putOverhead }

func newBudget(most int64) *budget {
	b := &budget{most: most}
	b.freed = sync.NewCond(&b.mu)
	return b
}

// mostClients is how many there may be: half of the budget is for what they send.
func (b *budget) mostClients() int { return int(b.most / 2 / perClient) }

// join counts so many clients more, or less.
func (b *budget) join(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clients += n * perClient
	b.freed.Broadcast()
}

// take waits until size fits. arriving says that the bytes are still to come. It reports false if the part is gone.
func (b *budget) take(p *part, size int64, arriving bool) (room, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for !p.gone {
		if r, fits := b.find(p, room{size: size, arriving: arriving}); fits {
			p.held += size
			if !r.spare {
				b.held += size
			}
			if r.arriving {
				b.arriving += size
			}
			return r, true
		}
		b.wait(p)
	}
	return room{}, false
}

// find returns a room of the size, if there is one. Frames that arrive have half of the budget: who stops in the middle
// of one leaves the rest to the others.
func (b *budget) find(p *part, r room) (_ room, fits bool) {
	switch free := b.most - b.clients - b.held; {
	case p.held+r.size <= free && (!r.arriving || b.arriving+r.size <= b.most/2):
	case p.held > 0:
		return r, false
	case isSmall(r.size):
	case b.spare:
		return r, false
	default:
		b.spare = true
		return room{size: r.size, spare: true}, true
	}
	return r, true
}

func (b *budget) wait(p *part) {
	if p.held > 0 { // it waits for its own results first
		b.freed.Wait()
		return
	}
	b.hungry++
	b.freed.Wait()
	b.hungry--
}

// wanted tells whether somebody has nothing, and waits for a room.
func (b *budget) wanted() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.hungry > 0
}

// arrived says that the frame is here.
func (b *budget) arrived(r room) room {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.land(r)
}

func (b *budget) land(r room) room {
	if r.arriving {
		b.arriving -= r.size
		r.arriving = false
		b.freed.Broadcast()
	}
	return r
}

// give gives rooms back.
func (b *budget) give(p *part, rooms ...room) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range rooms {
		b.release(p, r)
	}
}

func (b *budget) release(p *part, r room) {
	b.land(r)
	p.held -= r.size
	if r.spare {
		b.spare = false
	} else {
		b.held -= r.size
	}
	b.freed.Broadcast()
}

// shrink gives a room back but for a put's overhead.
func (b *budget) shrink(p *part, r room) room {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.release(p, r)
	b.held += putOverhead
	p.held += putOverhead
	return room{size: putOverhead}
}

// quit lets nobody wait for the part any more.
func (b *budget) quit(p *part) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p.gone = true
	b.freed.Broadcast()
}
