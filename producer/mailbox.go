package producer

import (
	"fmt"
	"sync"
	"time"
)

// mailbox is what goroutines leave for the loop, and the loop for the deliverer: all the state that is shared. Its lock
// is held for moments only.
type mailbox struct {
	wake    chan struct{} // of the loop
	deliver chan struct{} // of the deliverer
	began   time.Time     // what records say of their arrival counts from it

	mu      sync.Mutex
	in      mail
	settled []*outcome
	ended   bool // the loop: nothing more will be settled
	seq     uint64
	groups  []*group // of records that are not done; the last one takes what is put
	aborted error
	failed  int // records that were given up by Close
}

// mail is what the loop finds in the mailbox.
type mail struct {
	puts     []*pending
	answers  []*batch
	listing  *listing
	flushing int  // calls of Flush under way
	closed   bool // nothing more will be put
	aborted  bool // nothing more may be sent
}

// group is the records between two calls of Flush.
type group struct {
	records int
	sealed  bool
	done    chan struct{} // closed when it is sealed and all records of it, and of the groups before it, are done
}

func newMailbox() *mailbox {
	return &mailbox{wake: make(chan struct{}, 1), deliver: make(chan struct{}, 1), began: time.Now(), groups: []*group{newGroup()}}
}

func newGroup() *group { return &group{done: make(chan struct{})} }

// post changes what the loop will find, and wakes it.
func (m *mailbox) post(change func(in *mail)) {
	m.mu.Lock()
	change(&m.in)
	m.mu.Unlock()
	signal(m.wake)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// put leaves a record, or reports false if the producer is closed.
func (m *mailbox) put(e *pending) (ok bool) {
	m.post(func(in *mail) {
		if ok = !in.closed; !ok {
			return
		}
		m.seq++
		e.seq, e.arrived, e.group = m.seq, time.Since(m.began), m.groups[len(m.groups)-1]
		e.group.records++
		in.puts = append(in.puts, e)
	})
	return ok
}

// take empties the mailbox. The settings stay. What was in it before is done with, and its room is used again.
func (m *mailbox) take(before mail) mail {
	clear(before.puts)
	m.mu.Lock()
	defer m.mu.Unlock()
	in := m.in
	m.in.puts, m.in.answers, m.in.listing = before.puts[:0], nil, nil
	return in
}

// flush lets the loop send everything until finish is called. What it returns is closed when all that was put so far is
// done.
func (m *mailbox) flush() (done <-chan struct{}, finish func()) {
	m.post(func(in *mail) {
		in.flushing++
		last := m.groups[len(m.groups)-1]
		last.sealed = true
		m.groups = append(m.groups, newGroup())
		m.dropFinished()
		done = last.done
	})
	return done, func() { m.post(func(in *mail) { in.flushing-- }) }
}

// dropFinished closes the groups whose records are all done, up to the first that has others. The lock is held.
func (m *mailbox) dropFinished() {
	for m.groups[0].sealed && m.groups[0].records == 0 { // the last one is not sealed
		close(m.groups[0].done)
		m.groups = m.groups[1:]
	}
}

func (m *mailbox) close() { m.post(func(in *mail) { in.closed = true }) }

// abort makes the loop give up what is left, because of err.
func (m *mailbox) abort(err error) {
	m.post(func(in *mail) {
		if !in.aborted {
			in.closed, in.aborted, m.aborted = true, true, err
		}
	})
}

// unsent is the error of Close.
func (m *mailbox) unsent() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failed == 0 {
		return nil
	}
	return fmt.Errorf("closed with %d records not sent, whose results say so: %w", m.failed, m.aborted)
}

// settle hands results to the deliverer.
func (m *mailbox) settle(outcomes []*outcome, failed int) {
	if len(outcomes) == 0 {
		return
	}
	m.mu.Lock()
	m.settled = append(m.settled, outcomes...)
	m.failed += failed
	m.mu.Unlock()
	signal(m.deliver)
}

// end tells the deliverer that nothing more comes.
func (m *mailbox) end() {
	m.mu.Lock()
	m.ended = true
	m.mu.Unlock()
	signal(m.deliver)
}

// toDeliver empties the list of outcomes. It reports false if it is empty for ever.
func (m *mailbox) toDeliver() (outcomes []*outcome, more bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	outcomes, m.settled = m.settled, nil
	return outcomes, len(outcomes) > 0 || !m.ended
}

// finish takes note that the records' done has returned.
func (m *mailbox) finish(records []*pending) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range records {
		e.group.records--
	}
	m.dropFinished()
}
