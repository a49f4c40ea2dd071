package kinesisfake

import (
	"math"
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kplkit/kplkit/seqnum"
)

// The layout, written down once more with big numbers.
func TestSequenceLayout(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := sequence{
			created: rapid.Int64Range(0, 1<<36-1).Draw(t, "created"),
			place:   rapid.Uint64().Draw(t, "place"),
			at:      rapid.Int64Range(0, 1<<36-1).Draw(t, "at"),
			shard:   int(rapid.Uint32Range(0, math.MaxInt32).Draw(t, "shard")), // an int may have 32 bits
		}
		want := new(big.Int)
		for _, part := range []struct {
			value uint64
			shift uint
		}{{2, 184}, {uint64(q.created), 148}, {q.place, 80}, {uint64(q.at), 36}, {uint64(q.shard), 4}, {2, 0}} {
			want.Or(want, new(big.Int).Lsh(new(big.Int).SetUint64(part.value), part.shift))
		}
		if q.String() != want.String() || want.BitLen() != 186 {
			t.Fatalf("%+v is %s, want %s", q, q, want)
		}
		n := seqnum.MustParse(q.String())
		if shard, ok := n.ShardIndex(); !ok || shard != q.shard || n.Version() != 2 {
			t.Fatalf("seqnum reads shard %d, %v, version %d of %+v", shard, ok, n.Version(), q)
		}
		if created, ok := n.ShardCreated(); !ok || created != time.Unix(q.created, 0).UTC() {
			t.Fatalf("seqnum reads a shard created at %v, %v, of %+v", created, ok, q)
		}
		if back, ok := parseSequence(q.String()); !ok || back != q {
			t.Fatalf("%+v comes back as %+v", q, back)
		}
	})
}
