package kpldaemon

import (
	"encoding/binary"
	"errors"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kplkit/kplkit/internal/kplpipe"
	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
)

// dial serves a client that reads no answers over a connection with deadlines, as --listen does.
func (b *bench) dial() *client {
	in, to := net.Pipe()
	return b.connectBy(in, to)
}

// largeFrame is the first part of a frame of 11 MiB: all that is missing are 1000 bytes.
func largeFrame() []byte {
	return binary.BigEndian.AppendUint32(make([]byte, 0, kplpipe.DaemonLimit), kplpipe.DaemonLimit)[:kplpipe.DaemonLimit-1000]
}

// use is what of the budget is taken, which is no more than there is, but for a small put of each client.
func (b *bench) use() (held, arriving int64, spare bool) {
	b.Helper()
	x := b.d.budget
	x.mu.Lock()
	defer x.mu.Unlock()
	if small := x.clients / perClient * (kplpipe.ReadBuffer + putOverhead); x.arriving > x.most/2 || x.held > x.most-x.clients+small {
		b.Errorf("of %d bytes clients take %d and what they send %d, of which %d arrive", x.most, x.clients, x.held, x.arriving)
	}
	return x.held, x.arriving, x.spare
}

// inMemory is what is reachable, in bytes.
func inMemory() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestManyStopped: clients that stop in the middle of large frames take no more than the budget and one frame, however
// many they are. Others go on: with small puts at once, with large ones when those that are too slow are cut off.
func TestManyStopped(t *testing.T) {
	const many, most = 300, 128 << 20
	inBubble(t, func(b *bench) { b.most = most }, func(b *bench) {
		good, large := b.connect(), b.connect()
		frame := largeFrame()
		before := inMemory()
		var stopped []*client
		for range many {
			c := b.dial()
			stopped = append(stopped, c)
			go c.to.Write(frame)
		}
		synctest.Wait()
		_, arriving, spare := b.use()
		if arriving < most/2-kplpipe.DaemonLimit || !spare {
			t.Errorf("%d bytes arrive, in the spare room: %v", arriving, spare)
		}
		if grown, want := inMemory()-before, arriving+kplpipe.DaemonLimit+many*perClient+1<<20; grown > want {
			t.Errorf("%d bytes are in memory, want %d at most", grown, want)
		}
		began := time.Now()
		for id := range uint64(1000) {
			good.put(id, "a")
		}
		good.putRecord(1000, "a", "key", "", strings.Repeat("x", 500<<10))
		if !good.result(999).GetSuccess() || !good.result(1000).GetSuccess() || time.Since(began) > frameTime/2 {
			t.Errorf("the puts of another client took %v", time.Since(began))
		}
		go large.putRecord(1, "a", "key", "", strings.Repeat("x", 10<<20))
		for seconds := 0; large.count() == 0 && seconds < many*5; seconds++ {
			time.Sleep(time.Second)
			b.use()
		}
		if large.count() == 0 {
			t.Fatal("another client waits for ever")
		}
		cut := 0
		for _, c := range stopped {
			select {
			case <-c.ended:
				if cut++; !errors.Is(c.err, errSlow) {
					t.Errorf("one that stopped was cut off with %v", c.err)
				}
			default: // it waits for a room, or has one that nobody needed
			}
		}
		if cut == 0 {
			t.Error("nobody was cut off")
		}
	})
}

// TestSlowAlone: a frame may take as long as it takes while nobody waits for its room.
func TestSlowAlone(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		c := b.dial()
		go c.read()
		frame := append(largeFrame(), make([]byte, 1004)...)
		for part := range slices.Chunk(frame, 1<<20) {
			if _, err := c.to.Write(part); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * frameTime)
		}
		c.put(1, "a")
		if !c.result(1).GetSuccess() {
			t.Error("it is not served on")
		}
	})
}

// TestUnreadLarge: who puts large records and reads no results keeps no room for the records.
func TestUnreadLarge(t *testing.T) {
	inBubble(t, func(b *bench) { b.most = minBuffered }, func(b *bench) {
		for range 12 {
			c := b.connectSilently()
			for id := range uint64(2) {
				go c.putRecord(id, "a", "key", "", strings.Repeat("x", 8<<20))
			}
		}
		time.Sleep(time.Minute)
		if held, _, spare := b.use(); held > 24*putOverhead || spare {
			t.Errorf("%d bytes are held, the spare room: %v", held, spare)
		}
		good := b.connect()
		good.putRecord(1, "a", "key", "", strings.Repeat("x", 10<<20))
		good.result(1)
	})
}

// TestManyUnread: what clients send and read no results of takes no more than the budget, however many they are.
func TestManyUnread(t *testing.T) {
	const many, most = 300, 64 << 20
	inBubble(t, func(b *bench) { b.most = most }, func(b *bench) {
		var frames []byte
		for id := range uint64(2000) {
			message, _ := proto.Marshal(&kplpb.Message{Id: &id, ActualMessage: &kplpb.Message_PutRecord{PutRecord: &kplpb.PutRecord{
				StreamName: proto.String("a"), PartitionKey: proto.String("k"), Data: []byte("d")}}})
			frames = append(binary.BigEndian.AppendUint32(frames, uint32(len(message))), message...)
		}
		before := inMemory()
		var clients []*client
		for range many { // all of them before any sends: one that comes when no room is left takes its own on top
			clients = append(clients, b.dial())
		}
		synctest.Wait()
		for _, c := range clients {
			go c.to.Write(frames)
		}
		time.Sleep(time.Minute)
		held, _, _ := b.use()
		grown := inMemory() - before
		t.Logf("%d KiB are held by puts, %d by clients; %d are in memory", held>>10, many*perClient>>10, grown>>10)
		if held < most/4 || grown > most {
			t.Errorf("%d bytes are held, %d in memory, want %d at most", held, grown, most)
		}
	})
}

// TestMostClients: there are as many as docs/separate-process.md says.
func TestMostClients(t *testing.T) {
	for most, want := range map[int64]int{minBuffered: 96, DefaultMaxBuffered: 1024} {
		if n := newBudget(most).mostClients(); n != want {
			t.Errorf("with %d bytes %d clients, want %d", most, n, want)
		}
	}
}
