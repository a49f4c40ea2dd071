package separate

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/aws/smithy-go"

	"github.com/kplkit/kplkit/internal/errcode"
	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
	"github.com/kplkit/kplkit/producer"
	"github.com/kplkit/kplkit/seqnum"
)

// Codes of attempts that were none. The first is the KPL's: the put's time was up. With the second kplkit gives back what
// it holds when somebody else ends it, with the third what it can't put, with the last what had to wait for credentials.
const (
	expiredCode       = "Expired"
	shutdownCode      = "Shutdown"
	invalidCode       = "InvalidRecord"
	noCredentialsCode = "NoCredentials"
)

var wasNone = map[string]bool{expiredCode: true, shutdownCode: true, invalidCode: true, noCredentialsCode: true}

// tooLargeCode is kplkit's for a request that somebody on the way to the service took for too large. The service has said nothing.
const tooLargeCode = "RequestTooLarge"

// wrongShardCode is the KPL's for an attempt that stored the record where it does not belong.
const wrongShardCode = "Wrong Shard"

// isUndone: the next child is to have the record.
func isUndone(r *kplpb.PutRecordResult) bool {
	n := len(r.GetAttempts())
	return !r.GetSuccess() && n > 0 && r.GetAttempts()[n-1].GetErrorCode() == shutdownCode
}

// passingCodes are those of an attempt that says nothing of the record, besides what errcode knows.
var passingCodes = map[string]bool{
	"": true, "NetworkError": true, noCredentialsCode: true, "InternalFailure": true, "ServiceUnavailable": true, wrongShardCode: true,
}

func isPassing(code string) bool {
	meaning := errcode.Of(code, false)
	return passingCodes[code] || meaning == errcode.Timeout || meaning == errcode.Credentials
}

// isThrottled: a record ends so with FailIfThrottled. The native binary has more names for it than Kinesis.
func isThrottled(code string) bool {
	return errcode.Of(code, false) == errcode.Throttled || strings.Contains(code, "Throttl") || strings.Contains(code, "Exceeded")
}

// isPermanent tells whether any record of the stream would get it. What is wrong with a record itself Put has found.
func isPermanent(code string) bool {
	return errcode.Of(code, false) == errcode.Permanent || code == invalidCode
}

// resultOf is what the child said, in package producer's terms.
func resultOf(r *kplpb.PutRecordResult) producer.Result {
	attempts := r.GetAttempts()
	if !r.GetSuccess() {
		return producer.Result{Err: failure(attempts)}.WithTries(triesOf(attempts)...)
	}
	result := producer.Result{ShardID: r.GetShardId()}.WithTries(triesOf(attempts)...)
	if n, err := seqnum.Parse(r.GetSequenceNumber()); err == nil {
		result.Position = seqnum.After(n)
	}
	return result
}

// triesOf are the attempts that were requests: the last one may only say why there was no other.
func triesOf(attempts []*kplpb.Attempt) []producer.Try {
	if n := len(attempts); n > 0 && wasNone[attempts[n-1].GetErrorCode()] {
		attempts = attempts[:n-1]
	}
	tries := make([]producer.Try, len(attempts))
	for i, a := range attempts {
		tries[i] = producer.Try{Delay: millisOf(a.GetDelay()), Took: millisOf(a.GetDuration())}
		if !a.GetSuccess() {
			tries[i].Err = attemptError(a)
		}
	}
	return tries
}

func millisOf(n uint32) time.Duration { return time.Duration(n) * time.Millisecond }

// failure is the kind of error that the last thing that went wrong means, with what the child said of it.
func failure(attempts []*kplpb.Attempt) error {
	if len(attempts) == 0 {
		return errors.New("the child has not stored it, and does not say why: look at its log")
	}
	last := attempts[len(attempts)-1]
	switch code := last.GetErrorCode(); {
	case code == expiredCode && len(attempts) == 1:
		return said(producer.ErrExpired, last)
	case code == expiredCode:
		return fmt.Errorf("%w: %w; put it again if twice is better than never", producer.ErrExpired, attemptError(attempts[len(attempts)-2]))
	case code == invalidCode && strings.HasPrefix(withoutRecord(last.GetErrorMessage()), producer.ErrTooLarge.Error()):
		return said(producer.ErrTooLarge, last)
	case isThrottled(code):
		return fmt.Errorf("%w: %w; slow down, then put it again", producer.ErrThrottled, attemptError(last))
	case isPassing(code):
		return fmt.Errorf("not stored: %w; put it again if twice is better than never", attemptError(last))
	}
	refused := &producer.RefusedError{Code: last.GetErrorCode(), Permanent: isPermanent(last.GetErrorCode()), Err: attemptError(last)}
	if refused.Code == tooLargeCode {
		refused.Code = ""
	}
	return refused
}

// aboutRecord is how package producer begins the text of an error of a record, whose names are the user's: they may hold any text.
var aboutRecord = regexp.MustCompile(`^producer: stream "(\\.|[^"\\])*"(, [^:]*)?: record "(\\.|[^"\\])*" of \d+ bytes: `)

// withoutRecord leaves out of a text of the child which record it is about: the parent says that itself.
func withoutRecord(text string) string { return text[len(aboutRecord.FindString(text)):] }

// said is a kind of error with what the child says of it: of a text of package producer's what comes after the kind.
func said(kind error, a *kplpb.Attempt) error {
	text := withoutRecord(a.GetErrorMessage())
	if rest, found := strings.CutPrefix(text, kind.Error()); found {
		text = strings.TrimPrefix(rest, ": ")
	}
	if text == "" {
		return kind
	}
	return fmt.Errorf("%w: %s", kind, withoutRecord(text))
}

// attemptError is a smithy.APIError where there is a code of the service's or kplkit's, and what package producer would call
// it, if that has a name for it.
func attemptError(a *kplpb.Attempt) error {
	code, text := a.GetErrorCode(), a.GetErrorMessage()
	if code == "" || code == tooLargeCode {
		return errors.New(cmp.Or(text, "the child does not say why"))
	}
	err := &smithy.GenericAPIError{Code: code, Message: text}
	if code == wrongShardCode {
		return fmt.Errorf("%w: %w", producer.ErrWrongShard, err)
	}
	return err
}
