package kinesisjson_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/aws/smithy-go/eventstream"

	"github.com/kplkit/kplkit/internal/kinesisjson"
)

// TestFrames: messages come out one after the other, however their bytes come in, and are written as they were.
func TestFrames(t *testing.T) {
	one, two := message(t, event), kinesisjson.AppendFrame(nil, nil, nil)
	r, room := iotest.OneByteReader(bytes.NewReader(slices.Concat(one, two, one))), []byte(nil)
	for i, want := range [][]byte{one, two, one} {
		f, err := kinesisjson.ReadFrame(r, room, len(one))
		if err != nil || !bytes.Equal(f.Raw, want) || !bytes.Equal(kinesisjson.AppendFrame([]byte("before"), f.Headers, f.Payload)[6:], want) {
			t.Errorf("%d: %v", i, err)
		}
		room = f.Raw
	}
	if f, err := kinesisjson.ReadFrame(r, room, limit); err != io.EOF || len(f.Raw) > 0 {
		t.Errorf("at the end: %v", err)
	}
}

// TestDamagedFrames: a message that is cut, too long, or has a byte changed anywhere is an error; what came of it is there.
func TestDamagedFrames(t *testing.T) {
	whole := message(t, event)
	if _, err := kinesisjson.ReadFrame(bytes.NewReader(whole), nil, len(whole)-1); !errors.Is(err, kinesisjson.ErrFrame) {
		t.Errorf("longer than the limit: %v", err)
	}
	for i := 1; i < len(whole); i++ {
		if f, err := kinesisjson.ReadFrame(bytes.NewReader(whole[:i]), nil, limit); err != io.ErrUnexpectedEOF || !bytes.Equal(f.Raw, whole[:i]) {
			t.Errorf("cut after %d bytes: %v", i, err)
		}
	}
	for i := range whole {
		damaged := bytes.Clone(whole)
		damaged[i] ^= 0x10
		f, err := kinesisjson.ReadFrame(bytes.NewReader(damaged), nil, limit)
		if !errors.Is(err, kinesisjson.ErrFrame) || !bytes.HasPrefix(damaged, f.Raw) || len(f.Raw) == 0 {
			t.Errorf("byte %d changed: %v", i, err)
		}
	}
	for all, headers := range map[uint32]uint32{0: 0, 15: 0, 16: 1, 20: 5, 21: 1 << 31, 1<<32 - 1: 0, 17: 1<<32 - 1} { // lengths that can't be
		b := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, all), headers)
		b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
		b = append(b, make([]byte, 16)[:max(int(min(all, 32)), 16)-16]...)
		b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
		if _, err := kinesisjson.ReadFrame(bytes.NewReader(b), nil, limit); !errors.Is(err, kinesisjson.ErrFrame) {
			t.Errorf("%d bytes, %d of them headers: %v", all, headers, err)
		}
	}
	broken := errors.New("the connection is gone")
	if _, err := kinesisjson.ReadFrame(io.MultiReader(bytes.NewReader(whole[:50]), iotest.ErrReader(broken)), nil, limit); err != broken {
		t.Errorf("an error of the reader: %v", err)
	}
}

// TestFrameMemory: a length is no reason to make room for what does not come.
func TestFrameMemory(t *testing.T) {
	frame := kinesisjson.AppendFrame(nil, nil, make([]byte, 64<<20))
	used := allocated(func() { kinesisjson.ReadFrame(bytes.NewReader(frame[:100]), nil, 1<<30) })
	if used > 4<<20 {
		t.Errorf("%d bytes for 100", used)
	}
}

// FuzzFrame: what is read of any bytes, the SDK's decoder reads, too, and the same; what it refuses is refused.
func FuzzFrame(f *testing.F) {
	f.Add(kinesisjson.AppendFrame(nil, []byte("\x01a\x07\x00\x01b"), []byte("{}")))
	f.Add(kinesisjson.AppendFrame(nil, []byte("\x01a\x08\x00\x01b"), nil))
	for _, headers := range []string{"\x01", "\x05a", "\x01a\x07", "\x01a\x07\x00", "\x01a\x07\x00\x02b", "\x01a\x05123", "\x01a\x0a", "\x00\x00\x00\x01", "\x01a\x09123456789012345", "\x01a\x07\x00\x01b\x01a\x07\x00\x01c", "\x01a\x07\x00\x01b\x01a\x00", "\x01a\x07\x00\x01b\x30"} {
		f.Add(kinesisjson.AppendFrame(nil, []byte(headers), nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		checkFrame(t, b)
		if len(b) > 0 { // fuzzing finds no CRCs
			n := min(int(b[0]), len(b)-1)
			checkFrame(t, kinesisjson.AppendFrame(nil, b[1:1+n], b[1+n:]))
		}
	})
}

func checkFrame(t *testing.T, b []byte) {
	f, err := kinesisjson.ReadFrame(bytes.NewReader(b), nil, limit)
	want, refused := decode(b)
	f.Header("none") // of damaged headers, too
	switch {
	case err != nil && refused == nil:
		t.Errorf("%q: %v, and the SDK reads it", b, err)
	case err == nil && refused == nil:
		if !bytes.Equal(f.Payload, want.Payload) {
			t.Errorf("%q: payload %q, the SDK has %q", b, f.Payload, want.Payload)
		}
		for _, h := range want.Headers {
			text, _ := want.Headers.Get(h.Name).(eventstream.StringValue) // "" if it is something else
			if got := f.Header(h.Name); got != string(text) {
				t.Errorf("%q: header %q is %q, the SDK has %q", b, h.Name, got, text)
			}
		}
	case err == nil && !bytes.Equal(f.Raw, b[:len(f.Raw)]):
		t.Errorf("%q: changed", b)
	}
}

// decode is the SDK's decoder. It refuses headers of an unknown type by a panic.
func decode(b []byte) (m eventstream.Message, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("panic")
		}
	}()
	return eventstream.NewDecoder().Decode(bytes.NewReader(b), nil)
}
