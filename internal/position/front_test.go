package position_test

import (
	"errors"
	"testing"

	"github.com/kplkit/kplkit/internal/position"
	"github.com/kplkit/kplkit/seqnum"
)

// TestLayers: each layer takes its own front away and leaves those of others, of its own kind, too.
func TestLayers(t *testing.T) {
	fronts := []position.Front{{}, {After: seqnum.At(seqnum.MustParse("7"), 3)}, {Stream: "arn:aws:kinesis:a:1:stream/s", Shard: "a/b%"}, {AtOnce: 9}}
	marks := []position.Mark{position.OfClient, position.OfProxy}
	for _, inner := range fronts {
		for _, outer := range fronts {
			for _, m := range marks {
				for _, n := range marks {
					text := m.Join(outer, n.Join(inner, "AAA+/="))
					f, rest, err := m.Split(text)
					if err != nil || f != outer {
						t.Errorf("%q: %+v %v, want %+v", text, f, err, outer)
					}
					if f, rest, err = n.Split(rest); err != nil || f != inner || rest != "AAA+/=" {
						t.Errorf("%q: %+v %q %v, want %+v", text, f, rest, err, inner)
					}
				}
			}
		}
	}
	for _, damaged := range []string{"kplkit1:", "kplkit1:7:1/s", "kplkit1:x/s/h/A", "kplkit1:*0/s/h/A", "kplkit1:*x/s/h/A", "kplkit1:/%/h/A", "kplkit1:/s/%/A"} {
		if _, _, err := position.OfClient.Split(damaged); !errors.Is(err, position.ErrIterator) {
			t.Errorf("%q: %v", damaged, err)
		}
	}
}
