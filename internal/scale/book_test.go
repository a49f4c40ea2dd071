package scale

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// book knows what became of each record that was put.
type book struct {
	mu        sync.Mutex
	records   []record
	latencies []int32 // ms from Put to the first delivery
	acked     int
	repeats   int // deliveries after the first one
	waiting   int // records that are acknowledged and not delivered
	seeds     int // records delivered of those that seed has put
	seeded    int
}

type record struct {
	put       int64 // ms
	acked     bool
	delivered bool
}

// add notes a new record and returns its data.
func (b *book) add() (id int, data []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.records = append(b.records, record{put: time.Now().UnixMilli()})
	id = len(b.records) - 1
	return id, fmt.Appendf(nil, "%d %060d", id, id)
}

func (b *book) acknowledge(id int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := &b.records[id]
	r.acked = true
	b.acked++
	if !r.delivered {
		b.waiting++
	}
}

// deliver notes that a record has reached a record processor.
func (b *book) deliver(data []byte) {
	text, _, _ := strings.Cut(string(data), " ")
	id, err := strconv.Atoi(text)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil || id >= len(b.records) {
		panic(fmt.Sprintf("nobody has put the record %.80q", data))
	}
	r := &b.records[id]
	if r.delivered {
		b.repeats++
		return
	}
	r.delivered = true
	b.latencies = append(b.latencies, int32(time.Now().UnixMilli()-r.put))
	if r.acked {
		b.waiting--
	}
	if id < b.seeded {
		b.seeds++
	}
}

// undelivered is how many acknowledged records have not been delivered.
func (b *book) undelivered() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.waiting
}

// consumed is how many of the seeds were delivered: one lies in each shard.
func (b *book) consumed() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.seeds
}

// delivery is a book's balance.
type delivery struct {
	acked, lost, repeats int
	p50, p99, max        time.Duration
}

func (b *book) balance() delivery {
	b.mu.Lock()
	defer b.mu.Unlock()
	slices.Sort(b.latencies)
	quantile := func(percent int) time.Duration {
		if len(b.latencies) == 0 {
			return 0
		}
		return time.Duration(b.latencies[(len(b.latencies)-1)*percent/100]) * time.Millisecond
	}
	return delivery{b.acked, b.waiting, b.repeats, quantile(50), quantile(99), quantile(100)}
}
