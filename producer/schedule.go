package producer

import (
	"container/heap"
	"time"
)

// schedule is when lanes have something to send. No wake-up of the loop looks at all lanes: there may be ten thousand, of
// which one has changed.
//
// A lane that has something to send is ready, or rests until its notBefore, or is blocked: then an answer will tell. What
// changes in a lane is noted by change; update, which comes before each look at the schedule, puts it where it belongs.
type schedule struct {
	ready   laneHeap // by due
	resting laneHeap // by notBefore
	changed []*lane

	loaded []*lane // of the ready ones, those with stored records that wait
	sum    load    // of loaded
}

// load is what waits: stored records, their bytes, and lanes that have laneVolume of them.
type load struct{ count, bytes, volumes int }

func (x *load) add(y load, sign int) {
	x.count += sign * y.count
	x.bytes += sign * y.bytes
	x.volumes += sign * y.volumes
}

// spot is where the schedule has a lane.
type spot struct {
	at      time.Time
	heap    *laneHeap // nil: in none
	index   int       // in heap
	late    bool      // it was due when it came to be ready
	changed bool
	loaded  int  // 1 + the index in loaded; 0: not there
	load    load // as it is counted in sum
}

// change notes that something is new about a lane.
func (s *schedule) change(lanes ...*lane) {
	for _, n := range lanes {
		if !n.spot.changed {
			n.spot.changed = true
			s.changed = append(s.changed, n)
		}
	}
}

// update puts lanes where they belong.
func (l *loop) update(now time.Time) *schedule {
	s := &l.schedule
	for s.resting.isDue(now) {
		n := s.resting.first()
		s.remove(n)
		s.change(n)
	}
	for _, n := range s.changed {
		n.spot.changed = false
		s.remove(n)
		due, any := n.due()
		switch {
		case !any || n.retired || n.blocked():
		case now.Before(n.notBefore):
			s.resting.add(n, n.notBefore)
		default:
			n.spot.late = !now.Before(due)
			s.ready.add(n, due)
			s.load(n)
		}
	}
	clear(s.changed)
	s.changed = s.changed[:0]
	return s
}

// remove takes a lane out.
func (s *schedule) remove(n *lane) {
	x := &n.spot
	if x.heap != nil {
		heap.Remove(x.heap, x.index)
		x.heap = nil
	}
	if x.loaded == 0 {
		return
	}
	end := len(s.loaded) - 1
	s.loaded[x.loaded-1] = s.loaded[end]
	s.loaded[end].spot.loaded = x.loaded
	s.loaded[end] = nil
	s.loaded = s.loaded[:end]
	s.sum.add(x.load, -1)
	x.loaded = 0
}

// load counts what waits in a lane that is ready.
func (s *schedule) load(n *lane) {
	if len(n.waiting) == 0 {
		return
	}
	s.loaded = append(s.loaded, n)
	n.spot.loaded, n.spot.load = len(s.loaded), load{count: len(n.waiting), bytes: n.bytes}
	if n.bytes >= laneVolume {
		n.spot.load.volumes = 1
	}
	s.sum.add(n.spot.load, 1)
}

// laneHeap is a heap of lanes, the earliest first, as container/heap keeps it.
type laneHeap []*lane

func (h *laneHeap) add(n *lane, at time.Time) {
	n.spot.at, n.spot.heap = at, h
	heap.Push(h, n)
}

// first returns the earliest lane, nil if there is none.
func (h laneHeap) first() *lane {
	if len(h) == 0 {
		return nil
	}
	return h[0]
}

func (h laneHeap) isDue(now time.Time) bool { return len(h) > 0 && !now.Before(h[0].spot.at) }

func (h laneHeap) Len() int           { return len(h) }
func (h laneHeap) Less(i, j int) bool { return h[i].spot.at.Before(h[j].spot.at) }

func (h laneHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].spot.index, h[j].spot.index = i, j
}

func (h *laneHeap) Push(x any) {
	n := x.(*lane)
	n.spot.index = len(*h)
	*h = append(*h, n)
}

func (h *laneHeap) Pop() any {
	end := len(*h) - 1
	n := (*h)[end]
	(*h)[end] = nil
	*h = (*h)[:end]
	return n
}
