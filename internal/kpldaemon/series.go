package kpldaemon

import (
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
)

// window is how many seconds are kept one by one: what a metrics_request can ask for.
const window = 60

// series is what was counted of a metric: since the start, and in each of the last seconds.
type series struct {
	total   stats
	seconds *[window]second // nil: nothing was counted yet
}

type second struct {
	at int64 // Unix time
	stats
}

type stats struct{ count, sum, min, max float64 }

func (s *stats) add(o stats) {
	if s.count == 0 {
		s.min, s.max = o.min, o.max
	}
	s.count, s.sum, s.min, s.max = s.count+o.count, s.sum+o.sum, min(s.min, o.min), max(s.max, o.max)
}

func (s *series) add(now time.Time, value float64) {
	one := stats{1, value, value, value}
	s.total.add(one)
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
		if b.at > now.Unix()-n && b.count > 0 {
			sum.add(b.stats)
		}
	}
	return sum
}

// response answers a metrics_request. It takes note of how many puts are pending.
func (c *counters) response(r *kplpb.MetricsRequest, now time.Time) *kplpb.MetricsResponse {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sample(now)
	n := int64(min(r.GetSeconds(), window))
	of := max(1, uint64(now.Sub(c.began).Seconds()))
	if n > 0 {
		of = uint64(n)
	}
	out := &kplpb.MetricsResponse{}
	c.each(func(name string, dimensions []*kplpb.Dimension, s *series) {
		if r.Name != nil && r.GetName() != name {
			return
		}
		if got := s.last(n, now); s.total.count > 0 {
			out.Metrics = append(out.Metrics, &kplpb.Metric{Name: &name, Dimensions: dimensions, Stats: got.message(), Seconds: proto.Uint64(of)})
		}
	})
	return out
}

func (s stats) message() *kplpb.Stats {
	mean := 0.0
	if s.count > 0 {
		mean = s.sum / s.count
	}
	return &kplpb.Stats{Count: &s.count, Sum: &s.sum, Mean: &mean, Min: &s.min, Max: &s.max}
}

// sample counts the puts that are pending. The lock is held.
func (c *counters) sample(now time.Time) {
	c.all.of[userRecordsPending].add(now, float64(c.all.pending))
	for _, s := range c.all.within {
		s.of[userRecordsPending].add(now, float64(s.pending))
	}
}

// each calls do for each series with its dimensions, sorted. The lock is held.
func (c *counters) each(do func(name string, dimensions []*kplpb.Dimension, s *series)) {
	c.all.each(nil, do)
	for _, stream := range sorted(c.all.within) {
		s, of := c.all.within[stream], []*kplpb.Dimension{dimension("StreamName", stream)}
		s.each(of, do)
		for _, shard := range sorted(s.within) {
			s.within[shard].each(append(of[:1:1], dimension("ShardId", shard)), do)
		}
	}
}

func (l *level) each(of []*kplpb.Dimension, do func(name string, dimensions []*kplpb.Dimension, s *series)) {
	for m := range l.of {
		do(metricNames[m], of, &l.of[m])
	}
	for _, code := range sorted(l.errors) {
		do(errorsByCode, append(slices.Clone(of), dimension("ErrorCode", code)), l.errors[code])
	}
}

func dimension(key, value string) *kplpb.Dimension { return &kplpb.Dimension{Key: &key, Value: &value} }

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, strings.Compare)
	return keys
}
