package kpldaemon

import "time"

// window is how many seconds are kept one by one: what a metrics_request can ask for.
const window = 60

// series is what was counted of a metric: since the start, since the last upload, and in each of the last seconds.
type series struct {
	total   stats
	fresh   stats           // since the last upload
	seconds *[window]second // nil: nothing was counted yet
}

type second struct {
	at int64 // Unix time
	stats
}

type stats struct{ count, sum, min, max float64 }

func (s *stats) add(o stats) {
	if o.count == 0 {
		return
	}
	if s.count == 0 {
		s.min, s.max = o.min, o.max
	}
	s.count, s.sum, s.min, s.max = s.count+o.count, s.sum+o.sum, min(s.min, o.min), max(s.max, o.max)
}

func (s *series) add(now time.Time, value float64) {
	one := stats{1, value, value, value}
	s.total.add(one)
	s.fresh.add(one)
	if s.seconds == nil {
		s.seconds = new([window]second)
	}
	at := now.Unix()
	bucket := &s.seconds[at%window]
	if bucket.at != at {
		*bucket = second{at: at}
	}
	bucket.add(one)
}

// last is what was counted in the last n seconds, the one under way included; 0: since the start.
func (s *series) last(n int64, now time.Time) (sum stats) {
	if n == 0 || s.seconds == nil {
		return s.total
	}
	for _, b := range s.seconds {
		if b.at > now.Unix()-n {
			sum.add(b.stats)
		}
	}
	return sum
}
