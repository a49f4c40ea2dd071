package userview_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/internal/memory"
	"github.com/kplkit/kplkit/internal/userview"
)

// TestBomb: 10 MiB of empty user records, the most that Kinesis stores in one record, come all of them, in answers of the
// size that docs/proxy.md says, and in the memory that it says.
func TestBomb(t *testing.T) {
	if testing.Short() {
		t.Skip("10 MiB of empty user records take seconds; this is a short run")
	}
	const size = 10<<20 - 1000
	data := memory.Aggregates(size)[0].Data
	a, err := deagg.Parse(deagg.StoredRecord{SequenceNumber: "7", PartitionKey: "a", Data: data})
	if err != nil || a.Len() < 1_700_000 {
		t.Fatal(a.Len(), err)
	}
	want := a.Len()
	a = nil
	up := &answers{length: -1, body: fmt.Appendf(nil, `{"Records":[{"SequenceNumber":"7","PartitionKey":"a","ApproximateArrivalTimestamp":1764400000.123,"EncryptionType":"NONE","Data":"%s"}],"NextShardIterator":"AAA","MillisBehindLatest":0}`,
		base64.StdEncoding.EncodeToString(data))}
	p := newWorld(t).proxyBefore(up, userview.Config{})
	_, most, _, _ := userview.DefaultBounds()
	n, began := 0, time.Now()
	peak := peakOf(func() {
		for iterator, i := "AAA", 0; iterator != "AAA" || i == 0; i++ {
			status, body := p.call(t, "GetRecords", `{"ShardIterator":"`+iterator+`"}`)
			got := strings.Count(body, `"SequenceNumber"`)
			if status != 200 || len(body) > most+1<<20 || got == 0 {
				t.Fatalf("%d, %d bytes, %d records", status, len(body), got)
			}
			n += got
			var rest struct{ NextShardIterator string }
			if err := json.Unmarshal([]byte(`{`+body[strings.LastIndex(body, `"NextShardIterator"`):]), &rest); err != nil {
				t.Fatal(err)
			}
			iterator = rest.NextShardIterator
		}
	})
	t.Logf("%d user records in %d answers, %v, %d MiB at most", n, up.asked, time.Since(began), peak>>20)
	if n != want {
		t.Errorf("%d user records, want %d", n, want)
	}
	// The answer as it came, its data, nine times the aggregate, and the client's answer; which this client holds thrice.
	if bound := uint64(len(up.body) + 10*size + 4*most + 32<<20); peak > bound {
		t.Errorf("%d MiB at most, want %d", peak>>20, bound>>20)
	}
	if p.view.Held() != 0 {
		t.Errorf("%d bytes are held", p.view.Held())
	}
}

// peakOf returns how much more memory is in use while f runs, at most.
func peakOf(f func()) (peak uint64) {
	inUse := func() uint64 {
		var m runtime.MemStats
		runtime.GC() // what is garbage does not count
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := inUse()
	ask, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for tick := time.NewTicker(300 * time.Millisecond); ; {
			select {
			case <-tick.C:
				peak = max(peak, inUse())
			case <-ask:
				return
			}
		}
	}()
	f()
	close(ask)
	<-done
	return max(peak, before) - before
}
