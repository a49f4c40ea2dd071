package kplpipe

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
)

// ReadBuffer is how many bytes a Reader asks of its stream at once. A longer frame has memory of its own.
const ReadBuffer = 16 << 10

// Reader reads frames. It is for one goroutine.
type Reader struct {
	// Room is asked before memory is taken for the bytes of a message that does not fit the buffer. Its error ends the
	// Reader. Without it such a message takes twice what has arrived of it at most, whatever its length says.
	Room func(bytes int) error

	in     *bufio.Reader
	limit  uint32
	frame  int64 // that was begun last
	offset int64 // of the next frame
	err    error // after it nothing can be read
}

// NewReader returns a Reader that refuses messages of more than limit bytes, usually DaemonLimit or WrapperLimit. It
// reads ahead, and holds ReadBuffer besides the message that it is reading.
func NewReader(r io.Reader, limit int) *Reader {
	return &Reader{in: bufio.NewReaderSize(r, ReadBuffer), limit: uint32(limit)}
}

// Read returns the next message, which is the caller's. At a clean end the error is io.EOF, else a *FrameError.
func (r *Reader) Read() (*kplpb.Message, error) {
	frame, offset := r.frame+1, r.offset
	data, err := r.Next()
	if err != nil {
		return nil, err
	}
	m := new(kplpb.Message)
	if err := Unmarshal(data, m); err != nil {
		return nil, &FrameError{frame, offset, uint32(len(data)), err}
	}
	return m, nil
}

// Next returns the bytes of the next message, without looking at them. They are valid until the next call. At a
// clean end the error is io.EOF, else a *FrameError.
func (r *Reader) Next() ([]byte, error) {
	if r.err != nil {
		return nil, r.err
	}
	head, err := r.in.Peek(prefix)
	if err == io.EOF && len(head) == 0 {
		r.err = io.EOF
		return nil, r.err
	}
	r.frame++
	if err != nil {
		return nil, r.fail(0, err)
	}
	n := binary.BigEndian.Uint32(head)
	if n > r.limit {
		return nil, r.fail(n, fmt.Errorf("%w (the limit is %d)", ErrTooLong, r.limit))
	}
	data, err := r.message(int(n))
	if err != nil {
		return nil, r.fail(n, err)
	}
	r.offset += prefix + int64(n)
	return data, nil
}

// fail ends the Reader with the error of the frame that was begun last.
func (r *Reader) fail(length uint32, err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = ErrTruncated
	}
	r.err = &FrameError{r.frame, r.offset, length, err}
	return r.err
}

// isLong tells whether a message of n bytes does not fit the buffer.
func isLong(n int) bool { return prefix+n > ReadBuffer }

// message returns the n bytes after the length: those in the buffer, or memory of their own if they don't fit there.
func (r *Reader) message(n int) ([]byte, error) {
	if isLong(n) {
		r.in.Discard(prefix)
		return r.long(n)
	}
	data, err := r.in.Peek(prefix + n)
	r.in.Discard(len(data))
	if err != nil {
		return nil, err
	}
	return data[prefix:], nil
}

// long reads n bytes: into one piece of memory if there is room for it, else into one that grows as they arrive.
func (r *Reader) long(n int) ([]byte, error) {
	var data []byte
	size := ReadBuffer
	if r.Room != nil {
		if err := r.Room(n); err != nil {
			return nil, err
		}
		size = n
	}
	for ; len(data) < n; size *= 2 {
		grown := make([]byte, min(size, n))
		had := copy(grown, data)
		if _, err := io.ReadFull(r.in, grown[had:]); err != nil {
			return nil, err
		}
		data = grown
	}
	return data, nil
}
