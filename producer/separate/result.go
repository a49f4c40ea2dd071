package separate

import (
	"errors"
	"fmt"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
	"github.com/kplkit/kplkit/producer"
	"github.com/kplkit/kplkit/seqnum"
)

// Codes of attempts that were none. The first is the KPL's: the put's time was up. With the second kplkit gives back what
// it holds when somebody else ends it, with the third what it can't put.
const (
	expiredCode  = "Expired"
	shutdownCode = "Shutdown"
	invalidCode  = "InvalidRecord"
)

// wrongShardCode is the KPL's for an attempt that stored the record where it does not belong.
const wrongShardCode = "Wrong Shard"

// isUndone: the next child is to have the record.
func isUndone(r *kplpb.PutRecordResult) bool {
	n := len(r.GetAttempts())
	return !r.GetSuccess() && n > 0 && r.GetAttempts()[n-1].GetErrorCode() == shutdownCode
}

// permanentCodes are those that any record of the stream would get, besides those of its key in KMS.
var permanentCodes = map[string]bool{
	"ResourceNotFoundException": true, "AccessDenied": true, "AccessDeniedException": true, "UnrecognizedClientException": true,
	"InvalidClientTokenId": true, "MissingAuthenticationToken": true, "MissingAuthenticationTokenException": true,
	"IncompleteSignature": true, "SignatureDoesNotMatch": true, "NotAuthorized": true, "OptInRequired": true,
	"SubscriptionRequiredException": true, "InvalidAction": true, "UnknownOperationException": true,
}

func isPermanent(code string) bool { return permanentCodes[code] || strings.HasPrefix(code, "KMS") }

// passingCodes are those of an attempt that says nothing of the record.
var passingCodes = map[string]bool{
	"RequestTimeout": true, "NetworkError": true, "NoCredentials": true, "InternalFailure": true, "ServiceUnavailable": true,
	wrongShardCode: true, "ExpiredToken": true, "ExpiredTokenException": true, "RequestExpired": true, "RequestTimeTooSkewed": true,
}

// isThrottled: a record ends so with FailIfThrottled.
func isThrottled(code string) bool {
	return strings.Contains(code, "Throttl") || strings.Contains(code, "Exceeded") || code == "TooManyRequestsException" || code == "SlowDown" || code == "PriorRequestNotComplete"
}

// resultOf is what the child said, in package producer's terms.
func resultOf(r *kplpb.PutRecordResult) producer.Result {
	attempts := r.GetAttempts()
	if !r.GetSuccess() {
		requests := len(attempts)
		if requests > 0 && attempts[requests-1].GetErrorCode() == expiredCode {
			requests--
		}
		return producer.Result{Attempts: requests, Err: failure(attempts)}
	}
	result := producer.Result{ShardID: r.GetShardId(), Attempts: len(attempts)}
	if n, err := seqnum.Parse(r.GetSequenceNumber()); err == nil {
		result.Position = seqnum.After(n)
	}
	return result
}

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
	case code == invalidCode && strings.Contains(last.GetErrorMessage(), producer.ErrTooLarge.Error()): // its keys are good: Put has looked
		return said(producer.ErrTooLarge, last)
	case isThrottled(code):
		return fmt.Errorf("%w: %w; slow down, then put it again", producer.ErrThrottled, attemptError(last))
	case passingCodes[code]:
		return fmt.Errorf("not stored: %w; put it again if twice is better than never", attemptError(last))
	}
	return &producer.RefusedError{Code: last.GetErrorCode(), Permanent: isPermanent(last.GetErrorCode()), Err: attemptError(last)}
}

// said is a kind of error with what the child says of it: of a text of package producer's what comes after the kind.
func said(kind error, a *kplpb.Attempt) error {
	if _, rest, found := strings.Cut(a.GetErrorMessage(), kind.Error()); found {
		return fmt.Errorf("%w%s", kind, rest)
	}
	return fmt.Errorf("%w: %s", kind, a.GetErrorMessage())
}

// attemptError is a smithy.APIError, and what package producer would call it, if that has a name for it.
func attemptError(a *kplpb.Attempt) error {
	err := &smithy.GenericAPIError{Code: a.GetErrorCode(), Message: a.GetErrorMessage()}
	if a.GetErrorCode() == wrongShardCode {
		return fmt.Errorf("%w: %w", producer.ErrWrongShard, err)
	}
	return err
}
