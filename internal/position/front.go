package position

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/kplkit/kplkit/seqnum"
)

// ErrIterator is wrapped by the error for a shard iterator whose front is damaged.
var ErrIterator = errors.New("damaged shard iterator")

// Front is what travels in front of an opaque shard iterator.
type Front struct {
	After         seqnum.Extended // zero: nothing is to be skipped
	Stream, Shard string          // of the iterator, where they are needed
	AtOnce        int             // how many stored records are to be asked for; 0: as many as the client says
}

// A Mark tells an iterator with a front from AWS's, which are base64, and from those of other layers: each takes its own
// front away, and no other.
type Mark string

const (
	OfClient Mark = "kplkit1:"      // deaggaws
	OfProxy  Mark = "kplkitproxy1:" // kplkit proxy
)

// Join returns iterator with f in front; without, if there is nothing to say, unless it has the same layer's front already.
func (m Mark) Join(f Front, iterator string) string {
	if f == (Front{}) && !strings.HasPrefix(iterator, string(m)) {
		return iterator
	}
	after, _ := f.After.MarshalText()
	if f.AtOnce > 0 {
		after = strconv.AppendInt(append(after, '*'), int64(f.AtOnce), 10)
	}
	return string(m) + string(after) + "/" + url.PathEscape(f.Stream) + "/" + url.PathEscape(f.Shard) + "/" + iterator
}

// Split takes apart what Join returned.
func (m Mark) Split(iterator string) (Front, string, error) {
	rest, ok := strings.CutPrefix(iterator, string(m))
	if !ok {
		return Front{}, iterator, nil
	}
	parts := strings.SplitN(rest, "/", 4)
	if len(parts) != 4 {
		return Front{}, "", fmt.Errorf("%w: its front ends too early", ErrIterator)
	}
	f, err := splitFront(parts)
	if err != nil {
		return Front{}, "", fmt.Errorf("%w: %w", ErrIterator, err)
	}
	return f, parts[3], nil
}

func splitFront(parts []string) (f Front, err error) {
	after, atOnce, limited := strings.Cut(parts[0], "*")
	if limited {
		if f.AtOnce, err = strconv.Atoi(atOnce); err != nil || f.AtOnce < 1 {
			return f, errors.New("it asks for no records")
		}
	}
	if err = f.After.UnmarshalText([]byte(after)); err != nil {
		return f, err
	}
	if f.Stream, err = url.PathUnescape(parts[1]); err == nil {
		f.Shard, err = url.PathUnescape(parts[2])
	}
	return f, err
}
