package multilang

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/seqnum"
)

// ErrDaemonGone says that the daemon's messages have ended before the shard was handed back.
var ErrDaemonGone = errors.New("the MultiLangDaemon has gone")

// Run processes the shard that a daemon on in and out names, and returns when the daemon ends the input: nil if it has
// said so before, else an error that wraps ErrDaemonGone. Other errors are the Processor's, ctx's, and those of messages that no daemon
// writes. Each ends the shard's processing: the process has to exit with a code that is not 0, and ends the daemon with all its
// shards. A Processor's ErrLeaseLost is none where the daemon has refused a checkpoint for it: no more batches are handed out then, and
// Shutdown follows with LeaseLost.
//
// newProcessor is called once. Batches come as the daemon hands them over, and the daemon is answered when
// ProcessRecords has returned. Checkpoints may be asked for at any time, and from any goroutine: they go out while the daemon waits for an
// answer, and between two batches they wait for the next. At the shard's end the last checkpoint is made where Shutdown returns nil.
//
// Where out is os.Stdout, all else that is written there goes to os.Stderr until Run returns (package documentation). Run reads ahead of
// what it handles. Where it ends with an error it may leave a goroutine that reads in, until that ends.
func Run(ctx context.Context, in io.Reader, out io.Writer, newProcessor func(shardID string) kclcompat.Processor) error {
	out, restore, err := takeStdout(out)
	if err != nil {
		return fmt.Errorf("multilang: %w", err)
	}
	defer restore()
	s := &session{out: out, newProcessor: newProcessor, messages: make(chan *message)}
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	defer s.cancel(nil)
	go s.read(newReader(in))
	err = s.run()
	s.cancel(err)
	s.finish()
	if err != nil {
		return fmt.Errorf("multilang: %w", err)
	}
	return nil
}

// session is one run. Its Processor's calls, and the sink's, come one after the other.
type session struct {
	ctx          context.Context // ends with the daemon
	cancel       context.CancelCauseFunc
	out          io.Writer
	messages     chan *message
	early        *message // that came in place of an answer
	newProcessor func(string) kclcompat.Processor

	dialect   *dialect
	processor kclcompat.Processor // nil before initialize, and once it was shut down
	commits   *kclcompat.Checkpointer
	paused    bool // commits is
	over      bool // no checkpoint is possible any more
	ended     bool // the daemon has said that it is

	last      deagg.UserRecord // that was handed out
	handedOut seqnum.Extended  // its position, where the sink can store that by a checkpoint without a number
	first     seqnum.Extended  // the position of the first one
}

// read passes messages on until the input ends.
func (s *session) read(r *reader) {
	for {
		m, err := r.next()
		if err == io.EOF {
			err = ErrDaemonGone
		}
		if err != nil {
			s.cancel(err)
			return
		}
		select {
		case s.messages <- m:
		case <-s.ctx.Done():
			return
		}
	}
}

func (s *session) run() error {
	for {
		m, err := s.next()
		if errors.Is(err, ErrDaemonGone) && s.commits != nil && s.processor == nil {
			return nil
		}
		if err == nil {
			err = s.handle(m)
		}
		if err != nil {
			return err
		}
	}
}

func (s *session) next() (*message, error) {
	if m := s.early; m != nil {
		s.early = nil
		return m, nil
	}
	select {
	case m := <-s.messages:
		return m, nil
	case <-s.ctx.Done():
		return nil, context.Cause(s.ctx)
	}
}

// handle does what a message asks for, and answers it.
func (s *session) handle(m *message) error {
	err := s.act(m)
	if err == nil {
		err = s.pause() // a checkpoint that is under way ends before the answer
	}
	switch cause := context.Cause(s.ctx); {
	case cause != nil && err != nil && !errors.Is(err, cause):
		return fmt.Errorf("%w (%w)", cause, err)
	case cause != nil && err == nil && !s.ended && !errors.Is(cause, ErrDaemonGone):
		return cause // what was to be done may have been left off
	case err != nil:
		return err
	}
	return s.write(reply{"status", m.action})
}

func (s *session) act(m *message) error {
	known := slices.Contains(actions, m.action)
	switch {
	case !known:
		return fmt.Errorf("the daemon says %q, which is unknown: known are %s", m.action, strings.Join(actions, ", "))
	case s.ended, (m.action == "initialize") != (s.commits == nil):
		return fmt.Errorf("the daemon says %s where it should not", m.action)
	}
	switch m.action {
	case "initialize":
		return s.initialize(m)
	case "processRecords":
		return s.process(m)
	case "shardEnded":
		return s.shutdown(kclcompat.ShardEnded)
	case "shutdownRequested":
		return s.shutdown(kclcompat.Stopping)
	case "leaseLost":
		return s.shutdown(kclcompat.LeaseLost)
	}
	reason, known := reasons[m.reason]
	if !known {
		return fmt.Errorf("the daemon shuts down for the reason %q, which is unknown", m.reason)
	}
	return s.shutdown(reason)
}

