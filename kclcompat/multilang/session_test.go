package multilang

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/seqnum"
)

// lastWord is a Processor that checkpoints when it is shut down, and takes a minute for it at most.
type lastWord struct{ err error }

func (*lastWord) ProcessRecords(context.Context, kclcompat.Batch, *kclcompat.Checkpointer) error {
	return nil
}

func (p *lastWord) Shutdown(ctx context.Context, _ kclcompat.Reason, c *kclcompat.Checkpointer) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	c.Done(deagg.UserRecord{SequenceNumber: "7", Last: true})
	_, p.err = c.Checkpoint(ctx)
	return p.err
}

// TestRefusedResume: where no checkpoint is safe by what the daemon turns out to be, the session ends with that, and nobody waits
// for a checkpoint any more. No daemon turns out so today: its first message says by which calls it stores.
func TestRefusedResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &lastWord{}
		s := &session{dialect: &dialect{pairs: true}, processor: p}
		s.ctx, s.cancel = context.WithCancelCause(t.Context())
		var err error
		if s.commits, err = kclcompat.NewCheckpointer(sink{s}, seqnum.TrimHorizon(), s.dialect.readers()); err != nil {
			t.Fatal(err)
		}
		if err = s.pause(); err != nil {
			t.Fatal(err)
		}
		s.dialect.pairs = false
		if err = s.process(&message{}); err == nil {
			t.Error("it goes on")
		}
		s.cancel(err)
		s.finish()
		if !errors.Is(p.err, kclcompat.ErrLeaseLost) {
			t.Errorf("the last checkpoint: %v", p.err)
		}
	})
}
