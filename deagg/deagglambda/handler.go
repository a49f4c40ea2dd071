package deagglambda

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/kplkit/kplkit/deagg"
)

// handler is what Handler sets up.
type handler struct {
	process func(context.Context, deagg.UserRecord) error
	store   Store
	perKey  bool
	log     *slog.Logger
	err     error // of the options
}

func (h *handler) logger() *slog.Logger {
	if h.log == nil {
		return slog.Default() // as it is now
	}
	return h.log
}

func (h *handler) handle(ctx context.Context, e Event) (Response, error) {
	if h.err != nil {
		return Response{}, h.err
	}
	if err := e.check(); err != nil { // one that was made, not read
		return Response{}, fmt.Errorf("deagglambda: %w", err)
	}
	p := h.progress(&e, endOf(ctx))
	defer p.save(ctx) // also when process panics
	failed, err := h.run(ctx, &e, p)
	if p.failed = err != nil; p.failed {
		h.logger().ErrorContext(ctx, "a stored record is reported as failed, the rest of the event is not tried: both come again",
			"sequence_number", e.Records[failed].Kinesis.SequenceNumber, "shard", e.Records[failed].shard(&e), "not_tried", len(e.Records)-failed-1, "error", err)
	}
	return e.response(failed), nil
}

// run processes the user records of an event. An error is of the stored record whose index it returns; without one that is how
// many there are.
func (h *handler) run(ctx context.Context, e *Event, p *progress) (int, error) {
	stored := make([]deagg.StoredRecord, len(e.Records))
	for i := range e.Records {
		stored[i] = e.Records[i].StoredRecord()
	}
	var decoder deagg.Decoder
	for i, u := range decoder.All(stored) {
		skip, err := p.done(ctx, i, u)
		if err != nil {
			return i, err
		}
		if skip {
			continue
		}
		if err := stop(ctx, p.end); err != nil {
			return i, err
		}
		if err := h.process(ctx, u); err != nil {
			return i, fmt.Errorf("user record %d: %w", u.SubSequenceNumber, err)
		}
		p.advance()
	}
	return len(e.Records), nil
}

// endOf returns when to stop, so that there is time to save and to answer: before the last second of the function's time, or
// before its last tenth where that is less.
func endOf(ctx context.Context) time.Time {
	deadline, ok := ctx.Deadline()
	if !ok {
		return time.Time{}
	}
	return deadline.Add(-min(time.Second, time.Until(deadline)/10))
}

func stop(ctx context.Context, end time.Time) error {
	if err := context.Cause(ctx); err != nil {
		return fmt.Errorf("not tried: %w", err)
	}
	if !end.IsZero() && !time.Now().Before(end) {
		return fmt.Errorf("not tried, since the function's time is nearly over: %w", context.DeadlineExceeded)
	}
	return nil
}

// response is the answer after all before record failed is done. Lambda takes the lowest sequence number of an answer, and
// sends all from there on. EventBridge Pipes is given all that has to come again, so that nothing hangs on its doing alike.
func (e *Event) response(failed int) Response {
	r := Response{BatchItemFailures: []BatchItemFailure{}}
	if len(e.State) > 0 {
		r.State = json.RawMessage(e.State)
	}
	for i := failed; i < len(e.Records) && (i == failed || e.pipes); i++ {
		r.BatchItemFailures = append(r.BatchItemFailures, BatchItemFailure{e.identifier(i)})
	}
	return r
}
