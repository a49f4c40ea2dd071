package multilang

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/seqnum"
)

const (
	answerPatience = 5 * time.Minute // for the answer to a checkpoint: the daemon tries DynamoDB again and again meanwhile
	attempts       = 5               // where DynamoDB was throttled, or did not answer
	firstPause     = 200 * time.Millisecond
)

// sink asks the daemon for checkpoints. It is called only while the daemon waits for an answer (Checkpointer.Pause).
type sink struct{ *session }

func (s sink) Style() kclcompat.Style {
	if s.dialect.pairs {
		return kclcompat.SubSequenceNumber
	}
	return kclcompat.SequenceNumber
}

// WriteCheckpoint goes on when ctx has ended: the daemon answers anyhow, and nothing else can be said before.
func (s sink) WriteCheckpoint(_ context.Context, at, _ seqnum.Extended) error {
	if s.over {
		return kclcompat.ErrLeaseLost
	}
	pause := firstPause
	for attempt := 1; ; attempt++ {
		failure, err := s.ask(at)
		if err != nil {
			return err
		}
		if err := s.meaning(failure, at); err == nil || attempt == attempts || !errors.Is(err, errAgain) {
			return err
		}
		select {
		case <-time.After(pause):
		case <-s.ctx.Done():
			return context.Cause(s.ctx)
		}
		pause *= 2
	}
}

// errAgain is of what may succeed if it is tried again.
var errAgain = errors.New("tried again in vain")

// meaning is the error that a daemon's answer stands for: it is the simple name of Java's exception.
func (s sink) meaning(failure string, at seqnum.Extended) error {
	n, _ := at.Number()
	first, _ := s.first.Number()
	switch failure {
	case "":
		return nil
	case "ShutdownException":
		s.over = true
		return fmt.Errorf("%w: the daemon says %s", kclcompat.ErrLeaseLost, failure)
	case "IllegalArgumentException":
		if !s.dialect.pairs && n == first && n.IsValid() {
			return nil // the lease says a position inside that stored record
		}
		return fmt.Errorf("%w: the daemon says %s", kclcompat.ErrBackwards, failure)
	case "ThrottlingException", "KinesisClientLibDependencyException":
		return fmt.Errorf("the daemon says %s: %w", failure, errAgain)
	}
	return fmt.Errorf("the daemon says %s", failure)
}

// ask sends a checkpoint and returns what failed, by the daemon's answer.
func (s sink) ask(at seqnum.Extended) (failure string, err error) {
	var sequence *string
	var sub int64
	if n, ok := at.Number(); ok && at != s.handedOut {
		text := n.String()
		sequence = &text
		if !at.Whole() { // all of a damaged stored record, which the daemon hands over as a plain one
			sub = at.SubSequenceNumber()
		}
	}
	if err := s.write(s.checkpointMessage(sequence, sub)); err != nil {
		return "", err
	}
	m, err := s.answer()
	if err != nil {
		return "", err
	}
	echo := m.checkpoint
	if s.dialect.pairs {
		echo = m.sequence
	}
	if (echo == nil) != (sequence == nil) || echo != nil && *echo != *sequence || m.sub != nil && *m.sub != sub {
		return "", s.fail(errors.New("the answer to a checkpoint is about another position"))
	}
	if m.failure != nil {
		failure = *m.failure
	}
	return failure, nil
}

// checkpointMessage is the end of what was handed out, or of the shard, where there is no sequence number.
func (s sink) checkpointMessage(sequence *string, sub int64) any {
	switch {
	case !s.dialect.pairs:
		return checkpointByNumber{"checkpoint", sequence}
	case sequence == nil:
		return checkpointByPair{Action: "checkpoint"}
	}
	return checkpointByPair{"checkpoint", sequence, &sub}
}

// answer waits for the answer to a checkpoint.
func (s sink) answer() (*message, error) {
	patience := time.NewTimer(answerPatience)
	defer patience.Stop()
	select {
	case m := <-s.messages:
		if m.action == "checkpoint" {
			return m, nil
		}
		s.early = m // such as the end of the lease
		s.over = true
		return nil, fmt.Errorf("%w: the daemon says %s in place of an answer", kclcompat.ErrLeaseLost, m.action)
	case <-s.ctx.Done():
		return nil, context.Cause(s.ctx)
	case <-patience.C:
		return nil, s.fail(fmt.Errorf("no answer to a checkpoint in %v", answerPatience))
	}
}

// fail ends the session with an error, and returns it.
func (s sink) fail(err error) error {
	s.cancel(err)
	return err
}
