package producer

import "time"

// What a request can hold depends on the way to the service, too: over a slow one much does not arrive in time, and a
// proxy may take less than the service. Both are learned from what fails, once for all lanes, since they share the way.

// timeout is what an attempt gets: more than usual if it has to carry more than arrives in that time, as a stored record
// may that can't be divided. A third of what is left of its time to live is for another attempt; what has none left gets
// no more than usual.
func (l *loop) timeout(bytes int, left time.Duration) time.Duration {
	if bytes <= l.carries {
		return l.p.cfg.timeout
	}
	longer := float64(l.p.cfg.timeout) * float64(bytes) / float64(l.carries)
	return max(l.p.cfg.timeout, time.Duration(min(longer, float64(left*2/3))))
}

// smallest is what a request may hold however often its answer did not come in time: if so little does not arrive, that is
// not for its size.
const smallest = 16 * kibibyte

// learnSize halves what a request may hold when one was too large for its time, or for someone on the way. One that
// arrives with time to spare, the way itself not counted, lets it grow again: slowly, since what is too large is sent in
// vain. Requests that fail together halve it once.
func (l *loop) learnSize(b *batch) {
	if b.err == nil {
		if l.least == 0 || b.latency < l.least {
			l.least = b.latency
		}
		if b.bytes > l.carries/2 && b.latency-l.least < (l.p.cfg.timeout-l.least)/2 {
			proven := max(l.carries, b.bytes)
			l.carries = min(largestRecord, proven+proven/8+1)
		}
		return
	}
	switch classify(b.err) {
	case Timeout:
		l.carries = min(l.carries, max(smallest, b.bytes/2))
	case RequestTooLarge:
		l.carries = max(1, min(l.carries, b.bytes/2))
	}
}
