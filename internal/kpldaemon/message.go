package kpldaemon

import (
	"cmp"
	"context"
	"errors"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"google.golang.org/protobuf/proto"

	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
	"github.com/kplkit/kplkit/producer"
	"github.com/kplkit/kplkit/producer/aggregator"
	"github.com/kplkit/kplkit/seqnum"
)

// Codes of attempts that are no answer of the service's. The first two are the KPL's.
const (
	codeExpired     = "Expired"
	codeWrongShard  = "Wrong Shard"
	codeTimeout     = "RequestTimeout"
	codeNetwork     = "NetworkError"
	codeCredentials = "NoCredentials"
	codeInvalid     = "InvalidRecord"
	codeTooLarge    = "RequestTooLarge"
	codeClosing     = "Shutdown"
	codeFailure     = "InternalFailure"
)

// encoder makes messages of answers, each in the memory of the one before.
type encoder struct {
	message kplpb.Message
	content kplpb.Message_PutRecordResult
	result  kplpb.PutRecordResult
	number  seqnum.Number // of the stored record before: many user records share it
	text    string
}

// of returns an answer as a frame holds it. It is valid until the next call.
func (e *encoder) of(a answer, now time.Time) *kplpb.Message {
	if a.put == nil {
		return a.other
	}
	success := a.result.Err == nil
	e.result.Success, e.result.ShardId, e.result.SequenceNumber = &success, nil, nil
	if success {
		if number, _ := a.result.Position.Number(); number != e.number || e.text == "" {
			e.number, e.text = number, number.String()
		}
		e.result.ShardId, e.result.SequenceNumber = &a.result.ShardID, &e.text
	}
	e.attempt(a.put, a.result, now)
	e.content.PutRecordResult = &e.result
	e.message.Id, e.message.SourceId, e.message.ActualMessage = &noID, &a.put.id, &e.content
	return &e.message
}

// noID is the id of all answers: it means nothing.
var noID uint64

// keptAttempts is how many attempts a result has of the first, and of the last: one that waits for days is tried very often.
const keptAttempts = 24

// attempt notes the tries, and for a put that ended otherwise an attempt that was no request.
func (e *encoder) attempt(p *put, r producer.Result, now time.Time) {
	e.result.Attempts = e.result.Attempts[:0]
	var spent time.Duration
	failed := false
	for t := range r.Tries() {
		spent += t.Delay + t.Took
		failed = t.Err != nil
		e.add(t.Delay, t.Took, t.Err)
	}
	if r.Err != nil && (!failed || errors.Is(r.Err, producer.ErrExpired) || errors.Is(r.Err, producer.ErrClosed)) {
		e.add(max(0, now.Sub(p.read)-spent), 0, r.Err)
	}
}

func (e *encoder) add(delay, took time.Duration, err error) {
	a := &kplpb.Attempt{Delay: millis(delay), Duration: millis(took), Success: proto.Bool(err == nil)}
	if err != nil {
		a.ErrorCode, a.ErrorMessage = proto.String(codeOf(err)), proto.String(textOf(err))
	}
	if all := e.result.Attempts; len(all) == 2*keptAttempts {
		copy(all[keptAttempts:], all[keptAttempts+1:])
		e.result.Attempts = all[:len(all)-1]
	}
	e.result.Attempts = append(e.result.Attempts, a)
}

func millis(d time.Duration) *uint32 {
	return proto.Uint32(uint32(min(d.Milliseconds(), math.MaxUint32)))
}

// codeOf is what an error is called in an attempt.
func codeOf(err error) string {
	var api smithy.APIError
	switch {
	case errors.Is(err, errNoCredentials):
		return codeCredentials
	case errors.Is(err, producer.ErrExpired):
		return codeExpired
	case errors.Is(err, producer.ErrWrongShard):
		return codeWrongShard
	case errors.Is(err, producer.ErrClosed), errors.Is(err, errClosing), errors.Is(err, context.Canceled):
		return codeClosing
	case isTooLarge(err):
		return codeTooLarge
	case errors.As(err, &api):
		return cmp.Or(api.ErrorCode(), codeFailure)
	case errors.Is(err, context.DeadlineExceeded):
		return codeTimeout
	case errors.Is(err, producer.ErrTooLarge), errors.Is(err, aggregator.ErrPartitionKey), errors.Is(err, aggregator.ErrExplicitHashKey),
		errors.Is(err, errStream), errors.Is(err, errTooManyStreams):
		return codeInvalid
	}
	return codeNetwork
}

// noCode is the SDK's name for the code of an answer that has none.
const noCode = "UnknownError"

// isTooLarge tells whether somebody on the way took a request for too large, mostly a proxy: the answer has HTTP's code for it,
// and none of the service's.
func isTooLarge(err error) bool {
	var answer *smithyhttp.ResponseError
	var api smithy.APIError
	return errors.As(err, &answer) && answer.HTTPStatusCode() == http.StatusRequestEntityTooLarge &&
		(!errors.As(err, &api) || api.ErrorCode() == "" || api.ErrorCode() == noCode)
}

// maxText bounds an error's text: a result has as many as it has attempts.
const maxText = 1000

func textOf(err error) string {
	var api smithy.APIError
	text := err.Error()
	if errors.As(err, &api) && api.ErrorMessage() != "" && api.ErrorCode() != noCode && !errors.Is(err, producer.ErrExpired) && !errors.Is(err, producer.ErrClosed) {
		text = api.ErrorMessage()
	}
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "…"
	}
	return text
}
