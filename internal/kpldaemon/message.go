package kpldaemon

import (
	"cmp"
	"context"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/aws/smithy-go"
	"google.golang.org/protobuf/proto"

	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
	"github.com/kplkit/kplkit/producer"
	"github.com/kplkit/kplkit/producer/aggregator"
)

// Codes of attempts that are no answer of the service's. The first two are the KPL's.
const (
	codeExpired     = "Expired"
	codeWrongShard  = "Wrong Shard"
	codeTimeout     = "RequestTimeout"
	codeNetwork     = "NetworkError"
	codeCredentials = "NoCredentials"
	codeInvalid     = "InvalidRecord"
	codeClosing     = "Shutdown"
	codeFailure     = "InternalFailure"
)

// message is an answer as a frame holds it.
func (a answer) message(now time.Time) *kplpb.Message {
	if a.put == nil {
		return a.other
	}
	r := &kplpb.PutRecordResult{Success: proto.Bool(a.result.Err == nil), Attempts: attempts(a.put, a.result, now)}
	if a.result.Err == nil {
		number, _ := a.result.Position.Number()
		r.ShardId, r.SequenceNumber = proto.String(a.result.ShardID), proto.String(number.String())
	}
	return &kplpb.Message{Id: new(uint64), SourceId: &a.put.id, ActualMessage: &kplpb.Message_PutRecordResult{PutRecordResult: r}}
}

// attempts are the tries, and for a put that ended otherwise one that was no request.
func attempts(p *put, r producer.Result, now time.Time) (all []*kplpb.Attempt) {
	var spent time.Duration
	for _, t := range r.Tries() {
		spent += t.Delay + t.Took
		all = append(all, attempt(t.Delay, t.Took, t.Err))
	}
	if r.Err != nil && (len(all) == 0 || all[len(all)-1].GetSuccess() || errors.Is(r.Err, producer.ErrExpired) || errors.Is(r.Err, producer.ErrClosed)) {
		all = append(all, attempt(max(0, now.Sub(p.read)-spent), 0, r.Err))
	}
	return all
}

func attempt(delay, took time.Duration, err error) *kplpb.Attempt {
	a := &kplpb.Attempt{Delay: millis(delay), Duration: millis(took), Success: proto.Bool(err == nil)}
	if err != nil {
		a.ErrorCode, a.ErrorMessage = proto.String(codeOf(err)), proto.String(textOf(err))
	}
	return a
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

// maxText bounds an error's text: a result has as many as it has attempts.
const maxText = 1000

func textOf(err error) string {
	var api smithy.APIError
	text := err.Error()
	if errors.As(err, &api) && api.ErrorMessage() != "" && !errors.Is(err, producer.ErrExpired) && !errors.Is(err, producer.ErrClosed) {
		text = api.ErrorMessage()
	}
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "…"
	}
	return text
}
