package vmwarekcl

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/smithy-go/middleware"
)

// Limits of calls to Kinesis, all attempts included; the failover time where that is longer.
const (
	callLimit  = 10 * time.Second
	batchLimit = 30 * time.Second // an answer of 10 MiB at 350 KB/s
)

// calls is what the worker's end has to wait for: calls into Processors, which take as long as they take, and calls to
// Kinesis, which vmware makes without an end of their own.
type calls struct {
	kinesis context.Context // ends some time after the worker is told to stop
	cut     context.CancelFunc

	mu      sync.Mutex
	running int           // calls into Processors
	quiet   chan struct{} // closed while none is running
	since   time.Time     // when the last one returned
}

func (c *calls) init() {
	c.kinesis, c.cut = context.WithCancel(context.Background())
	c.quiet = make(chan struct{})
	close(c.quiet)
}

// processor runs a call into a Processor.
func (c *calls) processor(f func() error) error {
	c.mu.Lock()
	if c.running++; c.running == 1 {
		c.quiet = make(chan struct{})
	}
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.running--; c.running == 0 {
			c.since = time.Now()
			close(c.quiet)
		}
	}()
	return f()
}

// idle returns since when no call into a Processor is running, or a channel that is closed when none is any more.
func (c *calls) idle() (since time.Time, quiet <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running > 0 {
		return time.Time{}, c.quiet
	}
	return c.since, nil
}

// boundCalls is the option of the Kinesis client that ends each call some time.
func (lt *leaseTable) boundCalls(o *kinesis.Options) {
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("kplkit deadline", lt.bounded), middleware.Before)
	})
}

// bounded runs a call until its limit. Of SubscribeToShard the limit is for the answer's header: what comes then is the
// subscription.
func (lt *leaseTable) bounded(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
	middleware.InitializeOutput, middleware.Metadata, error,
) {
	limit := callLimit
	if _, ok := in.Parameters.(*kinesis.GetRecordsInput); ok {
		limit = batchLimit
	}
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(max(limit, lt.failover()), func() { cancel(context.DeadlineExceeded) })
	unlink := context.AfterFunc(lt.calls.kinesis, func() { cancel(errStopping) })
	defer func() {
		timer.Stop()
		unlink()
	}()
	out, metadata, err := next.HandleInitialize(ctx, in)
	if _, ok := in.Parameters.(*kinesis.SubscribeToShardInput); !ok || err != nil {
		cancel(nil)
	}
	return out, metadata, err
}
