package proxy

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// limits bound what clients and the upstream may take. Nothing bounds how long a subscription lasts.
type limits struct {
	body        int           // bytes of a request; Kinesis takes 10 MiB of data, which is base64 in JSON, in up to 500 entries
	bodies      int64         // bytes of all requests at a time
	requests    int64         // at a time, subscriptions included
	connections int64         // of clients
	streams     int           // of a connection with HTTP/2
	header      int           // bytes, of requests and of answers
	headerTime  time.Duration // for the header of a request, and for the handshake of TLS
	bodyTime    time.Duration // for the body of a request
	answerTime  time.Duration // until upstream's answer begins, and between pieces of it: a subscription has an event every five seconds
	writeTime   time.Duration // without progress until a client counts as gone; longer than the other two
	idleTime    time.Duration // of a connection
	restTime    time.Duration // without a request until memory is given back
}

func defaultLimits() limits {
	return limits{
		body: 16 << 20, bodies: 256 << 20, requests: 4096, connections: 4096, streams: 250, header: 64 << 10,
		headerTime: 10 * time.Second, bodyTime: time.Minute, answerTime: time.Minute, writeTime: 2 * time.Minute, idleTime: 3 * time.Minute, restTime: 3 * time.Second,
	}
}

// budget is how many bytes of requests are held at a time.
type budget struct{ held atomic.Int64 }

// take reserves n bytes, if they are there.
func (b *budget) take(n, limit int64) bool {
	if b.held.Add(n) > limit {
		b.held.Add(-n)
		return false
	}
	return true
}

const firstPiece = 64 << 10

// readBody reads the body of a request. Room is made as it comes, so that a client has to send what it takes. What the
// body takes of the budget is cap(body), also with an error.
func (h *Handler) readBody(w http.ResponseWriter, r *http.Request) (body []byte, err error) {
	limit := h.limits.body
	if r.ContentLength > int64(limit) {
		return nil, tooLarge(limit)
	}
	from := http.MaxBytesReader(w, r.Body, int64(limit))
	for {
		if len(body) == cap(body) {
			if body, err = h.grow(body, r.ContentLength); err != nil {
				return body, err
			}
		}
		n, err := from.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case err == io.EOF:
			return body, nil
		case err != nil:
			return body, h.readError(err)
		}
	}
}

// grow makes room for more of a body whose length the client says, or -1.
func (h *Handler) grow(body []byte, length int64) ([]byte, error) {
	most := h.limits.body
	if length >= 0 {
		most = int(length)
	}
	size := min(max(2*cap(body), firstPiece), most+1) // one more, for its end is read, too
	if !h.budget.take(int64(size-cap(body)), h.limits.bodies) {
		return body, Unavailable(nil, "too much is under way, try again")
	}
	larger := make([]byte, len(body), size)
	copy(larger, body)
	return larger, nil
}

func tooLarge(limit int) *Error {
	return &Error{Status: http.StatusRequestEntityTooLarge, Code: "RequestEntityTooLargeException",
		Message: fmt.Sprintf("kplkit proxy: a request has at most %d bytes", limit)}
}

func (h *Handler) readError(err error) *Error {
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		return tooLarge(h.limits.body)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &Error{http.StatusRequestTimeout, "RequestTimeoutException", "kplkit proxy: the request took too long to arrive", err}
	}
	return &Error{http.StatusBadRequest, "SerializationException", "kplkit proxy: the request broke off, or is not HTTP", err}
}
