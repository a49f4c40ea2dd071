package producer

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// permanent is the reason not to try again.
const permanent Reason = ""

// errAborted is the error of a request whose goroutine ended before its answer came.
var errAborted = errors.New("the request was ended")

// errNextTurn is why a record that was tried is not stored, where nothing else is known.
var errNextTurn = errors.New("it is stored, or it waits for another")

// errNoAnswer is the error of a stored record that the answer to its request leaves out.
var errNoAnswer = errors.New("the answer does not say what became of it")

// classify returns why a failed request is worth another try, or permanent.
func classify(err error) Reason {
	var api smithy.APIError
	var answer *smithyhttp.ResponseError
	switch {
	case errors.As(err, &answer) && answer.HTTPStatusCode() == http.StatusRequestEntityTooLarge:
		return RequestTooLarge // whoever says so: mostly it is a proxy
	case errors.As(err, &api):
		return classifyCode(api.ErrorCode(), api.ErrorFault() == smithy.FaultServer)
	case errors.Is(err, context.DeadlineExceeded):
		return Timeout
	}
	return Network
}

// isGone tells whether an error says that there is no such stream.
func isGone(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == "ResourceNotFoundException"
}

// classifyCode goes by the codes in the Kinesis API reference and AWS's list of common errors. What it does not know
// is worth another try: the time to live ends that.
func classifyCode(code string, server bool) Reason {
	switch code {
	case "ProvisionedThroughputExceededException", "LimitExceededException", "KMSThrottlingException",
		"Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException",
		"TooManyRequestsException", "RequestLimitExceeded", "BandwidthLimitExceeded", "SlowDown", "PriorRequestNotComplete":
		return Throttled
	case "ExpiredToken", "ExpiredTokenException", "RequestExpired", "RequestTimeTooSkewed", "InvalidSignatureException":
		return Credentials
	case "RequestTimeout", "RequestTimeoutException":
		return Timeout
	case "ValidationException", "InvalidArgumentException", "SerializationException":
		return Isolated
	case "RequestEntityTooLargeException":
		return RequestTooLarge
	case "ResourceNotFoundException", "AccessDenied", "AccessDeniedException", "UnrecognizedClientException", "InvalidClientTokenId",
		"MissingAuthenticationToken", "MissingAuthenticationTokenException", "IncompleteSignature", "SignatureDoesNotMatch",
		"NotAuthorized", "OptInRequired", "SubscriptionRequiredException", "InvalidAction", "UnknownOperationException":
		return permanent
	}
	if strings.HasPrefix(code, "KMS") && !server { // access denied, disabled, not found…
		return permanent
	}
	return Internal
}
