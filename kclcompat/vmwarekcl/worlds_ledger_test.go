package vmwarekcl_test

import (
	"crypto/md5"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kplkit/kplkit/deagg/hashkey"
	"github.com/kplkit/kplkit/internal/aggpb"
	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/internal/wire"
	"github.com/kplkit/kplkit/producer"
	"github.com/kplkit/kplkit/seqnum"
)

// ledger knows what each shard holds, user record by user record, and what every session was given of it.
type ledger struct {
	world *world

	mu       sync.Mutex
	holds    map[string][]string // the user records of a stored record, by its data
	ranges   map[string]hashkey.Range
	acks     []string           // the user records that a producer has acknowledged
	shards   map[string][]entry // in order, as far as stored
	counted  map[string]int     // stored records of a shard that are in shards
	past     map[seqnum.Number]bool
	acked    map[string]int // of each shard: the user records before the last acknowledged checkpoint
	sessions []*session
}

// entry is one user record of a shard.
type entry struct {
	at        seqnum.Extended
	last      bool // of its stored record
	data      string
	arrived   time.Time
	past      bool // it was there before the application was
	mixed     bool // it comes or does not, with the rest of its stored record
	delivered int
}

// session is what one worker was given of one shard, from one acquisition of its lease on.
type session struct {
	process *process
	shard   string
	start   string // position text
	token   string // of the lease, with kplkit
	acked   int    // the user records before the last acknowledged checkpoint, when it began
	rnd     *rand.Rand
	next    int // the index of the user record that has to come next
}

func newLedger(w *world) *ledger {
	return &ledger{
		world: w, holds: map[string][]string{}, ranges: map[string]hashkey.Range{}, shards: map[string][]entry{}, counted: map[string]int{},
		past: map[seqnum.Number]bool{}, acked: map[string]int{},
	}
}

func (l *ledger) expect(data []byte, holds []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.holds[string(data)] = holds
}

// acknowledged is the done of a producer's records.
func (l *ledger) acknowledged(r producer.Record, res producer.Result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if res.Err == nil {
		l.acks = append(l.acks, string(r.Data))
	}
}

// holdsOf returns the user records of a stored record: as its writer has told, or of a producer's as protobuf reads it.
// mixed tells that not all of them belong to the shard: the producer stores them again, and a reader that knows the
// shard's range passes over them.
func (l *ledger) holdsOf(shard string, r kinesisfake.Record) (holds []string, mixed bool) {
	if holds, ok := l.holds[string(r.Data)]; ok {
		return holds, false
	}
	body, ok := strings.CutPrefix(string(r.Data), wire.Magic)
	if !ok {
		return []string{string(r.Data)}, false
	}
	var a aggpb.AggregatedRecord
	if err := proto.Unmarshal([]byte(body[:len(body)-md5.Size]), &a); err != nil {
		panic(err)
	}
	keys := l.rangeOf(shard)
	for _, u := range a.Records {
		holds = append(holds, string(u.Data))
		mixed = mixed || !keys.Contains(hashkey.Of(a.PartitionKeyTable[*u.PartitionKeyIndex]))
	}
	return holds, mixed
}

// rangeOf returns the hash keys of a shard, which never change.
func (l *ledger) rangeOf(shard string) hashkey.Range {
	if !l.ranges[shard].IsValid() {
		for _, s := range l.world.leases.listShards() {
			l.ranges[*s.ShardId], _ = hashkey.ParseRange(*s.HashKeyRange.StartingHashKey, *s.HashKeyRange.EndingHashKey)
		}
	}
	return l.ranges[shard]
}

// look takes in what was stored since. The caller holds l.mu.
func (l *ledger) look() {
	for shard, records := range l.world.Kinesis.Records("s") {
		for _, r := range records[l.counted[shard]:] {
			n, err := seqnum.Parse(r.SequenceNumber)
			if err != nil {
				panic(err)
			}
			holds, mixed := l.holdsOf(shard, r)
			for i, data := range holds {
				l.shards[shard] = append(l.shards[shard], entry{
					at: seqnum.At(n, int64(i)), last: i == len(holds)-1, data: data, arrived: r.ArrivalTime, past: l.past[n], mixed: mixed,
				})
			}
		}
		l.counted[shard] = len(records)
	}
}

