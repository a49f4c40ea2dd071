package kpldaemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/internal/kplpipe"
	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
)

// TestCutOff: a client that does not speak the protocol is cut off, what it put before has its results, and another one
// goes on.
func TestCutOff(t *testing.T) {
	for name, x := range map[string]struct {
		bytes string
		end   bool // of its pipe
		want  error
	}{
		"another protocol":          {"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", false, kplpipe.ErrTooLong},
		"a huge length":             {"\xff\xff\xff\xff", false, kplpipe.ErrTooLong},
		"the middle of a length":    {"\x00\x00", true, kplpipe.ErrTruncated},
		"the middle of a frame":     {"\x00\x00\x00\x1a\x08\x01", true, kplpipe.ErrTruncated},
		"nothing but empty frames":  {strings.Repeat("\x00\x00\x00\x00", maxFaults+1), false, kplpipe.ErrNoID},
		"nothing but garbage":       {strings.Repeat("\x00\x00\x00\x03abc", maxFaults+1), false, kplpipe.ErrProtobuf},
		"a clean end":               {"", true, nil},
		"some faults, then an end":  {strings.Repeat("\x00\x00\x00\x00", maxFaults), true, nil},
		"messages of the other way": {"\x00\x00\x00\x06\x08\x01\x2a\x02\x10\x01", true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(b *bench) {
				good, bad := b.connect(), b.connect()
				good.put(1, "a")
				bad.put(1, "a")
				if err := bad.out.Close(b.Context()); err != nil {
					t.Fatal(err)
				}
				go func() {
					_, _ = io.WriteString(bad.to, x.bytes) // it is not read to its end
					if x.end {
						bad.to.Close()
					}
				}()
				<-bad.ended
				if !errors.Is(bad.err, x.want) || bad.err != nil && x.want == nil {
					t.Errorf("Serve returned %v, want %v", bad.err, x.want)
				}
				if r := bad.result(1); !r.GetSuccess() {
					t.Errorf("its put before: %v", r)
				}
				good.put(2, "a")
				if !good.result(1).GetSuccess() || !good.result(2).GetSuccess() {
					t.Error("the other client is not served")
				}
			})
		})
	}
}

// TestSlowReader: a client that reads no results is not read from once it has used up its part of the budget; others go
// on; when it reads, it gets each of its results.
func TestSlowReader(t *testing.T) {
	const most = 8 << 20
	inBubble(t, func(b *bench) { b.most = most }, func(b *bench) {
		slow, other := b.connectSilently(), b.connect()
		const puts = 20_000
		sent := make(chan int, 1)
		ctx, stop := context.WithCancel(b.Context())
		go func() {
			n := 0
			for ; n < puts; n++ {
				id, key, stream := uint64(n), fmt.Sprint(n), "a"
				m := &kplpb.Message{Id: &id, ActualMessage: &kplpb.Message_PutRecord{PutRecord: &kplpb.PutRecord{StreamName: &stream, PartitionKey: &key, Data: make([]byte, 100)}}}
				if slow.out.Send(ctx, m) != nil {
					break
				}
			}
			sent <- n
		}()
		time.Sleep(time.Minute)
		b.d.budget.mu.Lock()
		held := b.d.budget.held
		b.d.budget.mu.Unlock()
		if held < most/4 || held > most/2+1<<10 {
			t.Errorf("%d bytes are held, want up to half of %d", held, most)
		}
		if len(sent) > 0 {
			t.Errorf("all puts are taken, though nobody reads their results")
		}
		other.put(1, "a")
		if !other.result(1).GetSuccess() {
			t.Error("another client is not served")
		}
		go slow.read()
		slow.result(puts - 1)
		if n := slow.count(); n != puts || <-sent != puts {
			t.Errorf("%d results, want %d", n, puts)
		}
		stop()
		time.Sleep(time.Second)
		b.d.budget.mu.Lock()
		defer b.d.budget.mu.Unlock()
		if b.d.budget.held != 0 {
			t.Errorf("%d bytes are held at the end", b.d.budget.held)
		}
	})
}

