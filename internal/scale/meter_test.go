package scale

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// meter counts a fleet's requests by operation.
type meter struct {
	mu    sync.Mutex
	since time.Time
	calls map[string]*count
}

type count struct {
	all, peak int   // peak: in the busiest second
	second    int64 // the one that inSecond counts
	inSecond  int
}

func newMeter() *meter { return &meter{since: time.Now(), calls: map[string]*count{}} }

func (m *meter) add(operation string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.calls[operation]
	if n == nil {
		n = &count{}
		m.calls[operation] = n
	}
	if now := time.Now().Unix(); now != n.second {
		n.second, n.inSecond = now, 0
	}
	n.all++
	n.inSecond++
	n.peak = max(n.peak, n.inSecond)
}

// lap returns what was counted since the last lap.
func (m *meter) lap() calls {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := calls{took: time.Since(m.since), by: map[string]count{}}
	for operation, n := range m.calls {
		c.by[operation] = *n
	}
	m.since = time.Now()
	clear(m.calls)
	return c
}

// calls are the requests of some time.
type calls struct {
	took time.Duration
	by   map[string]count
}

// n is the number of calls of some operations.
func (c calls) n(operations ...string) (n int) {
	for _, o := range operations {
		n += c.by[o].all
	}
	return n
}

func (c calls) perSecond(operations ...string) float64 {
	return float64(c.n(operations...)) / max(c.took.Seconds(), 1)
}

// reads and writes are the operations on the items of the lease table.
var (
	reads  = []string{"GetItem", "BatchGetItem", "Query", "Scan", nextPage}
	writes = []string{"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"}
)

// String lists calls a second, and in the busiest one.
func (c calls) String() string {
	var texts []string
	for _, o := range slices.Sorted(maps.Keys(c.by)) {
		texts = append(texts, fmt.Sprintf("%s %s (%d)", o, rate(c.perSecond(o)), c.by[o].peak))
	}
	return strings.Join(texts, ", ")
}

func rate(perSecond float64) string {
	switch {
	case perSecond >= 10 || perSecond == 0:
		return fmt.Sprintf("%.0f", perSecond)
	case perSecond >= 0.1:
		return fmt.Sprintf("%.1f", perSecond)
	}
	return fmt.Sprintf("%.3f", perSecond)
}
