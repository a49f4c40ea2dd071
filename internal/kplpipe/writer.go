package kplpipe

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
)

// writeBuffer is how many bytes of frames may wait while others are being written.
const writeBuffer = 256 << 10

// ErrClosed is what Send returns after Close.
var ErrClosed = errors.New("kplpipe: the writer is closed")

// Writer writes frames, whole and in the order of Send. It is safe for concurrent use.
//
// One goroutine of its own writes: what is sent while it writes goes out together with its next write. So a frame
// never waits for anything but the frames before it, and there is nothing to flush for. It ends with Close, or with the
// first write that fails. A write that hangs ends when the owner closes the stream.
type Writer struct {
	out   io.Writer
	limit int
	most  int           // bytes of frames that may wait
	wake  chan struct{} // has room for one: there is something to do
	done  chan struct{} // closed at the end of the goroutine

	mu      sync.Mutex    // never held while writing
	waiting []byte        // frames that are not being written yet
	writing bool          // others are
	moved   chan struct{} // closed when waiting has been taken or written, and made anew
	closed  bool
	err     error
}

// NewWriter returns a Writer that refuses messages of more than limit bytes: what the other side reads at most. It
// holds up to 256 KiB and one message that wait, and as much that is being written.
func NewWriter(w io.Writer, limit int) *Writer { return NewWriterSize(w, limit, writeBuffer) }

// NewWriterSize returns a Writer that holds another number of bytes than 256 KiB.
func NewWriterSize(w io.Writer, limit, size int) *Writer {
	out := &Writer{out: w, limit: limit, most: size, wake: make(chan struct{}, 1), done: make(chan struct{}), moved: make(chan struct{})}
	go out.loop()
	return out
}

// Send takes over a message: m may be changed afterwards. It waits while the buffer is full, until ctx is done. An
// error means that nothing of m was written, and that of a failed write also that nothing more will be; no error does
// not mean that the other side has it.
func (w *Writer) Send(ctx context.Context, m *kplpb.Message) error {
	size := proto.Size(m)
	if size > w.limit {
		return fmt.Errorf("kplpipe: message %d, %d bytes long: %w (the limit is %d)", m.GetId(), size, ErrTooLong, w.limit)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		switch {
		case w.err != nil:
			return w.err
		case w.closed:
			return ErrClosed
		case len(w.waiting) < w.most:
			return w.append(m, size)
		}
		if err := w.wait(ctx); err != nil {
			return err
		}
	}
}

// Sync waits until all that was sent is written, or ctx is done.
func (w *Writer) Sync(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.err == nil && (w.writing || len(w.waiting) > 0) {
		if err := w.wait(ctx); err != nil {
			return err
		}
	}
	return w.err
}

// wait waits for the next step of the writing goroutine. It gives the lock up meanwhile.
func (w *Writer) wait(ctx context.Context) error {
	moved := w.moved
	w.mu.Unlock()
	defer w.mu.Lock()
	select {
	case <-moved:
	case <-w.done:
	case <-ctx.Done():
		return fmt.Errorf("kplpipe: the other side does not read: %w", context.Cause(ctx))
	}
	return nil
}

func (w *Writer) append(m *kplpb.Message, size int) error {
	at := len(w.waiting)
	framed, err := proto.MarshalOptions{}.MarshalAppend(append(w.waiting, 0, 0, 0, 0), m)
	if err != nil {
		return fmt.Errorf("kplpipe: message %d: %w", m.GetId(), err) // a required field is missing
	}
	binary.BigEndian.PutUint32(framed[at:], uint32(size))
	w.waiting = framed
	w.signal()
	return nil
}

func (w *Writer) signal() {
	select {
	case w.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// Close writes what was sent, and ends the Writer. It waits for that until ctx is done; then close the stream, which
// ends the goroutine. It does not close the stream itself.
func (w *Writer) Close(ctx context.Context) error {
	w.mu.Lock()
	w.closed = true
	w.signal()
	w.mu.Unlock()
	select {
	case <-w.done:
		return w.Err()
	case <-ctx.Done():
		return fmt.Errorf("kplpipe: the other side does not read: %w", context.Cause(ctx))
	}
}

// Done is closed when nothing is written any more: after Close, or after a write that failed.
func (w *Writer) Done() <-chan struct{} { return w.done }

// Err returns the error of the write that failed, or nil.
func (w *Writer) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

func (w *Writer) loop() {
	defer close(w.done)
	var empty []byte
	for range w.wake {
		frames, closed := w.take(empty)
		if len(frames) > 0 {
			if _, err := w.out.Write(frames); err != nil {
				w.fail(err)
				return
			}
		}
		empty = w.written(frames)
		if closed {
			return
		}
	}
}

// take exchanges the frames that wait for the empty buffer of those that were written.
func (w *Writer) take(empty []byte) (frames []byte, closed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	frames, w.waiting = w.waiting, empty
	w.writing = true
	w.move()
	return frames, w.closed
}

// written returns the buffer of frames that are written, to be used again.
func (w *Writer) written(frames []byte) (empty []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writing = false
	w.move()
	if cap(frames) > 2*w.most { // a large message is no reason to keep its room for ever
		return nil
	}
	return frames[:0]
}

// move wakes all who wait. It is called with the lock held.
func (w *Writer) move() {
	close(w.moved)
	w.moved = make(chan struct{})
}

func (w *Writer) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = fmt.Errorf("kplpipe: writing to the other side: %w", err)
}
