package producer

import (
	"context"
	"errors"
	"net/http"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/kplkit/kplkit/internal/errcode"
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
		return reasons[errcode.Of(api.ErrorCode(), api.ErrorFault() == smithy.FaultServer)]
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

// reasons are what the codes of the service mean here. Of what is unknown the time to live ends the tries.
var reasons = map[errcode.Meaning]Reason{
	errcode.Unknown: Internal, errcode.Throttled: Throttled, errcode.Timeout: Timeout, errcode.Credentials: Credentials,
	errcode.Request: Isolated, errcode.TooLarge: RequestTooLarge, errcode.Permanent: permanent,
}
