package userview

import (
	"github.com/kplkit/kplkit/internal/kinesisjson"
	"github.com/kplkit/kplkit/internal/proxy"
)

// SetBounds makes an answer and an event to clients so small, in bytes.
func (v *View) SetBounds(answer, event int) { v.bounds.answer, v.bounds.event = answer, event }

// SetAll bounds what all answers take together, and what one that comes takes.
func (v *View) SetAll(all int64, body int) { v.bounds.all, v.bounds.body = all, body }

// Held returns how many bytes of answers are held.
func (v *View) Held() int64 { return v.held.Load() }

// DefaultBounds are those that hold unless a test sets others.
func DefaultBounds() (body, answer, event, all int) {
	b := New(Config{}).bounds
	return b.body, b.answer, b.event, int(b.all)
}

// SizeOfBuffer is what buffers are rounded to, and which of Kinds sizes that is.
func SizeOfBuffer(size int) (rounded, kind int) { return sizeOfBuffer(size) }

const Kinds, PieceSize = kinds, pieceSize

// Forgotten is a batch that has written a body's user records, and has forgotten them.
func Forgotten(body []byte) (any, error) {
	b := new(batch)
	if err := b.read(body, len(body), false, func(size int) []byte { return make([]byte, 0, size) }); err != nil {
		return nil, err
	}
	var w kinesisjson.Writer
	w.Begin(&b.in, nil)
	_, err := (&writing{batch: b, Writer: &w, bytes: 1 << 20}).write(new(proxy.Metrics))
	b.forget()
	return b, err
}
