package deagg_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"weak"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/hashkey"
	"github.com/kplkit/kplkit/internal/md5x"
	"github.com/kplkit/kplkit/seqnum"
)

// delivery is what All hands out.
type delivery struct {
	index int
	user  deagg.UserRecord
}

// anyBatch returns stored records of all kinds: plain, aggregates of any size, some damaged, some taken apart before.
func anyBatch(t *testing.T, r *rand.Rand) []deagg.StoredRecord {
	batch := make([]deagg.StoredRecord, r.IntN(90))
	for i := range batch {
		batch[i] = anyStored(t, r)
		batch[i].SequenceNumber = fmt.Sprint(1000 + i)
		if r.IntN(9) == 0 {
			batch[i].SequenceNumber += fmt.Sprint(":", r.IntN(5))
		}
	}
	return batch
}

func anyStored(t *testing.T, r *rand.Rand) deagg.StoredRecord {
	s := deagg.StoredRecord{PartitionKey: []string{"a", "kplkit", "k"}[r.IntN(3)], Data: []byte("plain")}
	if r.IntN(4) == 0 {
		return s
	}
	m := message(nil, []string{inside, outside})
	for range 1 + r.IntN(80) {
		m.PartitionKeyTable = append(m.PartitionKeyTable, strings.Repeat("k", r.IntN(70))+fmt.Sprint(r.IntN(1000)))
	}
	for range r.IntN(60) {
		u := user(uint64(r.IntN(len(m.PartitionKeyTable))), strings.Repeat("d", r.IntN(1<<r.IntN(9))))
		if r.IntN(20) == 0 {
			u = userWithHash(0, uint64(r.IntN(3)), "x") // at times out of its table
		}
		m.Records = append(m.Records, u)
	}
	s.Data = aggregateOf(t, m)
	switch r.IntN(9) {
	case 0:
		s.Data[r.IntN(len(s.Data))] ^= 1
	case 1:
		s.Data = s.Data[:r.IntN(len(s.Data))]
	}
	return s
}

// TestBatchIsOneByOne: many stored records at once give what each alone gives, with the same counts, also if the iteration ends
// early, whatever the lanes.
func TestBatchIsOneByOne(t *testing.T) {
	for _, lanes := range []int{1, 8, 16} {
		t.Run(fmt.Sprint(lanes, " lanes"), func(t *testing.T) {
			defer md5x.SetLanes(md5x.SetLanes(lanes))
			if md5x.Lanes() != lanes {
				t.Skipf("this processor has no %d lanes, or the build tag purego is set", lanes)
			}
			r := rand.New(rand.NewPCG(1, uint64(lanes)))
			for range 150 {
				batch := anyBatch(t, r)
				options := deagg.Decoder{Policy: deagg.Policy(r.IntN(2))}
				if r.IntN(2) == 0 {
					options.HashRange, options.Ancestors = halves[0], whole
				}
				if r.IntN(2) == 0 {
					options.After = seqnum.At(seqnum.MustParse(fmt.Sprint(1000+r.IntN(20))), int64(r.IntN(4)))
				}
				checkBatch(t, options, batch, r.IntN(200))
			}
		})
	}
}

func checkBatch(t *testing.T, options deagg.Decoder, batch []deagg.StoredRecord, stop int) {
	t.Helper()
	for _, stop := range []int{stop, 1 << 30} {
		one, want := options, []delivery(nil)
		for i := range batch {
			for u := range one.UserRecords(batch[i]) {
				if want = append(want, delivery{i, u}); len(want) > stop {
					break
				}
			}
			if len(want) > stop {
				break
			}
		}
		all, each := options, options
		var byAll, byEach []delivery
		for range 2 { // the second time on the memory, and after the end, of the first
			all, each = withOptions(all, options), withOptions(each, options)
			byAll, byEach = nil, nil
			for i, u := range all.All(batch) {
				if byAll = append(byAll, delivery{i, u}); len(byAll) > stop {
					break
				}
			}
			each.Each(batch, func(i int, u *deagg.UserRecord) bool {
				byEach = append(byEach, delivery{i, *u})
				return len(byEach) <= stop
			})
		}
		if !reflect.DeepEqual(byAll, want) || !reflect.DeepEqual(byEach, want) {
			t.Fatalf("one by one %d user records, by All %d, by Each %d, of %d stored records", len(want), len(byAll), len(byEach), len(batch))
		}
		twice := doubled(one.Stats())
		if all.Stats() != twice || each.Stats() != twice {
			t.Fatalf("twice one by one %+v, by All %+v, by Each %+v", twice, all.Stats(), each.Stats())
		}
	}
}

// withOptions returns d with the fields of options, and all else as it is.
func withOptions(d, options deagg.Decoder) deagg.Decoder {
	d.Policy, d.HashRange, d.Ancestors, d.After = options.Policy, options.HashRange, options.Ancestors, options.After
	return d
}

func doubled(s deagg.Stats) deagg.Stats {
	return deagg.Stats{Stored: 2 * s.Stored, Aggregated: 2 * s.Aggregated, User: 2 * s.User, Strays: 2 * s.Strays,
		Dropped: 2 * s.Dropped, Skipped: 2 * s.Skipped, Malformed: 2 * s.Malformed}
}

// TestEachAllocatesNothing: nor does it hang on what the compiler inlines.
func TestEachAllocatesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	var batch []deagg.StoredRecord
	for i := range 100 {
		m := message([]string{"k", "l"}, nil, user(0, strings.Repeat("x", r.IntN(3000))), user(1, "y"))
		batch = append(batch, deagg.StoredRecord{SequenceNumber: fmt.Sprint(i), Data: aggregateOf(t, m)})
	}
	d := &deagg.Decoder{HashRange: hashkey.Whole(), After: seqnum.After(seqnum.MustParse("3"))}
	count := 0
	if n := testing.AllocsPerRun(20, func() { each(d, batch, &count) }); n != 0 || count == 0 {
		t.Errorf("%v allocations", n)
	}
}

//go:noinline
func each(d *deagg.Decoder, batch []deagg.StoredRecord, count *int) {
	d.Each(batch, func(_ int, u *deagg.UserRecord) bool { *count += len(u.Data); return true })
}

// TestDecoderPinsNothing: what is delivered can be freed, however the iteration ended, though the Decoder lives on.
func TestDecoderPinsNothing(t *testing.T) {
	for _, stop := range []int{0, 1, 1000} {
		d, data := &deagg.Decoder{HashRange: hashkey.Whole()}, []weak.Pointer[byte]{}
		func() {
			var batch []deagg.StoredRecord
			for i := range 40 {
				one := slices.Clone(aggregateOf(t, message([]string{"k", "l"}, nil, user(0, strings.Repeat("x", 500)), user(1, "y"))))
				batch = append(batch, deagg.StoredRecord{SequenceNumber: fmt.Sprint(i), Data: one})
				data = append(data, weak.Make(&one[0]))
			}
			n := 0
			d.Each(batch, func(int, *deagg.UserRecord) bool { n++; return n <= stop })
		}()
		runtime.GC()
		for i, p := range data {
			if p.Value() != nil {
				t.Errorf("ended at user record %d: stored record %d is pinned", stop, i)
			}
		}
		runtime.KeepAlive(d)
	}
}
