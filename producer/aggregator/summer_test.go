package aggregator

import (
	"bytes"
	"fmt"
	"testing"
)

// TestSummer: many aggregates that are summed together are those that AppendTo makes; a single user record has no sum.
func TestSummer(t *testing.T) {
	var s Summer
	for n := range 40 {
		var want, got [][]byte
		for i := range n {
			var e Encoder
			for k := range 2 + i%3 {
				if _, err := e.Add(Record{PartitionKey: fmt.Sprint("key-", k), Data: make([]byte, i*i*7)}); err != nil {
					t.Fatal(err)
				}
			}
			want, got = append(want, e.AppendTo(nil)), append(got, e.AppendUnsummed(nil))
		}
		s.Sum(got...)
		for i := range want {
			if !bytes.Equal(got[i], want[i]) {
				t.Fatalf("the aggregate %d of %d differs", i, n)
			}
		}
	}
	var e Encoder
	if _, err := e.Add(Record{PartitionKey: "k", Data: []byte("alone")}); err != nil || string(e.AppendUnsummed(nil)) != "alone" {
		t.Errorf("%q, %v", e.AppendUnsummed(nil), err)
	}
}

// TestSummerAllocatesNothing once it has had as many.
func TestSummerAllocatesNothing(t *testing.T) {
	var s Summer
	var e Encoder
	for range 3 {
		_, _ = e.Add(Record{PartitionKey: "k", Data: make([]byte, 1000)})
	}
	var aggregates [][]byte
	for range 20 {
		aggregates = append(aggregates, e.AppendUnsummed(nil))
	}
	if n := testing.AllocsPerRun(10, func() { s.Sum(aggregates...) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
