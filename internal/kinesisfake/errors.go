package kinesisfake

import (
	"fmt"
	"net/http"
)

// apiError is an error as the service answers it: a code that SDKs turn into a type, and a text.
type apiError struct {
	Code    string `json:"__type"`
	Message string `json:"message,omitempty"`
}

func (e *apiError) Error() string { return e.Code + ": " + e.Message }

// status returns the HTTP status that goes with the code.
func (e *apiError) status() int {
	switch e.Code {
	case "InternalFailure", "InternalFailureException":
		return http.StatusInternalServerError
	case "ServiceUnavailable":
		return http.StatusServiceUnavailable
	case "RequestEntityTooLargeException":
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusBadRequest
}

func fail(code, format string, args ...any) error {
	return &apiError{code, fmt.Sprintf(format, args...)}
}

func invalidArgument(format string, args ...any) error {
	return fail("InvalidArgumentException", format, args...)
}

func notFound(format string, args ...any) error {
	return fail("ResourceNotFoundException", format, args...)
}

func inUse(format string, args ...any) error { return fail("ResourceInUseException", format, args...) }

// violation is what the service says of a member that breaks its model: a length, a pattern, an enumeration.
func violation(value, member, constraint string) error {
	if len(value) > 300 {
		value = value[:300] + "..."
	}
	return fail("ValidationException",
		"1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: %s", value, member, constraint)
}

func missing(member string) error { return violation("null", member, "Member must not be null") }

// within checks a number that may be absent.
func within(n *int, low, high int, member string) error {
	switch {
	case n == nil:
		return nil
	case *n < low:
		return violation(fmt.Sprint(*n), member, fmt.Sprintf("Member must have value greater than or equal to %d", low))
	case *n > high:
		return violation(fmt.Sprint(*n), member, fmt.Sprintf("Member must have value less than or equal to %d", high))
	}
	return nil
}

var errDryRun = &apiError{"DryRunOperationException", "The request would have succeeded, but the DryRun parameter is set."}
