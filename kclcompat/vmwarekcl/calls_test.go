package vmwarekcl_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/config"

	"github.com/kplkit/kplkit/internal/sim"
	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/kclcompat/vmwarekcl"
)

// calls records what a worker's Processors are called with, and lets a test decide what they do.
type calls struct {
	process func(ctx context.Context, b kclcompat.Batch, c *kclcompat.Checkpointer) error
	as      kclcompat.Processor // what embeds it

	mu      sync.Mutex
	made    int // Processors
	texts   []string
	reasons []kclcompat.Reason
	last    time.Time // when the last call was over
}

func (r *calls) create(string) kclcompat.Processor {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.made++
	if r.as != nil {
		return r.as
	}
	return r
}

func (r *calls) returned() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = time.Now()
}

func (r *calls) ProcessRecords(ctx context.Context, b kclcompat.Batch, c *kclcompat.Checkpointer) error {
	defer r.returned()
	r.mu.Lock()
	for _, u := range b.Records {
		r.texts = append(r.texts, string(u.Data))
	}
	r.mu.Unlock()
	if err := r.process(ctx, b, c); err != nil {
		return err
	}
	for _, u := range b.Records {
		c.Done(u)
	}
	_, err := c.Checkpoint(ctx)
	return err
}

func (r *calls) Shutdown(_ context.Context, reason kclcompat.Reason, _ *kclcompat.Checkpointer) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reasons, r.last = append(r.reasons, reason), time.Now()
	return nil
}

func (r *calls) counts() (made int, texts []string, reasons []kclcompat.Reason) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.made, slices.Clone(r.texts), slices.Clone(r.reasons)
}

// run starts a worker whose leases last for two seconds.
func (r *calls) run(t *testing.T, h *sim.Host, cfg *config.KinesisClientLibConfiguration, opts ...vmwarekcl.Option) *vmwarekcl.Worker {
	if r.process == nil {
		r.process = func(context.Context, kclcompat.Batch, *kclcompat.Checkpointer) error { return nil }
	}
	w := vmwarekcl.NewWorker(cfg.WithFailoverTimeMillis(2000), h.AWS(), r.create, opts...)
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	return w
}
