package kpldaemon

import (
	"errors"
	"net"
	"os"
	"time"

	"github.com/kplkit/kplkit/internal/kplpipe"
	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
)

// frameTime is how long a large frame may keep its room while it arrives and others have none. arrivalLook is how often
// is looked for those, after that.
const (
	frameTime   = 5 * time.Second
	arrivalLook = time.Second
)

// Why nothing more is read from a client.
var (
	errGone = errors.New("nothing more is taken from the client")
	errSlow = errors.New("the frame did not arrive in time, and others waited for the room that it took: send a frame at once")
)

// arrival is a connection with a deadline for large frames, which holds only if somebody waits.
type arrival struct {
	net.Conn
	b *budget
}

func (a arrival) Read(p []byte) (int, error) {
	for {
		n, err := a.Conn.Read(p)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		if a.b.wanted() {
			return 0, errSlow
		}
		a.SetReadDeadline(time.Now().Add(arrivalLook))
	}
}

// expect takes room for a large frame, and starts its time.
func (c *conn) expect(size int) error {
	r, ok := c.d.budget.take(&c.part, int64(size)+putOverhead, true)
	if !ok {
		return errGone
	}
	c.frame = r
	if a, ok := c.from.(arrival); ok {
		a.SetReadDeadline(time.Now().Add(frameTime))
	}
	return nil
}

// next reads a message, and returns the room of its frame, if that is a large one.
func (c *conn) next() (p kplpipe.Put, other *kplpb.Message, frame room, err error) {
	p, other, err = c.in.ReadPut()
	if frame = c.frame; frame.size == 0 {
		return p, other, frame, err
	}
	c.frame = room{}
	if a, ok := c.from.(arrival); ok {
		a.SetReadDeadline(time.Time{})
	}
	return p, other, c.d.budget.arrived(frame), err
}
