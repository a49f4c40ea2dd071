package userview

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"

	"github.com/kplkit/kplkit/internal/proxy"
)

var errTooLarge = errors.New("an answer that is larger than Kinesis's are")

const (
	firstPiece = 64 << 10
	busy       = "too much is under way, try again"
)

// whole reads upstream's answer. What it takes, cap(body), has to be freed, if there is no error.
func (x *call) whole(answer *http.Response) (body []byte, err error) {
	defer answer.Body.Close()
	defer func() {
		if err != nil {
			x.free(cap(body))
		}
	}()
	limit := x.bounds.body
	size := firstPiece
	if n := answer.ContentLength; n > 0 {
		size = int(min(n, int64(limit))) + 1 // its end is read, too
	}
	for {
		if len(body) == cap(body) {
			if !x.take(size - cap(body)) {
				return body, proxy.Unavailable(nil, busy)
			}
			larger := make([]byte, len(body), size)
			copy(larger, body)
			body, size = larger, min(2*size, max(size+1, limit+1))
		}
		n, err := answer.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case len(body) > limit:
			return body, proxy.Unavailable(errTooLarge, "Kinesis's answer is too large")
		case err == io.EOF:
			return body, nil
		case err != nil:
			return body, proxy.Unavailable(err, "Kinesis's answer broke off; the proxy's log says why")
		}
	}
}

// take reserves n bytes, if they are there.
func (v *View) take(n int) bool {
	if v.held.Add(int64(n)) > v.bounds.all {
		v.held.Add(-int64(n))
		return false
	}
	return true
}

func (v *View) free(n int) { v.held.Add(-int64(n)) }

// replace makes body the answer, and holds it until the client has it.
func (x *call) replace(answer *http.Response, body []byte) {
	x.held.Add(int64(cap(body)))
	answer.Body = &heldBody{Reader: *bytes.NewReader(body), free: sync.OnceFunc(func() { x.free(cap(body)) })}
	answer.ContentLength = int64(len(body))
	answer.Header.Set("Content-Length", strconv.Itoa(len(body)))
	answer.Header.Del("X-Amz-Crc32") // some of AWS's services have a checksum there, which would be wrong now
	answer.TransferEncoding, answer.Trailer = nil, nil
}

type heldBody struct {
	bytes.Reader
	free func()
}

func (b *heldBody) Close() error {
	b.free()
	return nil
}
