// Package errcode knows what an error code of Kinesis means for a record: one place for the producer, which tries again or
// not, and for the parent of a producer in another process, which is told the code alone.
package errcode

import "strings"

// Meaning is what a code says.
type Meaning uint8

const (
	Unknown     Meaning = iota // or an error of the service's own: worth another try
	Throttled                  // a shard or the service has no capacity left
	Timeout                    // no answer in time
	Credentials                // expired, or signed with a wrong clock
	Request                    // the request is refused for what is in it
	TooLarge                   // the request is too large
	Permanent                  // any record of the stream would get it
)

// Of goes by the codes in the Kinesis API reference and AWS's list of common errors. server says that the service takes the
// fault upon itself.
func Of(code string, server bool) Meaning {
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
		return Request
	case "RequestEntityTooLargeException":
		return TooLarge
	case "ResourceNotFoundException", "AccessDenied", "AccessDeniedException", "UnrecognizedClientException", "InvalidClientTokenId",
		"MissingAuthenticationToken", "MissingAuthenticationTokenException", "IncompleteSignature", "SignatureDoesNotMatch",
		"NotAuthorized", "OptInRequired", "SubscriptionRequiredException", "InvalidAction", "UnknownOperationException":
		return Permanent
	}
	if strings.HasPrefix(code, "KMS") && !server { // access denied, disabled, not found…
		return Permanent
	}
	return Unknown
}
