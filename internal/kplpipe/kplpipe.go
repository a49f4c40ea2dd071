// Package kplpipe is the KPL's pipe protocol: frames over FIFOs, sockets or any other stream of bytes, and messages as
// arguments of the process. Both sides use it: the daemon that stands in for the KPL's native binary, and the parent
// that runs either of the two.
//
// A frame is the length of a message, 4 bytes big-endian, and the message (package kplpb).
// docs/separate-process.md says what the messages mean and who sends which.
package kplpipe

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
)

// The largest message that each side of the KPL takes, in bytes, since 1.0.6. Before, it was 2 MiB and 8 MiB.
const (
	DaemonLimit  = 11 << 20 // that the native binary reads, and writes
	WrapperLimit = 12 << 20 // that the Java wrapper reads
)

// prefix is the length of a frame's length.
const prefix = 4

// What can be wrong with a frame. After ErrTruncated and ErrTooLong nothing more can be read: where the next frame
// starts is not known. After the others it is, and the Reader goes on with it.
var (
	ErrTruncated = errors.New("the stream ends in the middle of a frame: the other side died or was stopped while it wrote")
	ErrTooLong   = errors.New("the message is longer than the limit: send less in one message, or the other side does not speak this protocol")
	ErrProtobuf  = errors.New("this is not a message: the other side does not speak this protocol, or the bytes are damaged")
	ErrNoID      = errors.New("the message has no id: give each message one")
	ErrNoContent = errors.New("the message has no content that is known here: put_record, flush, put_record_result, configuration, metrics_request, metrics_response, set_credentials or stream_metadata")
)

// FrameError says what is wrong with a frame, and where it is.
type FrameError struct {
	Frame  int64  // its number on this stream, from 1
	Offset int64  // of its first byte, that of the length, from the start of the stream
	Length uint32 // of the message, in bytes, as the frame says; 0 if that is not known
	Err    error  // one of those above, or what the stream returned
}

func (e *FrameError) Error() string {
	return fmt.Sprintf("kplpipe: frame %d at byte %d, %d bytes long: %v", e.Frame, e.Offset, e.Length, e.Err)
}

func (e *FrameError) Unwrap() error { return e.Err }

// Skipped tells whether the Reader has passed over the frame and can read the next one.
func (e *FrameError) Skipped() bool {
	return errors.Is(e.Err, ErrProtobuf) || errors.Is(e.Err, ErrNoID) || errors.Is(e.Err, ErrNoContent)
}

// partial reads messages that lack required fields, so that the error can say which.
var partial = proto.UnmarshalOptions{AllowPartial: true}

// Unmarshal reads a message and checks that it has an id and content. Of a message that fails, m may hold a part.
func Unmarshal(data []byte, m *kplpb.Message) error {
	err := proto.Unmarshal(data, m)
	if err != nil && partial.Unmarshal(data, m) != nil {
		return fmt.Errorf("%w (%v)", ErrProtobuf, err)
	}
	switch {
	case m.Id == nil:
		return ErrNoID
	case m.ActualMessage == nil:
		return ErrNoContent
	case err != nil: // a required field further inside
		return fmt.Errorf("%w (%v)", ErrProtobuf, err)
	}
	return nil
}
