package kpldaemon

import (
	"context"

	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
)

// flush sends what is held. Of many at a time two count: the one under way, and one more.
func (d *Daemon) flush(f *kplpb.Flush) {
	d.mu.Lock()
	var streams []*stream
	for name, s := range d.streams {
		if f.StreamName == nil || f.GetStreamName() == name {
			streams = append(streams, s)
		}
	}
	d.mu.Unlock()
	for _, s := range streams {
		s.flush()
	}
}

func (s *stream) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closing:
	case s.flushing:
		s.again = true
	default:
		s.flushing = true
		go s.flushAll()
	}
}

func (s *stream) flushAll() {
	for {
		s.drain(s.cancelled)
		s.mu.Lock()
		p := s.p
		s.again = false
		s.mu.Unlock()
		if p != nil {
			_ = p.Flush(s.cancelled) // who asked hears of each put's result
		}
		s.mu.Lock()
		if !s.again || s.closing {
			s.flushing = false
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
	}
}

// drain waits until nothing waits to be put.
func (s *stream) drain(ctx context.Context) {
	for {
		s.mu.Lock()
		feeding, fed := s.feeding, s.fed
		s.mu.Unlock()
		if !feeding {
			return
		}
		select {
		case <-fed:
		case <-ctx.Done():
			return
		}
	}
}
