package aggregator_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/kplkit/kplkit/internal/md5x"
	"github.com/kplkit/kplkit/producer/aggregator"
)

// unsummed returns n aggregates of some sizes, without their MD5s, and as AppendTo writes them.
func unsummed(t testing.TB, n int) (open, want [][]byte) {
	for i := range n {
		var e aggregator.Encoder
		for j := range 2 + i%5 {
			r := aggregator.Record{PartitionKey: fmt.Sprint("key-", j), Data: bytes.Repeat([]byte{byte(i)}, i*i*7%3000)}
			if ok, err := e.Add(r); !ok || err != nil {
				t.Fatal(ok, err)
			}
		}
		open, want = append(open, e.AppendUnsummed([]byte("before"))[6:]), append(want, e.AppendTo(nil))
		if len(open[i]) != e.Size() || bytes.Equal(open[i], want[i]) {
			t.Fatalf("%d bytes of %d, the MD5 already there: %v", len(open[i]), e.Size(), bytes.Equal(open[i], want[i]))
		}
	}
	return open, want
}

// TestSummer: summed together, aggregates are what AppendTo writes, however many they are.
func TestSummer(t *testing.T) {
	for _, lanes := range []int{1, 8, 16} {
		defer md5x.SetLanes(md5x.SetLanes(lanes))
		var s aggregator.Summer
		for _, n := range []int{40, 0, 1, 2, 16, 17, 100} {
			open, want := unsummed(t, n)
			s.Sum(open...)
			for i := range want {
				if !bytes.Equal(open[i], want[i]) {
					t.Errorf("%d lanes: aggregate %d of %d is not as AppendTo writes it", lanes, i, n)
				}
			}
		}
	}
}

func TestUnsummedSingle(t *testing.T) {
	var e aggregator.Encoder
	if _, err := e.Add(aggregator.Record{PartitionKey: "k", Data: []byte("data")}); err != nil {
		t.Fatal(err)
	}
	if got := e.AppendUnsummed([]byte("before ")); string(got) != "before data" {
		t.Errorf("%q", got)
	}
}

func TestSummerAllocatesNothing(t *testing.T) {
	open, _ := unsummed(t, 20)
	var s aggregator.Summer
	s.Sum(open...)
	if n := testing.AllocsPerRun(20, func() { s.Sum(open...) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
