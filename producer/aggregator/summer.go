package aggregator

import (
	"github.com/kplkit/kplkit/internal/md5x"
	"github.com/kplkit/kplkit/internal/wire"
)

// Summer writes the MD5s of many aggregates. It computes them side by side, which takes a processor with AVX2 or AVX-512
// little more than the time of one: sixteen together are as good as any number. The zero value is ready to use. It must not be
// used by several goroutines at once.
type Summer struct {
	hasher   md5x.Hasher
	messages [][]byte
	sums     [][md5x.Size]byte
}

// Sum completes aggregates, each as AppendUnsummed has appended it and nothing else. An aggregate has two user records or more:
// what a single one is put as has no MD5, and must not come here.
func (s *Summer) Sum(aggregates ...[]byte) {
	s.messages = s.messages[:0]
	for _, a := range aggregates {
		s.messages = append(s.messages, a[len(wire.Magic):len(a)-wire.DigestSize])
	}
	if cap(s.sums) < len(aggregates) {
		s.sums = make([][md5x.Size]byte, len(aggregates))
	}
	s.hasher.Sums(s.messages, s.sums[:len(aggregates)])
	for i, a := range aggregates {
		copy(a[len(a)-wire.DigestSize:], s.sums[i][:])
	}
	clear(s.messages) // so that no aggregate is pinned
}
