package kinesisfake

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// HostHeader is the request header in which a client under test may say which host it is, for Request.Host.
const HostHeader = "X-Kinesisfake-Host"

// Request is what Options.Fault is told of a request.
type Request struct {
	Operation string // such as "PutRecords"
	Host      string // the value of HostHeader, "" without one
	input     any
}

// Body returns the request's members that the server knows, as JSON in an order that does not depend on the
// client's: two equal requests have equal bodies.
func (r Request) Body() []byte {
	body, _ := json.Marshal(r.input)
	return body
}

// Fault is what befalls a request. The zero value is nothing; the parts combine, in the order of the fields.
type Fault struct {
	// Delay passes before anything else happens, unless the client gives up first: then nothing happens.
	Delay time.Duration
	// Drop breaks the connection; the operation does not happen.
	Drop bool
	// ErrorCode, such as "ProvisionedThroughputExceededException", is answered; the operation does not happen.
	ErrorCode string
	// FailEntries are entries of a PutRecords request, by index, that fail, with their error codes.
	FailEntries map[int]string
	// Duplicate lets the operation happen twice, as when something on the way repeats a request. The answer is the
	// first one's.
	Duplicate bool
	// LoseResponse breaks the connection after the operation has happened.
	LoseResponse bool
}

// suffer runs an operation with its fault.
func (s *Server) suffer(ctx context.Context, f Fault, op operation, in any) (any, error) {
	if f.Delay > 0 {
		s.sleep(ctx, f.Delay)
	}
	if f.Drop {
		panic(http.ErrAbortHandler)
	}
	if f.ErrorCode != "" {
		return nil, fail(f.ErrorCode, "A fault that was asked for.")
	}
	if put, ok := in.(*putRecordsInput); ok {
		put.failing = f.FailEntries
	}
	out, err := s.locked(op, in)
	if f.Duplicate {
		s.locked(op, in)
	}
	if f.LoseResponse {
		panic(http.ErrAbortHandler)
	}
	return out, err
}

// sleep waits, and breaks the connection if the client goes away or the server is closed meanwhile.
func (s *Server) sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		panic(http.ErrAbortHandler)
	case <-s.open.Done():
		panic(http.ErrAbortHandler)
	}
}
