package cli

import (
	"cmp"
	"slices"
	"strings"
)

const (
	// mostKeys is how many partition keys are counted at a time: up to that many, every count is exact.
	mostKeys = 20_000
	// longestKey is what a stream takes as a partition key: 256 characters of 4 bytes. Longer ones, which only a writer
	// that is no KPL puts into an aggregate, are counted by their start.
	longestKey = 256 * 4
)

// keyCounts counts partition keys in bounded memory (20,000 keys, 20 MiB at most). When there are too many, the rarer
// half is forgotten, and a key that is forgotten or new may have been missed as often as those: a frequent key is never
// forgotten, and each count says by how much it may be too low. The zero value is ready.
type keyCounts struct {
	counts map[string]*keyCount
	missed int64 // no key that is not in counts was there more often
	max    int   // 0: mostKeys
}

// keyCount says that a key was there at least n times, and at most n + missed times.
type keyCount struct {
	key       string
	n, missed int64
}

func (k *keyCounts) add(key string) {
	key = key[:min(len(key), longestKey)]
	if c := k.counts[key]; c != nil {
		c.n++
		return
	}
	if k.counts == nil {
		k.counts = make(map[string]*keyCount)
	}
	if limit := cmp.Or(k.max, mostKeys); len(k.counts) == limit {
		k.forget(limit / 2)
	}
	key = strings.Clone(key) // it shares the memory of its record
	k.counts[key] = &keyCount{key, 1, k.missed}
}

// forget takes away at least n keys, the rarest ones.
func (k *keyCounts) forget(n int) {
	most := make([]int64, 0, len(k.counts)) // of each, how often it may have been there
	for _, c := range k.counts {
		most = append(most, c.n+c.missed)
	}
	slices.Sort(most)
	k.missed = most[n-1]
	for key, c := range k.counts {
		if c.n+c.missed <= k.missed {
			delete(k.counts, key)
		}
	}
}

// exact reports whether nothing was forgotten.
func (k *keyCounts) exact() bool { return k.missed == 0 }

// top returns the keys that were there more often than any that is not counted can have been, the most frequent first:
// all of them while the counts are exact.
func (k *keyCounts) top() []keyCount {
	var top []keyCount
	for _, c := range k.counts {
		if c.n > k.missed {
			top = append(top, *c)
		}
	}
	slices.SortFunc(top, func(a, b keyCount) int {
		return cmp.Or(-cmp.Compare(a.n, b.n), strings.Compare(a.key, b.key))
	})
	return top
}
