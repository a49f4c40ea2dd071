package producer

import (
	"math"
	"sort"
	"time"

	"golang.org/x/time/rate"

	"github.com/kplkit/kplkit/deagg/hashkey"
	"github.com/kplkit/kplkit/internal/wire"
)

// lane is what goes to one shard: a stored record that is being filled, and those that wait for a request.
//
// Where shards don't matter or are not known there is one lane, without an id and for all hash keys.
type lane struct {
	shard
	share      *share
	aggregates bool // several user records share a stored record
	marked     bool // its aggregates are stored again if they miss the shard
	anyShard   bool // the stream is service-managed: order and rates have no meaning

	began    time.Time     // what records say of their arrival counts from it
	linger   time.Duration // how long a record waits for company
	maxBytes int           // of an aggregate
	maxCount uint32
	filling  filling
	waiting  []*stored
	bytes    int // of waiting
	flying   int // stored records under way, or not judged yet

	failures  int           // in a row
	refusal   error         // the last of them
	notBefore time.Time     // nothing is sent until then
	records   *rate.Limiter // nil: no limit
	volume    *rate.Limiter
	retired   bool // the shard is gone, but something is flying
	before    int  // retired lanes that have a hash key in common with it
	spot      spot
}

// stored is a stored record: an aggregate, or a plain user record.
type stored struct {
	lane                          *lane
	records                       []*pending
	data                          []byte
	partitionKey, explicitHashKey string
	due                           time.Time // it waits for company until then
	marked                        bool      // an aggregate that is stored again if it misses the shard
	unsummed                      bool      // an aggregate without its MD5, which comes with those of its batch
	alone                         bool      // its request was refused: it must not spoil another one
}

func (s *stored) size() int { return len(s.data) + len(s.partitionKey) }

// newLane returns the lane of a shard, or without an id of the whole stream.
func (l *loop) newLane(s shard) *lane {
	n := &lane{shard: s, anyShard: l.stream.serviceManaged, marked: s.id != ""}
	n.aggregates = n.marked && l.p.cfg.aggregation != AggregateNever || n.anyShard && l.p.cfg.aggregation == AggregateAlways
	n.began, n.linger, n.maxCount = l.p.box.began, l.p.cfg.linger, l.p.cfg.maxAggregateCount
	n.maxBytes = min(l.p.cfg.maxAggregateBytes, l.stream.maxRecord-roomForKey)
	if s.id != "" && l.p.cfg.rateFactor > 0 {
		n.records = rate.NewLimiter(rate.Limit(1000*l.p.cfg.rateFactor), int(math.Ceil(1000*l.p.cfg.rateFactor)))
		n.volume = rate.NewLimiter(rate.Limit(mebibyte*l.p.cfg.rateFactor), l.stream.maxRecord)
	}
	n.share = l.newShare(n)
	return n
}

// overlapping returns the lanes, out of those in use, that have a hash key in common with one.
func (l *loop) overlapping(n *lane) []*lane {
	from := sort.Search(len(l.lanes), func(i int) bool { return l.lanes[i].keys.End().Compare(n.keys.Start()) >= 0 })
	end := sort.Search(len(l.lanes), func(i int) bool { return l.lanes[i].keys.Start().Compare(n.keys.End()) > 0 })
	return l.lanes[from:end]
}

// roomForKey is taken off the size of aggregates near the limit of a stream: 256 characters of 4 bytes.
const roomForKey = kibibyte

// allKeys is the range of a lane for the whole stream.
var allKeys = hashkey.Whole()

// add puts a record behind the others. What is full begins to wait.
func (n *lane) add(e *pending) {
	if !n.aggregates || e.PartitionKey == "" || e.misfits >= maxMisfits || len(e.Data) >= n.maxBytes {
		n.close()
		n.wait(plain(n, e))
		return
	}
	if !n.filling.add(e, n.maxBytes, n.maxCount) {
		n.close()
		n.filling.add(e, n.maxBytes, n.maxCount)
	}
}

// maxMisfits is how often a record goes into an aggregate that turns out to miss its shard. A plain record can't.
const maxMisfits = 2

// plain is the stored record of a user record that goes alone. It shares the caller's data.
func plain(n *lane, e *pending) *stored {
	s := &stored{
		lane: n, records: []*pending{e}, due: n.dueOf(e),
		data: e.Data, partitionKey: e.PartitionKey, explicitHashKey: e.ExplicitHashKey,
	}
	if s.data == nil {
		s.data = []byte{} // the API wants some
	}
	return s
}

// close ends the stored record that is being filled.
func (n *lane) close() {
	switch f := &n.filling; len(f.records) {
	case 0:
		return
	case 1:
		n.wait(plain(n, f.records[0]))
	default:
		s := &stored{lane: n, records: f.records, due: n.dueOf(f.records[0]), marked: n.marked}
		f.encode()
		s.data, s.unsummed = f.encoder.AppendUnsummed(nil), true
		s.partitionKey, s.explicitHashKey = f.encoder.Keys()
		if s.marked {
			s.partitionKey = wire.MarkKplkit
		}
		n.wait(s)
	}
	n.filling.empty()
}

func (n *lane) wait(s *stored) {
	n.waiting = append(n.waiting, s)
	n.bytes += s.size()
}

// dueOf is when a record has waited long enough.
func (n *lane) dueOf(e *pending) time.Time { return n.began.Add(e.arrived + n.linger) }

// due is when the oldest of what the lane has to send has waited long enough, if it has anything.
func (n *lane) due() (at time.Time, any bool) {
	switch {
	case len(n.waiting) > 0:
		return n.waiting[0].due, true
	case len(n.filling.records) > 0:
		return n.dueOf(n.filling.records[0]), true
	}
	return at, false
}

// takeUnsent empties the lane, but for what is under way.
func (n *lane) takeUnsent() (records []*pending) {
	for _, s := range n.waiting {
		records = append(records, s.records...)
	}
	records = append(records, n.filling.records...)
	n.filling.empty()
	n.waiting, n.bytes = nil, 0
	return records
}

// throttle takes a stored record's share of the shard's rates, or returns how long they are used up.
func (n *lane) throttle(now time.Time, size int) time.Duration {
	if n.records == nil {
		return 0
	}
	size = min(size, n.volume.Burst())
	missing := max((1-n.records.TokensAt(now))/float64(n.records.Limit()), (float64(size)-n.volume.TokensAt(now))/float64(n.volume.Limit()))
	if missing > 0 {
		return time.Duration(missing*float64(time.Second)) + time.Millisecond
	}
	n.records.AllowN(now, 1)
	n.volume.AllowN(now, size)
	return 0
}
