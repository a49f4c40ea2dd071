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
	ShardID string // where it is stored
	// Position is that of the user record, as deagg.UserRecord.Position has it in a consumer: seqnum.At inside an aggregate, else
	// seqnum.After. Of package separate it is After the whole stored record, which is all that a child says. A consumer that reads
	// through deaggaws finds it as SEQ:SUB, but the last user record of an aggregate, and a plain one, as the bare SEQ.
	Position seqnum.Extended
	Attempts int   // requests that it was part of
	Err      error // why it is not stored, as far as is known: wraps ErrExpired, ErrThrottled, ErrRefused, ErrClosed or a kind of bad record

	put   time.Time
	tries *try // the last one
}

// API is what a Producer needs of a *kinesis.Client. PutRecords has to be allowed; where ListShards is not, nothing is
// aggregated; where DescribeStreamSummary is not, the stream is taken to place records by partition key and to take
// records of 1 MiB. A call has to return when its context is done: Close waits for it.
type API interface {
	PutRecords(context.Context, *kinesis.PutRecordsInput, ...func(*kinesis.Options)) (*kinesis.PutRecordsOutput, error)
	ListShards(context.Context, *kinesis.ListShardsInput, ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error)
	DescribeStreamSummary(context.Context, *kinesis.DescribeStreamSummaryInput, ...func(*kinesis.Options)) (*kinesis.DescribeStreamSummaryOutput, error)
}

// Producer puts records into one stream. It is safe for concurrent use. New makes one: of the zero value every method returns
// an error.
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

func (p *Producer) isZero() bool { return p.box == nil }

// Put hands over a record. It waits for room in the buffer, of which a shard has a share (WithMaxBuffered,
// WithTimeToLive), and, with a record that not every stream takes (without a
// partition key, or of more than 1 MiB), until the stream is known. Its error says that the record is not taken: a bad
// record, ErrClosed, or ctx.Err(), and what it waited for. With a ctx that is done already it takes nothing.
//
// done, which may be nil, is called exactly once for a record that was taken, and never for another one; it may be called
// before Put returns. All calls are made by one goroutine, one after the other, without a lock: it must not block, and
// neither Put, PutSync, Flush nor Close may be called in it (TryPut may). A panic in it is logged and goes no further.
func (p *Producer) Put(ctx context.Context, r Record, done func(Record, Result)) error {
	if p.isZero() {
		return errZero
	}
	e := &pending{Record: r, done: done}
	if err := ctx.Err(); err != nil {
		return p.errorOf(e, waited("not put, since the context was done before", err))
	}
	err := p.await(ctx, e)
	if err == nil {
		err = p.admissible(e)
	}
	if err == nil {
		err = p.gate.enter(ctx, e)
	}
	return p.post(e, err)
}

// await waits until the stream is known, if the record may be one that only some streams take.
func (p *Producer) await(ctx context.Context, e *pending) error {
	if !e.needsDescription() {
		return nil
	}
	select {
	case <-p.described:
		return nil
	case <-p.ended:
		return errNoMore
	case <-ctx.Done():
		return waited("Put waited for an answer to DescribeStreamSummary, since only some streams take such a record", ctx.Err())
	}
}

// TryPut is Put without waiting: where that would wait, its error is ErrWouldBlock.
func (p *Producer) TryPut(r Record, done func(Record, Result)) error {
	if p.isZero() {
		return errZero
	}
	e := &pending{Record: r, done: done}
	err := p.tryAwait(e)
	if err == nil {
		err = p.admissible(e)
	}
	if err == nil {
		err = p.gate.tryEnter(e)
	}
	return p.post(e, err)
}

func (p *Producer) tryAwait(e *pending) error {
	if !e.needsDescription() {
		return nil
	}
	select {
	case <-p.described:
		return nil
	case <-p.ended:
		return errNoMore
	default:
		return fmt.Errorf("%w, or the stream is not known yet, and only some take such a record; use Put, which waits", ErrWouldBlock)
	}
}

// post hands over a record that is in the buffer, unless an error has kept it out.
func (p *Producer) post(e *pending, err error) error {
	if err == nil && !p.box.put(e) {
		p.gate.leaveUnput(e)
		err = errNoMore
	}
	if err != nil {
		return p.errorOf(e, err)
	}
	return nil
}

// Flush sends what is buffered without waiting for more, and returns when done has returned for every record put
// before, or ctx is done. Of a new Producer it waits for the shards to be listed, for the linger time at most. When the
// Producer has been closed, there is nothing to flush: ErrClosed.
func (p *Producer) Flush(ctx context.Context) error {
	if p.isZero() {
		return errZero
	}
	select {
	case <-p.ended:
		return p.cfg.streamError(fmt.Errorf("%w, and has nothing to flush", ErrClosed))
	default:
	}
	done, finish := p.box.flush()
	defer finish()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return p.cfg.streamError(waited("Flush waited for the results of what was put before, which stays under way", ctx.Err()))
	}
}

// Close refuses further records, sends what is buffered and ends the Producer. When ctx is done before, requests under
// way are ended and what is left gets ErrClosed as its result; the error then says how many that were. Every done has
// returned when Close does. To call it again is to wait for the same end.
func (p *Producer) Close(ctx context.Context) error {
	if p.isZero() {
		return errZero
	}
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
	if err := p.box.unsent(); err != nil {
		return p.cfg.streamError(err)
	}
	return nil
}
