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

// Codes of attempts that were none. The first is the KPL's: the put's time was up. With the other kplkit gives back what
// it holds when somebody else ends it.
const (
	expiredCode  = "Expired"
	shutdownCode = "Shutdown"
)

// isUndone: the next child is to have the record.
func isUndone(r *kplpb.PutRecordResult) bool {
	n := len(r.GetAttempts())
	return !r.GetSuccess() && n > 0 && r.GetAttempts()[n-1].GetErrorCode() == shutdownCode
}

// unusableCodes are those that any record of the stream would get.
var unusableCodes = map[string]bool{
	"ResourceNotFoundException": true, "AccessDenied": true, "AccessDeniedException": true, "UnrecognizedClientException": true,
	"InvalidClientTokenId": true, "MissingAuthenticationToken": true, "MissingAuthenticationTokenException": true,
	"IncompleteSignature": true, "SignatureDoesNotMatch": true, "NotAuthorized": true, "OptInRequired": true,
}

// passingCodes are those of an attempt that says nothing of the record.
var passingCodes = map[string]bool{
	"RequestTimeout": true, "NetworkError": true, "NoCredentials": true, "InternalFailure": true, "ServiceUnavailable": true,
	"Wrong Shard": true, "ExpiredToken": true, "ExpiredTokenException": true,
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

// failure wraps the last thing that went wrong as a smithy.APIError, and the kind of error that it means.
func failure(attempts []*kplpb.Attempt) error {
	if len(attempts) == 0 {
		return errors.New("separate: the child has not stored it, and does not say why")
	}
	last := attempts[len(attempts)-1]
	switch code := last.GetErrorCode(); {
	case code == expiredCode && len(attempts) == 1:
		return fmt.Errorf("separate: %w: %s", producer.ErrExpired, last.GetErrorMessage())
	case code == expiredCode:
		return fmt.Errorf("separate: %w: %w", producer.ErrExpired, apiError(attempts[len(attempts)-2]))
	case unusableCodes[code]:
		return fmt.Errorf("separate: %w: %w", producer.ErrUnusable, apiError(last))
	case isPassing(code):
		return fmt.Errorf("separate: not stored: %w", apiError(last))
	}
	return fmt.Errorf("separate: %w: %w", producer.ErrRefused, apiError(last))
}

// isPassing: another time it may be stored. With FailIfThrottled a record ends so.
func isPassing(code string) bool {
	return strings.Contains(code, "Throttl") || strings.Contains(code, "Exceeded") || passingCodes[code]
}

func apiError(a *kplpb.Attempt) error {
	return &smithy.GenericAPIError{Code: a.GetErrorCode(), Message: a.GetErrorMessage()}
}