// forget makes all that is stored the past.
func (l *ledger) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.look()
	for _, entries := range l.shards {
		for i := range entries {
			entries[i].past = true
		}
	}
}

// before returns how many user records of a shard lie at or before a position text.
func (l *ledger) before(shard, text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.look()
	return before(l.shards[shard], text)
}

func before(entries []entry, text string) int {
	switch {
	case text == "", text == "TRIM_HORIZON":
		return 0
	case text == "SHARD_END":
		return len(entries)
	}
	done := func(e entry) bool { return false }
	if ms, ok := strings.CutPrefix(text, "AT_TIMESTAMP:"); ok {
		n, err := strconv.ParseInt(ms, 10, 64)
		if err != nil {
			panic(err)
		}
		done = func(e entry) bool { return e.arrived.UnixMilli() < n }
	} else {
		position, err := seqnum.ParseExtended(text)
		if err != nil {
			panic(err)
		}
		done = func(e entry) bool { return e.at.Compare(position) <= 0 }
	}
	n := slices.IndexFunc(entries, func(e entry) bool { return !done(e) })
	if n < 0 {
		return len(entries)
	}
	return n
}

// storedBetween returns how many stored records the user records from one position up to another belong to, but for mixed
// ones that were passed over; and how many of them are mixed, which this or that worker may have passed over.
func (l *ledger) storedBetween(shard, from, to string) (stored, mixed int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.look()
	entries, seen := l.shards[shard], map[seqnum.Number]bool{}
	for _, e := range entries[before(entries, from):max(before(entries, from), before(entries, to))] {
		n, _ := e.at.Number()
		if seen[n] || e.mixed && e.delivered == 0 {
			continue
		}
		seen[n] = true
		stored++
		if e.mixed {
			mixed++
		}
	}
	return stored, mixed
}

// begin notes that a worker starts to process a shard at a position.
func (l *ledger) begin(p *process, shard, start string) *session {
	next := l.before(shard, start)
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &session{process: p, shard: shard, start: start, acked: l.acked[shard], next: next, rnd: l.world.Rand(fmt.Sprint(p.name, shard, len(l.sessions)))}
	l.sessions = append(l.sessions, s)
	return s
}

// deliver notes a user record, which has to be the one that follows: sessions have neither gaps nor repeats.
func (l *ledger) deliver(s *session, number, data string, sub int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.look()
	entries := l.shards[s.shard]
	i := s.next
	for i < len(entries) && entries[i].mixed && !entries[i].is(number) {
		i++
	}
	s.next = i
	if i >= len(entries) {
		l.world.T.Errorf("%v: %s from %q: record %d, beyond the end: %s %.40q", s.process, s.shard, s.start, i, number, data)
		return
	}
	e := &entries[i]
	if !e.is(number) || e.data != data || sub >= 0 && sub != e.at.SubSequenceNumber() {
		l.world.T.Errorf("%v: %s from %q: record %d is %s:%d %.40q, not %v %.40q", s.process, s.shard, s.start, i, number, sub, data, e.at, e.data)
	}
	switch {
	case e.past:
		l.world.T.Errorf("%v: %s: %v was there before the application started at LATEST", s.process, s.shard, e.at)
	case i < s.acked:
		l.world.T.Errorf("%v: %s from %q: %v comes again, though a checkpoint behind it was acknowledged", s.process, s.shard, s.start, e.at)
	}
	e.delivered++
	s.next++
}

// left returns how many user records of a shard a session has not come to, but for those that may be passed over.
func (l *ledger) left(s *session) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.look()
	for _, e := range l.shards[s.shard][s.next:] {
		if !e.mixed {
			n++
		}
	}
	return n
}

// is tells whether e is of the stored record with that number.
func (e *entry) is(number string) bool {
	n, _ := e.at.Number()
	return n.String() == number
}

// acknowledge notes that a checkpoint has succeeded.
func (l *ledger) acknowledge(s *session, position string) {
	n := l.before(s.shard, position)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acked[s.shard] = max(l.acked[s.shard], n)
}

