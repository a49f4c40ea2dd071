package producer

import (
	"errors"
	"fmt"

	"github.com/aws/smithy-go"
)

// Kinds of errors, for errors.Is. Records that can't be put are refused with aggregator.ErrPartitionKey,
// aggregator.ErrExplicitHashKey or ErrTooLarge. A kind is only the middle of an error's text, which names the stream, the
// shard where that is known, and the record, and says what to do.
var (
	ErrTooLarge   = errors.New("record is too large")
	ErrWouldBlock = errors.New("the buffer is full")                        // of TryPut
	ErrClosed     = errors.New("the producer is closed")                    // of Put and Flush, and of what Close could not send, with the last attempt's error where there was one
	ErrExpired    = errors.New("not stored within the time to live")        // wraps the last attempt's error, too; tried at least once
	ErrThrottled  = errors.New("throttled, and not to be tried again")      // with WithoutRetryIfThrottled
	ErrRefused    = errors.New("the service refuses it, now and always so") // is always a *RefusedError
)

// ErrWrongShard is why an aggregate is put again that is stored: see Try.Err.
var ErrWrongShard = errors.New("its aggregate is stored in a shard where not all of it belongs")

// RefusedError is an ErrRefused with what the service says, for errors.As.
type RefusedError struct {
	Code      string // the service's, for example ValidationException; "" if there is none, as from a proxy
	Permanent bool   // any record would get it: no such stream, no permission; false: this one does, for what it is
	Err       error  // the answer; a smithy.APIError where there is a Code
}

func (e *RefusedError) Error() string {
	if e.Permanent {
		return fmt.Sprintf("the service refuses all records of the stream: %v; fix that before you put more", e.Err)
	}
	return fmt.Sprintf("%v: %v; fix the record, or leave it out", ErrRefused, e.Err)
}

// Is reports whether target is ErrRefused.
func (e *RefusedError) Is(target error) bool { return target == ErrRefused }

// Unwrap returns Err.
func (e *RefusedError) Unwrap() error { return e.Err }

func newRefused(err error, permanent bool) *RefusedError {
	e := &RefusedError{Permanent: permanent, Err: err}
	if api := smithy.APIError(nil); errors.As(err, &api) && api.ErrorCode() != "UnknownError" { // the SDK's name for none
		e.Code = api.ErrorCode()
	}
	return e
}

// What follows is only half an error, until a recordError or a streamError wraps it.

var (
	errNoMore  = fmt.Errorf("%w, so make another one with New", ErrClosed)
	errGivenUp = fmt.Errorf("%w: not stored when the context of Close was done; give Close more time, or put it again", ErrClosed)
)

// errZero is that of a Producer that New has not made.
var errZero = errors.New("producer: this Producer is the zero value, which puts nothing: New makes one")

// waited is the error of a call whose context is done.
func waited(doing string, done error) error { return fmt.Errorf("%s: %w", doing, done) }

// recordError is an error of a record. It keeps none of its data.
type recordError struct {
	stream, shard, key string
	bytes              int
	err                error
}

// errorOf says which record an error is about.
func (p *Producer) errorOf(e *pending, err error) error {
	x := &recordError{stream: p.cfg.stream, key: e.PartitionKey, bytes: len(e.Data), err: err}
	if e.share != nil {
		x.shard = e.share.shardID
	}
	return x
}

func (e *recordError) Error() string {
	where := fmt.Sprintf("stream %q", e.stream)
	if e.shard != "" {
		where += ", " + e.shard
	}
	return fmt.Sprintf("producer: %s: record %.50q of %d bytes: %v", where, e.key, e.bytes, e.err)
}

func (e *recordError) Unwrap() error { return e.err }

// streamError is an error that is about no single record.
func (c *config) streamError(err error) error {
	return fmt.Errorf("producer: stream %q: %w", c.stream, err)
}
