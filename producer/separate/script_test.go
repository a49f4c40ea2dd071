package separate

import (
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kplkit/kplkit/internal/kplpipe"
	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
)

// scripted is a child that a test plays.
type scripted struct {
	number                int // 1 is the first
	input, output, stderr *pipe
	rand                  *rand.Rand // of the one that reads
	ends                  sync.Once
	died                  chan struct{}
	status                string
	asked, flushes        atomic.Int64 // questions and flushes that it got
	keys                  []string     // credentials, as it got them

	writing sync.Mutex
	written int // bytes, in answers

	fate
}

// fate is what a child does wrong.
type fate struct {
	dieRead, dieWritten int           // bytes after which it dies; 0: never
	hang                int           // messages after which it neither reads nor answers; 0: never
	deaf                bool          // such a child still reads
	garbage             int           // messages after which it writes nonsense; 0: never
	slow                time.Duration // between messages
	late                time.Duration // before an answer, at most
	twice, lies         bool          // answers twice; answers ids that nobody gave
	stays               bool          // when its input ends
}

func newScripted(number int, f fate, r *rand.Rand) *scripted {
	return &scripted{number: number, fate: f, rand: r, input: newPipe(), output: newPipe(), stderr: newPipe(), died: make(chan struct{})}
}

func (s *scripted) pid() int           { return s.number }
func (s *scripted) in() io.WriteCloser { return writeEnd{s.input} }
func (s *scripted) out() io.ReadCloser { return readEnd{s.output} }
func (s *scripted) log() io.ReadCloser { return readEnd{s.stderr} }
func (s *scripted) kill()              { s.die("signal: killed") }

func (s *scripted) wait() string {
	<-s.died
	return s.status
}

// die closes its ends, as the end of a process does.
func (s *scripted) die(status string) {
	s.ends.Do(func() {
		s.status = status
		readEnd{s.input}.Close()
		writeEnd{s.output}.Close()
		writeEnd{s.stderr}.Close()
		close(s.died)
	})
}

func (s *scripted) isDead() bool {
	select {
	case <-s.died:
		return true
	default:
		return false
	}
}

// counting dies after so many bytes.
type counting struct {
	*scripted
	read int
}

func (c *counting) Read(b []byte) (int, error) {
	if c.dieRead > 0 {
		if c.read >= c.dieRead {
			c.die("exit status 2")
			return 0, io.EOF
		}
		b = b[:min(len(b), c.dieRead-c.read)]
	}
	n, err := readEnd{c.input}.Read(b)
	c.read += n
	return n, err
}

// play is its life: put is called for each record that it reads, and answers it or not.
func (s *scripted) play(put func(kplpipe.Put)) {
	in := kplpipe.NewReader(&counting{scripted: s}, kplpipe.DaemonLimit)
	for n := 1; ; n++ {
		p, other, err := in.ReadPut()
		if err != nil {
			if !s.stays {
				s.die("exit status 0")
			}
			return
		}
		time.Sleep(s.slow)
		switch {
		case s.hang > 0 && n >= s.hang && s.deaf:
		case s.hang > 0 && n >= s.hang:
			<-s.died
			return
		case s.garbage > 0 && n >= s.garbage:
			s.write([]byte{0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff, 0xff})
		case other.GetMetricsRequest() != nil:
			s.asked.Add(1)
			s.answer(other.GetId(), &kplpb.Message{ActualMessage: &kplpb.Message_MetricsResponse{MetricsResponse: &kplpb.MetricsResponse{}}})
		case other.GetFlush() != nil:
			s.flushes.Add(1)
		case other.GetSetCredentials() != nil:
			c := other.GetSetCredentials()
			s.keys = append(s.keys, fmt.Sprint(c.GetCredentials().GetAkid(), " ", c.GetForMetrics()))
		case other == nil:
			put(p)
		}
	}
}

// stored answers a put.
func (s *scripted) stored(id uint64) {
	s.answer(id, &kplpb.Message{ActualMessage: &kplpb.Message_PutRecordResult{PutRecordResult: &kplpb.PutRecordResult{
		Success: proto.Bool(true), ShardId: proto.String("shardId-000000000000"), SequenceNumber: proto.String(fmt.Sprint(1000 + id)),
		Attempts: []*kplpb.Attempt{{Delay: proto.Uint32(1), Duration: proto.Uint32(1), Success: proto.Bool(true)}},
	}}})
}

func (s *scripted) answer(id uint64, m *kplpb.Message) {
	m.Id, m.SourceId = proto.Uint64(7), &id
	frame, err := kplpipe.AppendFrame(nil, m)
	if err != nil {
		panic(err)
	}
	s.write(frame)
}

// write writes as much as its fate lets it.
func (s *scripted) write(frame []byte) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.dieWritten > 0 && s.written+len(frame) > s.dieWritten {
		writeEnd{s.output}.Write(frame[:max(0, s.dieWritten-s.written)])
		s.die("signal: aborted")
	}
	s.written += len(frame)
	writeEnd{s.output}.Write(frame)
}

// says writes to stderr.
func (s *scripted) says(text string) { io.WriteString(writeEnd{s.stderr}, text) }
