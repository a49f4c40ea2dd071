package dynamofake

import (
	"fmt"
	"net/http"
)

// apiError is an answer that the SDK turns into one of its error types.
type apiError struct {
	kind    string // with its namespace, as on the wire
	message string
	item    item // of a failed condition, when the caller asked for it
}

func (e *apiError) Error() string { return e.kind + ": " + e.message }

func (e *apiError) status() int {
	if e.kind == internalServerError {
		return http.StatusInternalServerError
	}
	return http.StatusBadRequest
}

const (
	internalServerError = "com.amazonaws.dynamodb.v20120810#InternalServerError"
	conditionFailed     = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"
	resourceNotFound    = "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"
	resourceInUse       = "com.amazonaws.dynamodb.v20120810#ResourceInUseException"
	invalid             = "com.amazon.coral.validate#ValidationException"
	unreadable          = "com.amazon.coral.service#SerializationException"
	unknownOperation    = "com.amazon.coral.service#UnknownOperationException"
)

func fail(kind, format string, args ...any) *apiError {
	return &apiError{kind: kind, message: fmt.Sprintf(format, args...)}
}

func validation(format string, args ...any) *apiError { return fail(invalid, format, args...) }

// notServed is for what AWS has and this package has not: told, never ignored.
func notServed(what string) *apiError {
	return validation("The embedded DynamoDB does not serve %s", what)
}

// clip keeps a caller's text short in an error.
func clip(s string) string {
	if len(s) > 100 {
		return s[:100] + "…"
	}
	return s
}
