package scale

import (
	"sync"
	"time"
)

// ledger knows which member of a fleet has which shard, by what its record processors are told: when one is set up, and
// when it is shut down, loses its lease or dies.
type ledger struct {
	mu      sync.Mutex
	owners  map[string]*session
	free    map[string]time.Time // shards that had an owner: since when they have none
	current turnover
}

// session is one acquisition of a shard.
type session struct {
	ledger *ledger
	owner  *member
	shard  string
	over   bool
}

// turnover is what has become of shards since the last lap.
type turnover struct {
	moves         map[string]int // by shard: owners that began
	gap           time.Duration  // the longest without an owner
	lost          int            // leases that were lost by a living worker
	lostWhileFree int            // ... while another shard had no owner for longer than a lease
}

func newLedger() *ledger {
	return &ledger{owners: map[string]*session{}, free: map[string]time.Time{}, current: turnover{moves: map[string]int{}}}
}

// begin notes that a shard has a new owner. One that did not notice yet that it has lost the shard is no owner any more.
func (l *ledger) begin(m *member, shard string) *session {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &session{ledger: l, owner: m, shard: shard}
	l.owners[shard] = s
	l.current.moves[shard]++
	if since, ok := l.free[shard]; ok {
		l.current.gap = max(l.current.gap, time.Since(since))
		delete(l.free, shard)
	}
	return s
}

// end notes the end of a session: the shard's end, after which it needs no owner, or not.
func (s *session) end(shardEnded bool) {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	s.ledger.end(s, shardEnded)
}

func (l *ledger) end(s *session, shardEnded bool) {
	if s.over {
		return
	}
	s.over = true
	if l.owners[s.shard] == s {
		delete(l.owners, s.shard)
		if !shardEnded {
			l.free[s.shard] = time.Now()
		}
	}
}

// lose notes that a lease was lost. It counts unless the session is over.
func (s *session) lose() {
	l := s.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.over {
		return
	}
	l.current.lost++
	for shard, since := range l.free {
		if shard != s.shard && time.Since(since) > failover {
			l.current.lostWhileFree++
			break
		}
	}
	l.end(s, false)
}

// gone notes that a member of the fleet is no more.
func (l *ledger) gone(m *member) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.owners {
		if s.owner == m {
			l.end(s, false)
		}
	}
}

// owned is the number of shards that have an owner.
func (l *ledger) owned() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.owners)
}

// ownedOf is how many of some shards have an owner.
func (l *ledger) ownedOf(shards []string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, shard := range shards {
		if l.owners[shard] != nil {
			n++
		}
	}
	return n
}

// shares returns how many shards each of some members has.
func (l *ledger) shares(members []*member) []int {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := map[*member]int{}
	for _, s := range l.owners {
		of[s.owner]++
	}
	shares := make([]int, len(members))
	for i, m := range members {
		shares[i] = of[m]
	}
	return shares
}

// lap returns what has happened since the last one. A gap that goes on counts as long as it is.
func (l *ledger) lap() turnover {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.current
	for _, since := range l.free {
		t.gap = max(t.gap, time.Since(since))
	}
	l.current = turnover{moves: map[string]int{}}
	return t
}

// most is the largest number of owners that began with one shard; mean, that of a shard of n.
func (t turnover) most() (most int) {
	for _, n := range t.moves {
		most = max(most, n)
	}
	return most
}

func (t turnover) mean(n int) float64 {
	all := 0
	for _, moves := range t.moves {
		all += moves
	}
	return float64(all) / float64(n)
}
