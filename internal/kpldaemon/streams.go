package kpldaemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kplkit/kplkit/internal/kplpipe"
)

// maxStreams bounds what a client can make by putting to ever new names.
const maxStreams = 1000

// idleTime is how long a stream that took records keeps its place without puts. Its metrics are uploaded by then.
const idleTime = 2 * time.Minute

var errStream = errors.New("there can be no such stream")

var errTooManyStreams = fmt.Errorf("this process puts into %d streams already: start another one", maxStreams)

// stream returns the stream of a name, which has one put more.
func (d *Daemon) stream(name string, now time.Time) (*stream, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.streams[name]
	switch {
	case s != nil:
	case d.closed:
		return nil, errClosing
	case !kplpipe.IsStream(name):
		return nil, errStream
	case len(d.streams) == maxStreams && !d.evict(now):
		return nil, errTooManyStreams
	default:
		s = &stream{d: d, name: name}
		s.cancelled, s.cancel = context.WithCancel(context.Background())
		d.streams[name] = s
	}
	s.used = now
	s.held.Add(1)
	return s, nil
}

// evict takes the place of a stream that needs none: it holds nothing, and nothing was ever stored in it or it is idle
// for long. It reports false if there is none. It is called with the lock held.
func (d *Daemon) evict(now time.Time) bool {
	for name, s := range d.streams {
		if s.held.Load() > 0 || s.stored.Load() && now.Sub(s.used) < idleTime {
			continue
		}
		delete(d.streams, name)
		go func() {
			s.close(s.cancelled)
			d.counters.forget(name)
		}()
		return true
	}
	return false
}

// resulted notes that a put has its result.
func (s *stream) resulted(err error) {
	if err == nil {
		s.stored.Store(true)
	}
	s.held.Add(-1)
}
