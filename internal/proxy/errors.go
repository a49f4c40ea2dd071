package proxy

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Error is an answer of the proxy's own, in the form of AWS's: SDKs make their own errors of it, and try again where the
// status is one of theirs for that.
type Error struct {
	Status  int
	Code    string // as in AWS's __type
	Message string
	Cause   error // for the log alone; it may be nil
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

func (e *Error) Unwrap() error { return e.Cause }

// Unavailable is what the client's SDK tries again.
func Unavailable(cause error, message string) *Error {
	return &Error{http.StatusServiceUnavailable, "ServiceUnavailable", "kplkit proxy: " + message, cause}
}

func refusal(code, format string, args ...any) *Error {
	return &Error{Status: http.StatusBadRequest, Code: code, Message: fmt.Sprintf(format, args...)}
}

func accessDenied(message string) *Error {
	return refusal("AccessDeniedException", "kplkit proxy: %s", message)
}

// write answers a request in the protocol in which it came.
func (e *Error) write(w http.ResponseWriter, r *http.Request) {
	kind, body := "application/x-amz-json-1.1", []byte(nil)
	rpc := r.Header.Get("Smithy-Protocol")
	switch {
	case rpc != "":
		w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
		kind, body = "application/cbor", e.cbor()
	case strings.Contains(r.Header.Get("Content-Type"), "cbor"):
		kind, body = "application/x-amz-cbor-1.1", e.cbor()
	default:
		body, _ = json.Marshal(map[string]string{"__type": e.Code, "message": e.Message}) // texts: it can't fail
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Amzn-Requestid", newRequestID())
	w.WriteHeader(e.Status)
	w.Write(body) // an error means that the client has gone
}

// cbor returns a map of two texts.
func (e *Error) cbor() []byte {
	b := []byte{0xA2}
	for _, text := range []string{"__type", e.Code, "message", e.Message} {
		if len(text) > 0xFFFF {
			text = text[:0xFFFF]
		}
		b = append(b, 0x79, byte(len(text)>>8), byte(len(text))) // a text with a length of two bytes
		b = append(b, text...)
	}
	return b
}

// newRequestID returns an id in AWS's form, by which an answer is found in the log.
func newRequestID() string {
	var b [16]byte
	rand.Read(b[:])
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
