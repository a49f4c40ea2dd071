package vmwarekcl

import (
	"time"

	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/metrics"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/kclcompat"
)

// Trace is told what a worker does, so that any metrics library can count it. Each function may be nil. They are called from
// several goroutines, of one shard one after the other but for those of leases, and the worker waits for them: return soon.
type Trace struct {
	// Delivered is called before each batch, with the number of its user records.
	Delivered func(shardID string, records int)
	// Repeated is called likewise, if some of them were delivered by this worker before: after a failure the shard is read
	// again from its last checkpoint. What another worker has delivered before is not known here.
	Repeated func(shardID string, records int)
	// Held is called after each batch that leaves user records which are done, and which a crash would bring again: what r says
	// was written lies behind them.
	Held func(shardID string, r kclcompat.Result)
	// BehindLatest is called after each reading of the shard, an empty one too, with how far it is from the shard's tip.
	BehindLatest func(shardID string, behindLatest time.Duration)

	// LeaseTaken is called when a lease was acquired. One of the other two follows: LeaseLost, if it has run out, or another
	// worker has it; or LeaseReturned, when the worker hands it back: it stops, has finished the shard, or gives it up after an
	// error of the Processor, which is shut down with the reason kclcompat.LeaseLost then, too.
	LeaseTaken, LeaseLost, LeaseReturned func(shardID string)
}

// WithTrace has t told what the worker does. The last such option counts.
func WithTrace(t Trace) Option { return func(o *options) { o.trace = t } }

// tell calls one of a Trace's functions, if it is there.
func tell[T any](f func(string, T), shardID string, what T) {
	if f != nil {
		f(shardID, what)
	}
}

func tellLease(f func(string), shardID string) {
	if f != nil {
		f(shardID)
	}
}

// traceBatch tells of a batch that is about to be handed out.
func (lt *leaseTable) traceBatch(shardID string, records []deagg.UserRecord) {
	if len(records) == 0 {
		return
	}
	tell(lt.trace.Delivered, shardID, len(records))
	if lt.trace.Repeated == nil {
		return
	}
	if n := lt.repeated(shardID, records); n > 0 {
		lt.trace.Repeated(shardID, n)
	}
}

// repeated returns how many user records were delivered before, and notes how far it has come.
func (lt *leaseTable) repeated(shardID string, records []deagg.UserRecord) (n int) {
	lt.mu.Lock()
	defer lt.mu.Unlock()
	furthest := lt.furthest[shardID]
	for _, u := range records {
		at, err := u.Position()
		switch {
		case err != nil:
		case furthest.IsValid() && at.Compare(furthest) <= 0:
			n++
		default:
			lt.furthest[shardID], furthest = at, at
		}
	}
	return n
}

// tellsBehind is a monitoring service of vmware's that tells a Trace how far shards are from their tips. vmware tells it of empty
// batches, too, which no Processor is given.
type tellsBehind struct {
	metrics.MonitoringService
	behindLatest func(shardID string, d time.Duration)
}

func (t tellsBehind) MillisBehindLatest(shardID string, ms float64) {
	t.MonitoringService.MillisBehindLatest(shardID, ms)
	t.behindLatest(shardID, time.Duration(ms)*time.Millisecond)
}

// traceBehind has vmware's worker tell the Trace.
func (lt *leaseTable) traceBehind() {
	if lt.trace.BehindLatest == nil {
		return
	}
	inner := lt.cfg.MonitoringService
	if inner == nil {
		inner = metrics.NoopMonitoringService{}
	}
	lt.cfg.MonitoringService = tellsBehind{inner, lt.trace.BehindLatest}
}
