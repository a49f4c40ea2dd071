package kplpipe

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
)

// frame returns a frame with these bytes as its message.
func frame(message ...byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(message))), message...)
}

func marshal(t testing.TB, m *kplpb.Message) []byte {
	data, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func put(id uint64, data string) *kplpb.Message {
	return &kplpb.Message{Id: &id, ActualMessage: &kplpb.Message_PutRecord{PutRecord: &kplpb.PutRecord{
		StreamName: proto.String("orders"), PartitionKey: proto.String("key"), Data: []byte(data),
	}}}
}

func TestFaultyFrames(t *testing.T) {
	good := frame(marshal(t, put(1, "data"))...)
	after := func(bad ...byte) []byte { return append(bytes.Clone(good), bad...) }
	at := int64(len(good))
	for _, tt := range []struct {
		name    string
		in      []byte
		want    error
		length  uint32
		skipped bool
	}{
		{"no frame at all", after(), io.EOF, 0, false},
		{"half a length", after(0, 0), ErrTruncated, 0, false},
		{"a length alone", after(0, 0, 0, 5), ErrTruncated, 5, false},
		{"half a message", after(0, 0, 0, 5, 8), ErrTruncated, 5, false},
		{"half a long message", after(0, 8, 0, 0, 8), ErrTruncated, 8 << 16, false},
		{"one byte too long", after(0, 0xb0, 0, 1), ErrTooLong, DaemonLimit + 1, false},
		{"another protocol", after([]byte("GET / HTTP/1.1\r\n")...), ErrTooLong, 0x47455420, false},
		{"the longest length", after(0xff, 0xff, 0xff, 0xff), ErrTooLong, math.MaxUint32, false},
		{"no message", after(frame()...), ErrNoID, 0, true},
		{"garbage", after(frame(0xff, 0xff)...), ErrProtobuf, 2, true},
		{"a flush without id", after(frame(0x22, 0)...), ErrNoID, 2, true},
		{"an id alone", after(frame(8, 1)...), ErrNoContent, 2, true},
		{"content of another version", after(frame(8, 1, 0x7a, 0)...), ErrNoContent, 4, true},
		{"a put without stream", after(frame(8, 1, 0x1a, 0)...), ErrProtobuf, 4, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := NewReader(bytes.NewReader(append(tt.in, good...)[:len(tt.in)+len(good)*btoi(tt.skipped)]), DaemonLimit)
			if _, err := r.Read(); err != nil {
				t.Fatal(err)
			}
			_, err := r.Read()
			if !errors.Is(err, tt.want) {
				t.Fatalf("%v, want %v", err, tt.want)
			}
			if tt.want == io.EOF {
				return
			}
			var fe *FrameError
			if !errors.As(err, &fe) || fe.Frame != 2 || fe.Offset != at || fe.Length != tt.length || fe.Skipped() != tt.skipped {
				t.Errorf("%+v (%v), want frame 2 at %d, %d bytes long, skipped: %v", fe, err, at, tt.length, tt.skipped)
			}
			if _, next := r.Read(); tt.skipped && next != nil || !tt.skipped && next != err {
				t.Errorf("the next Read: %v", next)
			}
		})
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// An error of the stream itself comes through.
func TestReadError(t *testing.T) {
	broken := errors.New("broken")
	good := frame(marshal(t, put(1, "data"))...)
	for n := range good {
		r := NewReader(io.MultiReader(bytes.NewReader(good[:n]), iotest.ErrReader(broken)), DaemonLimit)
		if _, err := r.Read(); !errors.Is(err, broken) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
}

// TestClaimedLength: a length of 11 MiB with three bytes after it costs what has arrived.
func TestClaimedLength(t *testing.T) {
	in := append(binary.BigEndian.AppendUint32(nil, DaemonLimit), 1, 2, 3)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := NewReader(bytes.NewReader(in), DaemonLimit).Read()
	runtime.ReadMemStats(&after)
	if !errors.Is(err, ErrTruncated) {
		t.Error(err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 4*ReadBuffer {
		t.Errorf("took %d bytes", took)
	}
}

// TestRoom: it is asked for messages that do not fit the buffer, before they arrive, and may end the Reader. What it allows
// takes memory once.
func TestRoom(t *testing.T) {
	full := errors.New("no room")
	long := marshal(t, put(2, strings.Repeat("x", 1<<20)))
	in := append(frame(marshal(t, put(1, "data"))...), frame(long...)...)
	r := NewReader(io.MultiReader(bytes.NewReader(in), bytes.NewReader(in[:len(in)-len(long)])), DaemonLimit)
	var asked []int
	r.Room = func(n int) error {
		if asked = append(asked, n); len(asked) > 1 {
			return full
		}
		return nil
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for id := range uint64(3) {
		if p, _, err := r.ReadPut(); err != nil || p.ID != id%2+1 {
			t.Fatal(p.ID, err)
		}
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > uint64(len(long))+64<<10 {
		t.Errorf("a message of %d bytes took %d", len(long), took)
	}
	if _, _, err := r.ReadPut(); !errors.Is(err, full) || !slices.Equal(asked, []int{len(long), len(long)}) {
		t.Errorf("%v, asked for %d", err, asked)
	}
}

// Messages that just fit into the buffer, and that just do not.
func TestBufferEdge(t *testing.T) {
	for size := ReadBuffer - 100; size < ReadBuffer+10; size++ {
		m := put(1, strings.Repeat("x", size))
		two := bytes.Repeat(frame(marshal(t, m)...), 2)
		r := NewReader(bytes.NewReader(two), DaemonLimit)
		for range 2 {
			if got, err := r.Read(); err != nil || !proto.Equal(got, m) {
				t.Fatalf("%d bytes of data: %v", size, err)
			}
		}
	}
}

// The longest message is read, and one more byte is not.
func TestLimit(t *testing.T) {
	m := put(1, strings.Repeat("x", 1<<20))
	data := frame(marshal(t, m)...)
	got, err := NewReader(iotest.HalfReader(bytes.NewReader(data)), len(data)-prefix).Read()
	if err != nil || !proto.Equal(got, m) {
		t.Errorf("%v", err)
	}
	if _, err := NewReader(bytes.NewReader(data), len(data)-prefix-1).Read(); !errors.Is(err, ErrTooLong) {
		t.Error(err)
	}
}

// anyMessage draws a message of any kind: fields that must be there are, others may be.
var anyMessage = rapid.Custom(func(t *rapid.T) *kplpb.Message {
	m := &kplpb.Message{Id: proto.Uint64(rapid.Uint64().Draw(t, "id"))}
	if rapid.Bool().Draw(t, "answers") {
		m.SourceId = proto.Uint64(rapid.Uint64().Draw(t, "source_id"))
	}
	oneof := m.ProtoReflect().Descriptor().Oneofs().Get(0).Fields()
	kind := oneof.Get(rapid.IntRange(0, oneof.Len()-1).Draw(t, "kind"))
	fill(t, m.ProtoReflect().Mutable(kind).Message())
	return m
})

// cuts reads as much at a time as was drawn.
type cuts struct {
	in io.Reader
	t  *rapid.T
}

func (c cuts) Read(p []byte) (int, error) {
	return c.in.Read(p[:min(len(p), rapid.IntRange(1, 40).Draw(c.t, "read"))])
}

// TestAnySplit: any messages survive any split of their bytes, written by the Writer and cut anywhere.
func TestAnySplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		messages := rapid.SliceOfN(anyMessage, 0, 5).Draw(t, "messages")
		var wire bytes.Buffer
		w := NewWriter(&wire, DaemonLimit)
		for _, m := range messages {
			if err := w.Send(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		r := NewReader(cuts{&wire, t}, DaemonLimit)
		for i, m := range messages {
			got, err := r.Read()
			if err != nil || !proto.Equal(got, m) {
				t.Fatalf("message %d: %v, %v, want %v", i, got, err, m)
			}
		}
		if _, err := r.Read(); err != io.EOF {
			t.Fatal(err)
		}
	})
}

// FuzzReader: no bytes make it panic, and its errors say where.
func FuzzReader(f *testing.F) {
	f.Add(frame(8, 1, 0x22, 0))
	f.Add(append(frame(8, 1, 0x22, 0), 0, 0xb0, 0, 0, 1, 2, 3))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := NewReader(bytes.NewReader(in), DaemonLimit)
		for frames := int64(1); ; frames++ {
			m, err := r.Read()
			var fe *FrameError
			switch {
			case err == nil:
				if m.Id == nil || m.ActualMessage == nil {
					t.Fatalf("accepted %v", m)
				}
				continue
			case err == io.EOF:
				return
			case !errors.As(err, &fe):
				t.Fatalf("%T: %v", err, err)
			case fe.Frame != frames || fe.Offset > int64(len(in)):
				t.Fatalf("frame %d: %+v of %d bytes", frames, fe, len(in))
			case !fe.Skipped():
				return
			}
		}
	})
}
