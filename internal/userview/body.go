package userview

import (
	"errors"
	"io"
	"math/bits"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"github.com/kplkit/kplkit/internal/proxy"
)

var errTooLarge = errors.New("an answer that is larger than Kinesis's are")

const (
	firstPiece = 64 << 10
	pieceSize  = 512 << 10 // of an answer to a client, but for records that are larger
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

// buffer returns an empty buffer of size bytes or somewhat more, which count as held until it is released; nil if so many
// are not there.
func (v *View) buffer(size int) []byte {
	size, kind := sizeOfBuffer(size)
	if !v.take(size) {
		return nil
	}
	if used, _ := v.buffers[kind].Get().(*[]byte); used != nil {
		return (*used)[:0]
	}
	return make([]byte, 0, size)
}

// sizeOfBuffer rounds a size up to one of those that buffers have, by a quarter at most, so that one that is released does
// for the next that is as large; kind counts those sizes.
func sizeOfBuffer(size int) (rounded, kind int) {
	shift := max(bits.Len(uint(max(size, smallest)-1))-3, 0)
	quarters := (max(size, smallest)-1)>>shift + 1
	return quarters << shift, 4*shift + quarters
}

const (
	smallest = 4 << 10
	kinds    = 4*28 + 8 + 1 // up to 2 GiB
)

// release gives a buffer back. Nothing may be read from it afterwards.
func (v *View) release(b []byte) {
	if cap(b) == 0 {
		return
	}
	v.free(cap(b))
	if size, kind := sizeOfBuffer(cap(b)); size == cap(b) { // else it has grown by itself
		v.buffers[kind].Put(&b)
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

// replace makes buffers the answer, and releases them when the client has it. Where it has not taken all, they are left to the
// garbage collector: net/http's Write returns when a stream of HTTP/2 is reset, and may still read what it was given.
func (x *call) replace(answer *http.Response, buffers ...[]byte) {
	body := new(heldBody)
	body.release = sync.OnceFunc(func() {
		give := x.release
		if len(body.Buffers) > 0 {
			give = func(b []byte) { x.free(cap(b)) }
		}
		for _, b := range buffers {
			give(b)
		}
	})
	size := 0
	for _, b := range buffers {
		size += len(b)
		for piece := range slices.Chunk(b, pieceSize) { // each has its time to be taken in
			body.Buffers = append(body.Buffers, piece)
		}
	}
	answer.Body, answer.ContentLength = body, int64(size)
	answer.Header.Set("Content-Length", strconv.Itoa(size))
	answer.Header.Del("X-Amz-Crc32") // some of AWS's services have a checksum there, which would be wrong now
	answer.TransferEncoding, answer.Trailer = nil, nil
}

// heldBody is an io.WriterTo, too, as which the proxy writes it to the client without another copy.
type heldBody struct {
	net.Buffers
	release func()
}

func (b *heldBody) Close() error {
	b.release()
	return nil
}
