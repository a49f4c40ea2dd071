package recordio

import (
	"encoding/base64"
	"slices"

	"github.com/kplkit/kplkit/internal/base64x"
)

// appendBase64 does what Strict's AppendDecode does. The last four letters, whose bits may be too many, are left to it, and so is all
// of a text with line ends in it, or with anything wrong.
func appendBase64(dst, text []byte) ([]byte, error) {
	strict := base64.StdEncoding.Strict()
	if head := len(text) - 4; head > 0 && head%4 == 0 {
		room := slices.Grow(dst, len(text)/4*3)
		n, err := base64x.Decode(room[len(dst):cap(room)], text[:head])
		if err == nil && n == head/4*3 {
			if data, err := strict.AppendDecode(room[:len(dst)+n], text[head:]); err == nil {
				return data, nil
			}
		}
	}
	return strict.AppendDecode(dst, text)
}
