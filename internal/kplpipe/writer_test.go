package kplpipe

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
)

// slow is a stream that takes a second for each write and notes them.
type slow struct {
	mu     sync.Mutex
	writes [][]byte
}

func (s *slow) Write(p []byte) (int, error) {
	time.Sleep(time.Second)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes = append(s.writes, bytes.Clone(p))
	return len(p), nil
}

// TestFramesTravelTogether: what is sent during a write goes out with the next one, and a frame alone goes at once.
func TestFramesTravelTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &slow{}
		w := NewWriter(out, DaemonLimit)
		send := func(id uint64) {
			if err := w.Send(t.Context(), put(id, "data")); err != nil {
				t.Fatal(err)
			}
		}
		send(1)
		synctest.Wait() // it is being written now
		for id := range uint64(100) {
			send(id)
		}
		time.Sleep(2*time.Second + 1) // no Flush, no Close: all of it is out all the same
		out.mu.Lock()
		if len(out.writes) != 2 {
			t.Errorf("%d writes for 1 and 100 frames", len(out.writes))
		}
		out.mu.Unlock()
		if err := w.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestManySenders: frames of many goroutines come out whole, each goroutine's in its order.
func TestManySenders(t *testing.T) {
	in, out := io.Pipe()
	w := NewWriter(out, DaemonLimit)
	const senders, each = 8, 500
	var all sync.WaitGroup
	for s := range uint64(senders) {
		all.Go(func() {
			for i := range uint64(each) {
				if err := w.Send(t.Context(), put(s<<32|i, strings.Repeat("x", int(i)))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	go func() {
		all.Wait()
		w.Close(t.Context())
		out.Close()
	}()
	r := NewReader(in, DaemonLimit)
	var next [senders]uint64
	for range senders * each {
		m, err := r.Read()
		if err != nil {
			t.Fatal(err)
		}
		s, i := m.GetId()>>32, m.GetId()&(1<<32-1)
		if i != next[s] || uint64(len(m.GetPutRecord().GetData())) != i {
			t.Fatalf("sender %d: message %d with %d bytes, want %d", s, i, len(m.GetPutRecord().GetData()), next[s])
		}
		next[s]++
	}
	if _, err := r.Read(); err != io.EOF {
		t.Error(err)
	}
}

// TestStoppedReader: Send waits once the buffer is full, no longer than its context, and what waits is bounded.
func TestStoppedReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, out := io.Pipe() // nobody reads
		w := NewWriter(out, DaemonLimit)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		sent := 0
		var err error
		for ; err == nil; sent += 100 << 10 {
			err = w.Send(ctx, put(1, strings.Repeat("x", 100<<10)))
		}
		if !errors.Is(err, context.DeadlineExceeded) || sent > 2*(writeBuffer+200<<10) {
			t.Errorf("%v after %d bytes", err, sent)
		}
		if err := w.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if err := w.Send(t.Context(), put(2, "")); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
		in.Close() // the owner's way to end it
		<-w.Done()
		if err := w.Err(); !errors.Is(err, io.ErrClosedPipe) {
			t.Error(err)
		}
	})
}

// A write that fails ends those who wait, and all later ones.
func TestWriteError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, out := io.Pipe()
		w := NewWriter(out, DaemonLimit)
		failed := make(chan error)
		go func() {
			for {
				if err := w.Send(t.Context(), put(1, strings.Repeat("x", 100<<10))); err != nil {
					failed <- err
					return
				}
			}
		}()
		synctest.Wait()
		broken := errors.New("broken")
		in.CloseWithError(broken)
		if err := <-failed; !errors.Is(err, broken) {
			t.Error(err)
		}
		if err := w.Close(t.Context()); !errors.Is(err, broken) {
			t.Error(err)
		}
	})
}

// What can't be sent leaves no bytes behind.
func TestRefusedMessages(t *testing.T) {
	var out bytes.Buffer
	m := put(1, "data")
	w := NewWriter(&out, proto.Size(m))
	if err := w.Send(t.Context(), put(1, "data!")); !errors.Is(err, ErrTooLong) {
		t.Error(err)
	}
	if err := w.Send(t.Context(), &kplpb.Message{}); err == nil {
		t.Error("a message without id was sent")
	}
	if err := w.Send(t.Context(), m); err != nil {
		t.Error(err)
	}
	if err := w.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if want := frame(marshal(t, m)...); !bytes.Equal(out.Bytes(), want) {
		t.Errorf("%x, want %x", out.Bytes(), want)
	}
}

// The room of a large message is given back.
func TestRoomIsGivenBack(t *testing.T) {
	w := &Writer{moved: make(chan struct{}), most: writeBuffer}
	for size, want := range map[int]int{3 * writeBuffer: 0, writeBuffer: writeBuffer} {
		if got := cap(w.written(make([]byte, size))); got != want {
			t.Errorf("of %d bytes %d are kept", size, got)
		}
	}
}

// TestSync: it waits until all is written, not for what is sent later, and no longer than it may.
func TestSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from, to := io.Pipe()
		w := NewWriterSize(to, DaemonLimit, 10)
		if err := w.Sync(t.Context()); err != nil {
			t.Errorf("without a message: %v", err)
		}
		for id := range uint64(2) { // one is being written, one waits
			if err := w.Send(t.Context(), put(id, "data")); err != nil {
				t.Fatal(err)
			}
		}
		brief, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for name, fn := range map[string]func(context.Context) error{
			"Send": func(ctx context.Context) error { return w.Send(ctx, put(2, "data")) }, "Sync": w.Sync,
		} {
			if err := fn(brief); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v, though nobody reads", name, err)
			}
		}
		go io.Copy(io.Discard, from)
		if err := w.Sync(t.Context()); err != nil {
			t.Error(err)
		}
		from.Close()
		_ = w.Send(t.Context(), put(3, "data"))
		if err := w.Sync(t.Context()); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("%v, though nobody reads any more", err)
		}
	})
}

func BenchmarkSend(b *testing.B) {
	w := NewWriter(io.Discard, DaemonLimit)
	m := put(1<<40, strings.Repeat("x", 100))
	b.ReportAllocs()
	for b.Loop() {
		if err := w.Send(b.Context(), m); err != nil {
			b.Fatal(err)
		}
	}
	w.Close(b.Context())
}
