package producer

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/kplkit/kplkit/producer/aggregator"
	"github.com/kplkit/kplkit/seqnum"
)

// Record is a user record to put. Its Data must not be changed until done is called.
type Record = aggregator.Record

// Result is what became of a record.
type Result struct {
	ShardID  string          // where it is stored
	Position seqnum.Extended // of the user record, as a consumer has it: At inside an aggregate, else After
	Attempts int             // requests that it was part of
	Err      error           // why it is not stored, as far as is known: wraps ErrExpired, ErrThrottled, ErrRefused, ErrClosed or a kind of bad record

	put   time.Time
	tries *try // the last one
}

// Kinds of errors, for errors.Is. Records that can't be put are refused with aggregator.ErrPartitionKey,
// aggregator.ErrExplicitHashKey or ErrTooLarge.
var (
	ErrTooLarge   = errors.New("record is too large")
	ErrWouldBlock = errors.New("the buffer is full")                        // of TryPut
	ErrClosed     = errors.New("the producer is closed")                    // of Put and Flush, and of what Close could not send
	ErrExpired    = errors.New("not stored within the time to live")        // wraps the last attempt's error, too; tried at least once
	ErrThrottled  = errors.New("throttled, and not to be tried again")      // with WithoutRetryIfThrottled
	ErrRefused    = errors.New("the service refuses it, now and always so") // a bad request, or ErrUnusable
)

// ErrUnusable is an ErrRefused that any record would get: no such stream, no permission.
var ErrUnusable error = unusable{}

type unusable struct{}

func (unusable) Error() string { return ErrRefused.Error() }
func (unusable) Unwrap() error { return ErrRefused }

// API is what a Producer needs of a *kinesis.Client. PutRecords has to be allowed; where ListShards is not, nothing is
// aggregated; where DescribeStreamSummary is not, the stream is taken to place records by partition key and to take
// records of 1 MiB. A call has to return when its context is done: Close waits for it.
type API interface {
	PutRecords(context.Context, *kinesis.PutRecordsInput, ...func(*kinesis.Options)) (*kinesis.PutRecordsOutput, error)
	ListShards(context.Context, *kinesis.ListShardsInput, ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error)
	DescribeStreamSummary(context.Context, *kinesis.DescribeStreamSummaryInput, ...func(*kinesis.Options)) (*kinesis.DescribeStreamSummaryOutput, error)
}

// Producer puts records into one stream. It is safe for concurrent use.
type Producer struct {
	cfg    config
	api    API
	gate   *gate // of the buffer
	box    *mailbox
	ctx    context.Context // of all requests
	cancel context.CancelFunc
	ended  chan struct{} // closed when every result is delivered

	described   chan struct{} // closed when description is set
	description atomic.Pointer[description]
}

// New returns a Producer for a stream, given by name or ARN. It starts goroutines, which Close ends. Its error names
// each bad option.
func New(api API, stream string, opts ...Option) (*Producer, error) {
	cfg, err := newConfig(stream, opts)
	if client, ok := api.(*kinesis.Client); api == nil || ok && client == nil {
		err = errors.Join(errors.New("api: nil, want a *kinesis.Client"), err)
	}
	if err != nil {
		return nil, fmt.Errorf("producer: %w", err)
	}
	p := &Producer{
		cfg: cfg, api: api, gate: &gate{most: int64(cfg.maxBuffered), mostLoad: cfg.mostLoad()},
		box: newMailbox(), ended: make(chan struct{}), described: make(chan struct{}),
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	go newLoop(p).run()
	go p.deliver()
	return p, nil
}

// Put hands over a record. It waits for room in the buffer, of which a shard has a share (WithMaxBuffered,
// WithTimeToLive), and, with a record that not every stream takes (without a
// partition key, or of more than 1 MiB), until the stream is known. Its error says that the record is not taken: a bad
// record, ErrClosed, or ctx is done.
//
// done, which may be nil, is called exactly once for a record that was taken, and never for another one; it may be called
// before Put returns. All calls are made by one goroutine, one after the other, without a lock: it must not block, and
// neither Put, PutSync, Flush nor Close may be called in it (TryPut may). A panic in it is logged and goes no further.
func (p *Producer) Put(ctx context.Context, r Record, done func(Record, Result)) error {
	if needsDescription(r) {
		select {
		case <-p.described:
		case <-p.ended:
			return fmt.Errorf("producer: %w", ErrClosed)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	e, err := p.admissible(r, done)
	if err != nil {
		return err
	}
	if err := p.gate.enter(ctx, e); err != nil {
		return err
	}
	return p.post(e)
}

// TryPut is Put without waiting: where that would wait, its error is ErrWouldBlock.
func (p *Producer) TryPut(r Record, done func(Record, Result)) error {
	if needsDescription(r) {
		select {
		case <-p.described:
		case <-p.ended:
			return fmt.Errorf("producer: %w", ErrClosed)
		default:
			return fmt.Errorf("producer: %w, or the stream is not known yet", ErrWouldBlock)
		}
	}
	e, err := p.admissible(r, done)
	if err != nil {
		return err
	}
	if err := p.gate.tryEnter(e); err != nil {
		return err
	}
	return p.post(e)
}

// PutSync puts a record and waits for its result; a record that is put alone waits for the linger time first. If ctx
// is done before, the record stays under way and its result is lost. The error is Put's or the Result's.
func (p *Producer) PutSync(ctx context.Context, r Record) (Result, error) {
	result := make(chan Result, 1)
	if err := p.Put(ctx, r, func(_ Record, res Result) { result <- res }); err != nil {
		return Result{Err: err}, err
	}
	select {
	case res := <-result:
		return res, res.Err
	case <-ctx.Done():
		return Result{Err: ctx.Err()}, ctx.Err()
	}
}

func (p *Producer) post(e *pending) error {
	if !p.box.put(e) {
		p.gate.leave([]*pending{e})
		return fmt.Errorf("producer: %w", ErrClosed)
	}
	return nil
}

// Flush sends what is buffered without waiting for more, and returns when done has returned for every record put
// before, or ctx is done. Of a new Producer it waits for the shards to be listed, for the linger time at most. When the
// Producer has been closed, there is nothing to flush: ErrClosed.
func (p *Producer) Flush(ctx context.Context) error {
	select {
	case <-p.ended:
		return fmt.Errorf("producer: %w", ErrClosed)
	default:
	}
	done, finish := p.box.flush()
	defer finish()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close refuses further records, sends what is buffered and ends the Producer. When ctx is done before, requests under
// way are ended and what is left gets ErrClosed as its result; the error then tells how many that were. Every done has
// returned when Close does. To call it again is to wait for the same end.
func (p *Producer) Close(ctx context.Context) error {
	p.box.close()
	p.gate.close()
	select {
	case <-p.ended:
	case <-ctx.Done():
		p.box.abort(context.Cause(ctx))
		p.cancel()
		<-p.ended
	}
	p.cancel()
	return p.box.unsent()
}
