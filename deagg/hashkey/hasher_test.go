package hashkey_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/kplkit/kplkit/deagg/hashkey"
	"github.com/kplkit/kplkit/internal/md5x"
)

// TestHasher: as Of, for any number of keys of any length.
func TestHasher(t *testing.T) {
	for _, lanes := range []int{1, 8, 16} {
		defer md5x.SetLanes(md5x.SetLanes(lanes))
		r := rand.New(rand.NewPCG(1, 1))
		var h hashkey.Hasher
		for range 300 {
			texts := make([]string, r.IntN(100))
			longest := []int{1, 20, 55, 60, 257}[r.IntN(5)]
			for i := range texts {
				texts[i] = strings.Repeat(fmt.Sprint(1<<62+r.Uint64()>>2), 15)[:r.IntN(longest+1)]
			}
			keys := make([]hashkey.Key, len(texts)+1)
			h.Of(texts, keys)
			for i, text := range texts {
				if keys[i] != hashkey.Of(text) {
					t.Fatalf("%d lanes: key %d of %d, %q: %v", lanes, i, len(texts), text, keys[i])
				}
			}
			if keys[len(texts)] != (hashkey.Key{}) {
				t.Fatal("a key too many was written")
			}
		}
	}
}

func TestHasherAllocatesNothing(t *testing.T) {
	texts, keys, h := make([]string, 100), make([]hashkey.Key, 100), new(hashkey.Hasher)
	for i := range texts {
		texts[i] = fmt.Sprint("key-", i)
	}
	if n := testing.AllocsPerRun(20, func() { h.Of(texts, keys) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkHasher: nanoseconds for each of 500 keys, and for one alone by Of.
//
//	go test -bench Hasher -run '^$' ./deagg/hashkey
func BenchmarkHasher(b *testing.B) {
	texts, keys, h := make([]string, 500), make([]hashkey.Key, 500), new(hashkey.Hasher)
	for i := range texts {
		texts[i] = fmt.Sprint("partition-key-", i)
	}
	for _, n := range []int{1, 2, 500} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				h.Of(texts[:n], keys)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/key")
		})
	}
	b.Run("one by one", func(b *testing.B) {
		for b.Loop() {
			for i := range texts {
				keys[i] = hashkey.Of(texts[i])
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(texts)), "ns/key")
	})
}
