package kinesisfake

import (
	"maps"
	"slices"
	"sort"
	"time"

	"github.com/kplkit/kplkit/deagg/hashkey"
)

// Statuses of streams and consumers.
const (
	creating = "CREATING"
	active   = "ACTIVE"
	updating = "UPDATING"
	deleting = "DELETING"
)

type stream struct {
	name       string
	created    time.Time
	born       int64 // the earliest creation second of its shards
	retention  time.Duration
	recordSize int // the most bytes of a record's data and partition key
	onDemand   bool
	auto       bool // service-managed distribution
	turn       int  // of the open shards, for auto
	shards     []*shard
	open       []*shard // by hash key
	consumers  map[string]*consumer
	limited    bool

	// A change under way: what it is, when it is over, and what it does then.
	status string
	due    time.Time
	finish func(at time.Time)
}

func (st *stream) arn() string {
	return "arn:aws:kinesis:" + region + ":" + accountID + ":stream/" + st.name
}

// String names the stream as error texts do.
func (st *stream) String() string { return "stream " + st.name + " under account " + accountID }

// streamRef is how requests name a stream.
type streamRef struct {
	StreamName *string
	StreamARN  *string
}

// stream finds a stream in any status.
func (s *Server) stream(ref streamRef) (*stream, error) {
	name := ""
	switch {
	case ref.StreamName != nil:
		name = *ref.StreamName
		if err := checkName(name, "streamName"); err != nil {
			return nil, err
		}
	case ref.StreamARN != nil:
	default:
		return nil, invalidArgument("Neither StreamName nor StreamARN is given.")
	}
	if ref.StreamARN != nil {
		arn, err := parseARN(*ref.StreamARN)
		switch {
		case err != nil:
			return nil, err
		case name != "" && arn.stream != name:
			return nil, invalidArgument("StreamARN %s and StreamName %s name different streams.", *ref.StreamARN, name)
		case arn.account != accountID:
			return nil, notFound("Stream %s under account %s not found.", arn.stream, arn.account)
		}
		name = arn.stream
	}
	return s.streamNamed(name)
}

// createdAt tells a stream from others that had or will have its name.
type createdAt struct{ StreamCreationTimestamp *epoch }

// streamOf finds a stream in any status, if it is the one that was created then.
func (s *Server) streamOf(ref streamRef, then createdAt) (*stream, error) {
	st, err := s.stream(ref)
	at := then.StreamCreationTimestamp
	if err == nil {
		err = at.known()
	}
	if err == nil && at != nil && at.time().UnixMilli() != st.created.UnixMilli() {
		err = notFound("Stream %s under account %s, created at %v, not found.", st.name, accountID, at.time().UTC())
	}
	return st, err
}

func (s *Server) streamNamed(name string) (*stream, error) {
	st := s.streams[name]
	if st != nil {
		st.settle(time.Now())
		st = s.streams[name] // it may be deleted by now
	}
	if st == nil {
		return nil, notFound("Stream %s under account %s not found.", name, accountID)
	}
	return st, nil
}

// dataStream finds a stream that takes and gives records.
func (s *Server) dataStream(ref streamRef) (*stream, error) {
	st, err := s.stream(ref)
	if err == nil && st.status != active && st.status != updating {
		return nil, notFound("Stream %s under account %s not found: it is %s.", st.name, accountID, st.status)
	}
	return st, err
}

// activeStream finds a stream that may be changed.
func (s *Server) activeStream(ref streamRef) (*stream, error) {
	st, err := s.stream(ref)
	if err == nil && st.status != active {
		return nil, inUse("Stream %s under account %s not ACTIVE, instead in state %s", st.name, accountID, st.status)
	}
	return st, err
}

// begin starts a change, which is over after Options.StatusDelay. Whoever looks at the stream then finishes it:
// the next request, or a subscription, which is woken here to learn when that is.
func (s *Server) begin(st *stream, status string, finish func(at time.Time)) {
	st.status, st.due, st.finish = status, time.Now().Add(s.opts.StatusDelay), finish
	for _, sh := range st.shards {
		sh.notify()
	}
	st.settle(time.Now())
}

func (st *stream) settle(now time.Time) {
	if st.finish != nil && !now.Before(st.due) {
		finish := st.finish
		st.status, st.finish = active, nil
		finish(st.due)
	}
	st.settleConsumers(now)
}

