package kinesisjson

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
)

// ErrFrame says that a stream of events is damaged: nothing that follows can be read.
var ErrFrame = errors.New("a damaged message in the stream of events")

// Frame is a message of application/vnd.amazon.eventstream: its own length and that of its headers, a CRC of both,
// headers, payload, and a CRC of all that.
type Frame struct {
	Raw              []byte // all of it
	Headers, Payload []byte // as they came
}

const (
	preludeLen = 12 // two lengths and their CRC
	frameLen   = preludeLen + 4
	readAtOnce = 1 << 20 // a length is no reason to make room for more than this before it comes
)

// ReadFrame reads the next message of at most limit bytes, into room if it is large enough. At the end of the stream the
// error is io.EOF; within a message, io.ErrUnexpectedEOF; and [ErrFrame] if a length or a CRC is wrong. Then Raw has what
// was read of it, to be passed on.
func ReadFrame(r io.Reader, room []byte, limit int) (Frame, error) {
	b, err := appendFrom(room[:0], r, preludeLen)
	if err != nil {
		return Frame{Raw: b}, err
	}
	all, headers := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	switch {
	case crc32.ChecksumIEEE(b[:8]) != binary.BigEndian.Uint32(b[8:]):
		return Frame{Raw: b}, fmt.Errorf("kinesisjson: %w: the CRC of its lengths is wrong", ErrFrame)
	case all < frameLen || headers > all-frameLen || uint64(all) > uint64(limit):
		return Frame{Raw: b}, fmt.Errorf("kinesisjson: %w: %d bytes with %d of headers, the limit is %d", ErrFrame, all, headers, limit)
	}
	if b, err = appendFrom(b, r, int(all)-preludeLen); err != nil {
		return Frame{Raw: b}, unexpected(err)
	}
	end := len(b) - 4
	if crc32.ChecksumIEEE(b[:end]) != binary.BigEndian.Uint32(b[end:]) {
		return Frame{Raw: b}, fmt.Errorf("kinesisjson: %w: its CRC is wrong", ErrFrame)
	}
	payload := preludeLen + int(headers)
	return Frame{Raw: b, Headers: b[preludeLen:payload:payload], Payload: b[payload:end:end]}, nil
}

// appendFrom appends n bytes of r to b, or those that come before an error.
func appendFrom(b []byte, r io.Reader, n int) ([]byte, error) {
	for n > 0 {
		size := min(n, readAtOnce)
		b = slices.Grow(b, size)
		got, err := io.ReadFull(r, b[len(b):len(b)+size])
		b, n = b[:len(b)+got], n-got
		if err != nil {
			return b, err
		}
	}
	return b, nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// AppendFrame appends a message to dst, with the CRCs that it has to have.
func AppendFrame(dst, headers, payload []byte) []byte {
	from := len(dst)
	dst = binary.BigEndian.AppendUint32(dst, uint32(frameLen+len(headers)+len(payload)))
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(headers)))
	dst = binary.BigEndian.AppendUint32(dst, crc32.ChecksumIEEE(dst[from:]))
	dst = append(append(dst, headers...), payload...)
	return binary.BigEndian.AppendUint32(dst, crc32.ChecksumIEEE(dst[from:]))
}

// headerSizes are the sizes of the values of headers by their type; those of types 6 and 7, bytes and text, say theirs.
var headerSizes = [10]int{0, 0, 1, 2, 4, 8, -1, -1, 8, 16}

const textHeader = 7

// Header returns the value of a header that is a text, such as :message-type ("event"), :event-type
// ("SubscribeToShardEvent") or :content-type; "" if there is none. Of several with the name the last counts, and of damaged headers
// those before the damage do, as in the SDK.
func (f Frame) Header(name string) string {
	value := ""
	for b := f.Headers; len(b) > 0; {
		n := int(b[0])
		if len(b) < n+2 || int(b[n+1]) >= len(headerSizes) {
			return value
		}
		key, kind := b[1:n+1], b[n+1]
		b = b[n+2:]
		size := headerSizes[kind]
		if size < 0 {
			if len(b) < 2 {
				return value
			}
			size, b = int(binary.BigEndian.Uint16(b)), b[2:]
		}
		if len(b) < size {
			return value
		}
		if string(key) == name {
			value = ""
			if kind == textHeader {
				value = string(b[:size])
			}
		}
		b = b[size:]
	}
	return value
}
