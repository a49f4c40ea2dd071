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

// whole reads upstream's answer into a buffer, which has to be released, if there is no error.
func (x *call) whole(answer *http.Response) (body []byte, err error) {
	defer answer.Body.Close()
	defer func() {
		if err != nil {
			x.release(body)
		}
	}()
	limit := x.bounds.body
	size := firstPiece
	if n := answer.ContentLength; n > 0 {
		size = int(min(n, int64(limit))) + 1 // its end is read, too
	}
	for {
		if len(body) == cap(body) {
			larger := x.buffer(size)
			if larger == nil {
				return body, proxy.Unavailable(nil, busy)
			}
			larger = append(larger, body...)
			x.release(body)
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

// buffer returns an empty buffer of size bytes or more, which count as held until it is released; nil if so many are not there.
func (v *View) buffer(size int) []byte {
	b := []byte(nil)
	if used, _ := v.buffers.Get().(*[]byte); used != nil && size <= cap(*used) && cap(*used) <= 4*size {
		b = (*used)[:0]
	} else {
		b = make([]byte, 0, size) // one that is much larger would count as held
	}
	if !v.take(cap(b)) {
		return nil
	}
	return b
}

// release gives a buffer back. Nothing may be read from it afterwards.
func (v *View) release(b []byte) {
	if cap(b) > 0 {
		v.free(cap(b))
		v.buffers.Put(&b)
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

// instead releases a buffer whose place another slice takes, which counts as held from now on.
func (v *View) instead(b, other []byte) []byte {
	v.held.Add(int64(cap(other)))
	v.release(b)
	return other
}

// replace makes body, a buffer, the answer, and releases it when the client has it.
func (x *call) replace(answer *http.Response, body []byte) {
	answer.Body = &heldBody{Reader: *bytes.NewReader(body), release: sync.OnceFunc(func() { x.release(body) })}
	answer.ContentLength = int64(len(body))
	answer.Header.Set("Content-Length", strconv.Itoa(len(body)))
	answer.Header.Del("X-Amz-Crc32") // some of AWS's services have a checksum there, which would be wrong now
	answer.TransferEncoding, answer.Trailer = nil, nil
}

type heldBody struct {
	bytes.Reader
	release func()
}

func (b *heldBody) Close() error {
	b.release()
	return nil
}
