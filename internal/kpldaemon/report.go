package kpldaemon

import (
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
)

type dimension struct{ key, value string }

// report is a series with one of its sets of dimensions.
type report struct {
	name
	metric      metric // metrics: errorsByCode
	granularity string // global, stream or shard
	dimensions  []dimension
	*series
}

// reports returns all series that hold something, each as often as it has sets of dimensions: as the KPL, once for each
// additional dimension that ends one. The lock is held.
func (c *counters) reports() (all []report) {
	sets := c.sets("global", nil, nil)
	c.all.report("global", sets, &all)
	for _, stream := range slices.Sorted(maps.Keys(c.all.within)) {
		s := c.all.within[stream]
		sets := c.sets("stream", last(sets), &dimension{"StreamName", stream})
		s.report("stream", sets, &all)
		for _, shard := range slices.Sorted(maps.Keys(s.within)) {
			s.within[shard].report("shard", c.sets("shard", last(sets), &dimension{"ShardId", shard}), &all)
		}
	}
	return all
}

// sets returns the sets of dimensions of a level: those of the level around it, with its own, and with each additional.
func (c *counters) sets(granularity string, around []dimension, own *dimension) [][]dimension {
	if own != nil {
		around = append(slices.Clip(around), *own)
	}
	sets := [][]dimension{around}
	for _, x := range c.extra[granularity] {
		sets = append(sets, append(slices.Clip(last(sets)), x))
	}
	return sets
}

func last(sets [][]dimension) []dimension { return sets[len(sets)-1] }

func (l *level) report(granularity string, sets [][]dimension, all *[]report) {
	add := func(n name, m metric, set []dimension, s *series) {
		if s.total.count > 0 {
			*all = append(*all, report{n, m, granularity, set, s})
		}
	}
	for i, set := range sets {
		for m := range metrics {
			add(names[m], m, set, &l.of[m])
		}
		if granularity == "global" { // to the KPL the code is one more dimension, after the additional ones
			add(errorsByCode, metrics, set, &l.failures)
			if i < len(sets)-1 {
				continue
			}
		}
		for _, code := range slices.Sorted(maps.Keys(l.errors)) {
			add(errorsByCode, metrics, withCode(set, code), l.errors[code])
		}
	}
}

// withCode puts the error's code where the KPL does: before the stream.
func withCode(set []dimension, code string) []dimension {
	at := slices.IndexFunc(set, func(d dimension) bool { return d.key == "StreamName" })
	if at < 0 {
		at = len(set)
	}
	return slices.Insert(slices.Clone(set), at, dimension{"ErrorCode", code})
}

// note takes note of how many puts are pending.
func (c *counters) note(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sample(now)
}

// response answers a metrics_request.
func (c *counters) response(r *kplpb.MetricsRequest, now time.Time) *kplpb.MetricsResponse {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := int64(min(r.GetSeconds(), window))
	seconds := uint64(n)
	if n == 0 {
		seconds = uint64(now.Sub(c.began).Seconds())
	}
	out := &kplpb.MetricsResponse{}
	for _, x := range c.reports() {
		if r.Name != nil && r.GetName() != x.of {
			continue
		}
		got := x.last(n, now)
		out.Metrics = append(out.Metrics, &kplpb.Metric{Name: &x.of, Dimensions: messages(x.dimensions), Stats: got.message(), Seconds: proto.Uint64(seconds)})
	}
	return out
}

func messages(set []dimension) (all []*kplpb.Dimension) {
	for _, d := range set {
		all = append(all, &kplpb.Dimension{Key: &d.key, Value: &d.value})
	}
	return all
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