// actions are all that a daemon of any version asks for.
var actions = []string{"initialize", "processRecords", "leaseLost", "shardEnded", "shutdownRequested", "shutdown"}

// reasons are those of shutdown, with daemons of KCL 1.
var reasons = map[string]kclcompat.Reason{"TERMINATE": kclcompat.ShardEnded, "ZOMBIE": kclcompat.LeaseLost, "REQUESTED": kclcompat.Stopping}

func (s *session) initialize(m *message) (err error) {
	if s.dialect, err = newDialect(m); err != nil {
		return err
	}
	from := s.dialect.from
	if !from.IsValid() {
		from = seqnum.TrimHorizon()
	}
	if s.commits, err = kclcompat.NewCheckpointer(sink{s}, from, s.dialect.readers()); err != nil {
		return err
	}
	if err := s.pause(); err != nil {
		return err
	}
	if s.processor = s.newProcessor(m.shardID); s.processor == nil {
		return errors.New("newProcessor has returned nil")
	}
	if p, ok := s.processor.(Starter); ok {
		return p.Start(s.known())
	}
	return nil
}

// known is the context of the Processor's calls.
func (s *session) known() context.Context {
	return context.WithValue(s.ctx, daemonKey{}, s.dialect.daemon())
}

func (s *session) process(m *message) error {
	if s.processor == nil {
		return errors.New("the daemon hands over records after it has shut down")
	}
	if s.over {
		return nil // the daemon is about to say so
	}
	users, err := s.dialect.userRecords(m.records)
	if err != nil {
		return err
	}
	if n := len(users); n > 0 {
		s.last = users[n-1]
		if !s.first.IsValid() {
			s.first, _ = users[0].Position()
		}
	}
	if err := s.resume(s.last); err != nil {
		return err
	}
	err = s.processor.ProcessRecords(s.known(), kclcompat.Batch{Records: users, BehindLatest: m.behind}, s.commits)
	return s.unlessLost(err)
}

// unlessLost leaves off the error of a Processor whose checkpoint has met the end of the lease. The daemon sees that itself and has
// other shards, which the end of this process would end, too.
func (s *session) unlessLost(err error) error {
	if errors.Is(err, kclcompat.ErrLeaseLost) && s.pause() == nil && s.over {
		return nil
	}
	return err
}

func (s *session) shutdown(reason kclcompat.Reason) error {
	s.ended = reason != kclcompat.Stopping
	if s.over && reason == kclcompat.Stopping {
		reason = kclcompat.LeaseLost
	}
	s.over = s.over || reason == kclcompat.LeaseLost
	p := s.processor
	if p == nil {
		return nil
	}
	s.processor = nil
	if err := s.resume(deagg.UserRecord{}); err != nil { // without a number the checkpoint would be the shard's end
		return err
	}
	err := p.Shutdown(s.known(), reason, s.commits)
	switch {
	case reason == kclcompat.ShardEnded && err == nil:
		return s.commits.ShardEnd(s.ctx)
	case reason == kclcompat.LeaseLost:
		return nil // a checkpoint fails then, as it has to
	case reason == kclcompat.Stopping:
		return s.unlessLost(err)
	}
	return err
}

// finish ends what waits for a checkpoint, and shuts the Processor down after an error.
func (s *session) finish() {
	if s.commits == nil {
		return
	}
	_ = s.pause()
	s.over = true
	_ = s.commits.Resume(deagg.UserRecord{}) // by the readers that it has: what they are does not count any more
	if p := s.processor; p != nil {
		s.processor = nil
		_ = p.Shutdown(s.known(), kclcompat.LeaseLost, s.commits)
	}
}

// pause holds checkpoints back: the daemon is about to be answered.
func (s *session) pause() error {
	if s.paused {
		return nil
	}
	err := s.commits.Pause(context.WithoutCancel(s.ctx)) // the sink ends with s.ctx
	s.paused = err == nil
	return err
}

// resume lets checkpoints out: the daemon waits.
func (s *session) resume(last deagg.UserRecord) error {
	if !s.paused {
		return nil
	}
	s.handedOut = seqnum.Extended{}
	if s.dialect.pairs {
		last = deagg.UserRecord{} // it has no need
	} else if n, err := seqnum.Parse(last.SequenceNumber); err == nil {
		s.handedOut = seqnum.At(n, last.SubSequenceNumber)
	}
	err := s.commits.Resume(last, s.dialect.readers()...)
	s.paused = err != nil
	return err
}

func (s *session) write(line any) error {
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	if _, err := s.out.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("answer the daemon: %w", err)
	}
	return nil
}
