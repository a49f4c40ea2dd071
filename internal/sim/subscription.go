package sim

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"syscall"
	"time"
)

// subscription is the body of a SubscribeToShard answer, on its way to a host.
type subscription struct {
	call   *call
	body   io.ReadCloser
	cancel context.CancelFunc
	broken atomic.Bool
	cutter *time.Timer
}

func newSubscription(c *call, body io.ReadCloser, cancel context.CancelFunc) *subscription {
	s := &subscription{call: c, body: body, cancel: cancel}
	if c.cut > 0 {
		s.cutter = time.AfterFunc(c.cut, func() {
			c.trace("cut")
			s.broken.Store(true)
			cancel()
		})
	}
	return s
}

// Read delivers what was pushed. What had to be waited for takes a jitter, as requests do; a dead host reads nothing.
func (s *subscription) Read(p []byte) (int, error) {
	s.call.host.Live()
	asked := time.Now()
	n, err := s.body.Read(p)
	if time.Now().After(asked) {
		s.call.travel(time.Duration(s.call.jitter.Int64N(int64(time.Millisecond))))
	}
	s.call.host.Live()
	if err != nil && s.broken.Load() {
		err = fmt.Errorf("sim: %w", syscall.ECONNRESET)
	}
	return n, err
}

func (s *subscription) Close() error {
	if s.cutter != nil {
		s.cutter.Stop()
	}
	s.cancel()
	return s.body.Close()
}