// addShard opens a shard with the hash keys and parents.
func (st *stream) addShard(keys hashkey.Range, at time.Time, parents ...*shard) {
	sh := &shard{id: shardID(len(st.shards)), number: len(st.shards), hashRange: keys, created: at}
	sh.start = sequence{created: max(at.Unix(), st.born), at: at.Unix(), shard: sh.number}
	for _, p := range parents {
		sh.parents = append(sh.parents, p.id)
		sh.start.created = max(sh.start.created, p.start.created+1) // numbers grow from parent to child
	}
	if st.limited {
		sh.limits = newLimits(st.recordSize)
	}
	st.shards = append(st.shards, sh)
}

// reshard closes the parents and opens a child for each range.
func (st *stream) reshard(at time.Time, children []hashkey.Range, parents ...*shard) {
	for _, p := range parents {
		p.close(at)
	}
	for _, keys := range children {
		st.addShard(keys, at, parents...)
	}
	st.sortOpen()
}

func (st *stream) sortOpen() {
	st.open = st.open[:0]
	for _, sh := range st.shards {
		if sh.isOpen() {
			st.open = append(st.open, sh)
		}
	}
	slices.SortFunc(st.open, func(a, b *shard) int { return a.hashRange.Start().Compare(b.hashRange.Start()) })
}

// owner returns the open shard of a hash key.
func (st *stream) owner(k hashkey.Key) *shard {
	return st.open[sort.Search(len(st.open), func(i int) bool { return k.Compare(st.open[i].hashRange.End()) <= 0 })]
}

// horizon is the time before which the stream keeps nothing.
func (st *stream) horizon() time.Time { return time.Now().Add(-st.retention) }

// expired tells whether nothing is left of a shard: it was closed before the horizon.
func (st *stream) expired(sh *shard) bool { return !sh.isOpen() && sh.closed.Before(st.horizon()) }

// held returns the shards that are not expired, in the order of their ids.
func (st *stream) held() []*shard {
	var held []*shard
	for _, sh := range st.shards {
		sh.trim(st.horizon())
		if !st.expired(sh) {
			held = append(held, sh)
		}
	}
	return held
}

// shard finds a shard by its id and trims it.
func (st *stream) shard(id *string, member string) (*shard, error) {
	if id == nil {
		return nil, missing(member)
	}
	i := sort.Search(len(st.shards), func(i int) bool { return st.shards[i].id >= *id })
	if i == len(st.shards) || st.shards[i].id != *id || st.expired(st.shards[i]) {
		return nil, notFound("Could not find shard %.128s in %v.", *id, st)
	}
	st.shards[i].trim(st.horizon())
	return st.shards[i], nil
}

// childrenOf lists the shards that a closed shard was split or merged into.
func (st *stream) childrenOf(sh *shard) []childShard {
	if sh.isOpen() {
		return nil
	}
	var children []childShard
	for _, c := range st.shards[sh.number+1:] {
		if slices.Contains(c.parents, sh.id) {
			children = append(children, childShard{c.id, c.parents, keysOf(c)})
		}
	}
	return children
}

// Records returns what a stream holds, by shard id, in order; nil if there is no such stream. The records' Data is
// the server's own: it must not be changed.
func (s *Server) Records(stream string) map[string][]Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.streamNamed(stream)
	if err != nil {
		return nil
	}
	records := map[string][]Record{}
	for _, sh := range st.held() {
		records[sh.id] = slices.Clone(sh.records)
	}
	return records
}

// streamNames are sorted, so that answers do not depend on the order of a map.
func (s *Server) streamNames() []string {
	now := time.Now()
	for _, name := range slices.Sorted(maps.Keys(s.streams)) {
		s.streams[name].settle(now)
	}
	return slices.Sorted(maps.Keys(s.streams))
}

// checkName holds names of streams and consumers to the API's pattern.
func checkName(name, member string) error {
	switch {
	case name == "":
		return violation(name, member, "Member must have length greater than or equal to 1")
	case len(name) > 128:
		return violation(name, member, "Member must have length less than or equal to 128")
	}
	for _, c := range []byte(name) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '.' || c == '-') {
			return violation(name, member, "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+")
		}
	}
	return nil
}