// TestUnreadMetrics: what a client asks for and does not read is bounded, too.
func TestUnreadMetrics(t *testing.T) {
	const most = 8 << 20
	inBubble(t, func(b *bench) { b.most = most }, func(b *bench) {
		c := b.connectSilently()
		c.put(1, "a")
		go func() {
			for range 100_000 {
				if c.out.Send(b.Context(), &kplpb.Message{Id: proto.Uint64(2), ActualMessage: &kplpb.Message_MetricsRequest{MetricsRequest: &kplpb.MetricsRequest{}}}) != nil {
					return
				}
			}
		}()
		time.Sleep(time.Minute)
		b.d.budget.mu.Lock()
		held := b.d.budget.held
		b.d.budget.mu.Unlock()
		c.d.mu.Lock()
		for conn := range c.d.conns {
			conn.mu.Lock()
			if n := len(conn.answers); n > 2000 || held < most/4 {
				t.Errorf("%d answers wait, %d bytes", n, held)
			}
			conn.mu.Unlock()
		}
		c.d.mu.Unlock()
		c.from.Close()
		<-c.ended
	})
}

// TestReaderGone: the results of a client that is gone are dropped, and Serve returns.
func TestReaderGone(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		c := b.connectSilently()
		c.from.Close()
		for id := range uint64(1000) {
			c.put(id, "a")
		}
		select {
		case <-c.ended:
		case <-time.After(time.Minute):
			t.Fatal("it is served on")
		}
		if c.err == nil {
			t.Error("no error says that nobody reads")
		}
		b.d.budget.mu.Lock()
		defer b.d.budget.mu.Unlock()
		if b.d.budget.held != 0 {
			t.Errorf("%d bytes are held", b.d.budget.held)
		}
	})
}

// TestClose: what is held is sent, for as long as there is; the rest has results that say so. All results go out.
func TestClose(t *testing.T) {
	for name, fault := range map[string]kinesisfake.Fault{"in order": {}, "out of reach": {Delay: time.Hour}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(b *bench) { b.config.RecordMaxBufferedTime = proto.Uint64(20_000) }, func(b *bench) {
				c := b.connect()
				for id := range uint64(1000) {
					c.put(id, string("ab"[id%2]))
				}
				time.Sleep(time.Second)
				b.setFault(onlyPuts(fault))
				began := time.Now()
				ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second)
				defer cancel()
				b.d.Close(ctx)
				<-c.ended
				if took := time.Since(began); took > 4*time.Second+lastWords || fault.Delay == 0 && took > time.Second {
					t.Errorf("it took %v", took)
				}
				time.Sleep(time.Millisecond) // the client reads
				if c.count() != 1000 {
					t.Fatalf("%d results, want 1000", c.count())
				}
				for id, r := range c.results {
					if last := r.Attempts[len(r.Attempts)-1]; r.GetSuccess() != (fault.Delay == 0) || !r.GetSuccess() && last.GetErrorCode() != codeClosing {
						t.Fatalf("put %d: %v", id, r)
					}
				}
				if err := b.d.Serve("late", strings.NewReader(""), io.Discard); err != errClosing {
					t.Errorf("a client that comes late: %v", err)
				}
			})
		})
	}
}

// TestCloseUnread: a client that reads no results does not hold up the end.
func TestCloseUnread(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		c := b.connectSilently()
		for id := range uint64(10_000) {
			c.put(id, "a")
		}
		time.Sleep(time.Second)
		began := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second)
		defer cancel()
		b.d.Close(ctx)
		if took := time.Since(began); took > time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// TestLargeRecords: before it is known what the stream takes, large records wait, and those after them keep their order.
func TestLargeRecords(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		b.setFault(func(r kinesisfake.Request) kinesisfake.Fault {
			if r.Operation == "DescribeStreamSummary" {
				return kinesisfake.Fault{Delay: 2 * time.Second}
			}
			return kinesisfake.Fault{}
		})
		c := b.connect()
		c.put(1, "a")
		c.putRecord(2, "a", "k", "", strings.Repeat("x", 1<<20))
		c.put(3, "a")
		if !c.result(1).GetSuccess() || c.result(2).GetSuccess() || !c.result(3).GetSuccess() {
			t.Errorf("%v", c.results)
		}
		if c.times[3].Before(c.times[2]) {
			t.Error("a put has overtaken the one before it")
		}
	})
}

// TestManyStreams: a client can't make the daemon grow by ever new names.
func TestManyStreams(t *testing.T) {
	inBubble(t, func(b *bench) { b.keys = nil; b.config.RecordTtl = proto.Uint64(1000) }, func(b *bench) {
		c := b.connect()
		for id := range uint64(maxStreams + 1) {
			c.put(id, fmt.Sprint("stream", id))
		}
		if r := c.result(maxStreams); r.Attempts[0].GetErrorCode() != codeInvalid {
			t.Errorf("%v", r)
		}
		if r := c.result(maxStreams - 1); r.Attempts[0].GetErrorCode() != codeCredentials {
			t.Errorf("%v", r)
		}
	})
}