// revoke notes that a worker without kplkit has put a shard's checkpoint back.
func (l *ledger) revoke(shard, position string) {
	n := l.before(shard, position)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acked[shard] = min(l.acked[shard], n)
}

// missing returns how many user records of a shard were not delivered, and the first of them.
func (l *ledger) missing(shard string) (n int, first string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.look()
	for i, e := range l.shards[shard] {
		if e.delivered > 0 || e.past || e.mixed {
			continue
		}
		if n++; n == 1 {
			first = fmt.Sprintf("record %d, %v %.40q", i, e.at, e.data)
		}
	}
	return n, first
}

// untilComplete waits until all is delivered and every closed shard is finished.
func (w *world) untilComplete() {
	for range 300 {
		if w.incomplete() == nil {
			return
		}
		time.Sleep(2 * time.Second)
	}
}

func (w *world) incomplete() (what []string) {
	for _, shard := range w.leases.listShards() {
		id := *shard.ShardId
		if n, first := w.ledger.missing(id); n > 0 {
			what = append(what, fmt.Sprintf("%d user records of %s, the first is %s", n, id, first))
		}
		if shard.SequenceNumberRange.EndingSequenceNumber != nil && !w.ended(id) {
			what = append(what, "the end of "+id)
		}
	}
	return what
}

// unread returns a user record that a producer has acknowledged and no consumer had.
func (l *ledger) unread() (data string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	read := map[string]bool{}
	for _, entries := range l.shards {
		for _, e := range entries {
			read[e.data] = read[e.data] || e.delivered > 0
		}
	}
	for _, data := range l.acks {
		if !read[data] {
			return data
		}
	}
	return ""
}

// check is the last word: nothing is lost.
func (w *world) check() {
	if what := w.incomplete(); what != nil {
		w.T.Errorf("lost, or stuck: %s", strings.Join(what, ", "))
		for _, s := range w.ledger.sessions {
			w.T.Logf("%v had %s from %q to record %d", s.process, s.shard, s.start, s.next)
		}
	}
	if data := w.ledger.unread(); data != "" {
		w.T.Errorf("%s is acknowledged, and no consumer had it", data)
	}
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	totals.add(func(n *figures) {
		n.worlds++
		n.time += time.Since(w.born)
		n.produced += len(w.ledger.acks)
		for _, s := range w.leases.listShards() {
			n.shards++
			switch {
			case s.AdjacentParentShardId != nil:
				n.merges++
			case s.ParentShardId != nil:
				n.children++
			}
		}
		for _, s := range w.ledger.sessions {
			n.sessions++
			if strings.Contains(s.start, ":") && !strings.HasPrefix(s.start, "AT_") {
				n.resumedInside++
			}
		}
		for _, entries := range w.ledger.shards {
			n.userRecords += len(entries)
			for _, e := range entries {
				n.repeats += max(0, e.delivered-1)
			}
		}
	})
}

// figures are what all worlds of a test run come to.
type figures struct {
	mu sync.Mutex

	worlds, shards, children, merges, userRecords, produced, repeats, sessions, resumedInside, checkpoints, inside, putOff, kills, stalls, outages, silences, shutdowns, bareBack int

	time time.Duration // virtual
}

var totals figures

func (f *figures) add(change func(*figures)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

func (f *figures) String() string {
	return fmt.Sprintf("%d worlds so far, %v of virtual time: %d shards, %d splits, %d merges; %d user records, %d of them through the producer, %d delivered again; %d sessions, %d of them resumed inside an aggregate; %d checkpoints, %d of them inside an aggregate, %d put off; %d kills, %d stalls, %d outages, %d silences, %d shutdowns; %d times a worker without kplkit put a checkpoint back",
		f.worlds, f.time.Round(time.Hour), f.shards, f.children/2, f.merges, f.userRecords, f.produced, f.repeats, f.sessions, f.resumedInside, f.checkpoints, f.inside, f.putOff, f.kills, f.stalls, f.outages, f.silences, f.shutdowns, f.bareBack)
}
