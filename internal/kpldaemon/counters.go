package kpldaemon

import (
	"errors"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
	"github.com/kplkit/kplkit/producer"
)

// metric is one of the KPL's, by its place in names.
type metric int

const (
	userRecordsPut metric = iota
	kinesisRecordsPut
	allErrors
	userRecordExpired
	bufferingTime
	userRecordsReceived // from here on detailed
	userRecordsPending
	userRecordsDataPut
	kinesisRecordsDataPut
	retriesPerRecord
	requestTime
	userRecordsPerKinesisRecord
	kinesisRecordsPerPutRecordsRequest
	userRecordsPerPutRecordsRequest
	metrics
)

// name is what a metric is called, and its unit.
type name struct{ of, unit string }

var names = [metrics]name{
	{"UserRecordsPut", "Count"}, {"KinesisRecordsPut", "Count"}, {"AllErrors", "Count"}, {"UserRecordExpired", "Count"},
	{"BufferingTime", "Milliseconds"}, {"UserRecordsReceived", "Count"}, {"UserRecordsPending", "Count"}, {"UserRecordsDataPut", "Bytes"},
	{"KinesisRecordsDataPut", "Bytes"}, {"RetriesPerRecord", "Count"}, {"RequestTime", "Milliseconds"}, {"UserRecordsPerKinesisRecord", "Count"},
	{"KinesisRecordsPerPutRecordsRequest", "Count"}, {"UserRecordsPerPutRecordsRequest", "Count"},
}

var errorsByCode = name{"ErrorsByCode", "Count"}

// counters count for each shard, for each stream, and in all.
type counters struct {
	began time.Time
	extra map[string][]dimension // of every metric, by their granularity

	mu  sync.Mutex
	all level
}

// level is what is counted for all, for a stream or for a shard. pending are the puts without a result.
type level struct {
	of       [metrics]series
	failures series
	errors   map[string]*series // by code
	within   map[string]*level  // streams of all, shards of a stream
	pending  int
}

func newCounters(extra []*kplpb.AdditionalDimension) *counters {
	c := &counters{began: time.Now(), extra: map[string][]dimension{}}
	for _, x := range extra {
		c.extra[x.GetGranularity()] = append(c.extra[x.GetGranularity()], dimension{x.GetKey(), x.GetValue()})
	}
	return c
}

// child returns a level within another, made if need be.
func (l *level) child(name string) *level {
	if l.within[name] == nil {
		if l.within == nil {
			l.within = map[string]*level{}
		}
		l.within[name] = &level{}
	}
	return l.within[name]
}

// levels returns those that something of a shard counts for; without a shard those of the stream.
func (c *counters) levels(stream, shard string) [3]*level {
	s := c.all.child(stream)
	if shard == "" {
		return [3]*level{&c.all, s}
	}
	return [3]*level{&c.all, s, s.child(shard)}
}

type levels [3]*level

func (ls levels) add(now time.Time, m metric, value float64) {
	for _, l := range ls {
		if l != nil {
			l.of[m].add(now, value)
		}
	}
}

// failed counts an error of a stored record.
func (ls levels) failed(now time.Time, code string) {
	ls.add(now, allErrors, 1)
	ls.add(now, kinesisRecordsPut, 0)
	for _, l := range ls {
		if l == nil {
			continue
		}
		if l.errors == nil {
			l.errors = map[string]*series{}
		}
		if l.errors[code] == nil {
			l.errors[code] = &series{}
		}
		l.errors[code].add(now, 1)
		l.failures.add(now, 1)
	}
}

// received counts a put.
func (c *counters) received(stream string, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ls := levels(c.levels(stream, ""))
	ls.add(now, userRecordsReceived, 1)
	ls[0].pending++
	ls[1].pending++
}

// resulted counts the result of a put that was received.
func (c *counters) resulted(stream string, size int, r producer.Result, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ls := levels(c.levels(stream, r.ShardID))
	ls[0].pending--
	ls[1].pending--
	switch {
	case r.Err == nil:
		ls.add(now, userRecordsPut, 1)
		ls.add(now, userRecordsDataPut, float64(size))
	case errors.Is(r.Err, producer.ErrExpired):
		ls.add(now, userRecordExpired, 1)
		fallthrough
	default:
		ls.add(now, userRecordsPut, 0) // so that its mean is the part that succeeds, as the KPL's
	}
	tries := 0
	for t := range r.Tries() {
		ls.add(now, bufferingTime, milli(t.Delay))
		tries++
	}
	if tries > 0 {
		ls.add(now, retriesPerRecord, float64(tries-1))
	}
}

// forget drops what was counted of a stream that has no puts any more. What was counted for all stays.
func (c *counters) forget(stream string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := c.all.within[stream]; l != nil && l.pending == 0 {
		delete(c.all.within, stream)
	}
}

func milli(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// requested counts a PutRecords request.
func (c *counters) requested(stream string, in *kinesis.PutRecordsInput, out *kinesis.PutRecordsOutput, err error, began time.Time) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	ls := levels(c.levels(stream, ""))
	ls.add(now, requestTime, milli(now.Sub(began)))
	ls.add(now, kinesisRecordsPerPutRecordsRequest, float64(len(in.Records)))
	for i := range in.Records {
		switch {
		case err != nil || len(out.Records) != len(in.Records):
			ls.failed(now, codeOf(err))
		case out.Records[i].ErrorCode != nil:
			ls.failed(now, *out.Records[i].ErrorCode)
		case out.Records[i].ShardId != nil:
			of := levels(c.levels(stream, *out.Records[i].ShardId))
			of.add(now, allErrors, 0)
			of.add(now, kinesisRecordsPut, 1)
			of.add(now, kinesisRecordsDataPut, float64(len(in.Records[i].Data)))
		}
	}
}

// trace is what counts for a stream's producer.
func (c *counters) trace(stream string) producer.Trace {
	return producer.Trace{Attempt: func(a producer.Attempt) { c.attempted(stream, a) }}
}

func (c *counters) attempted(stream string, a producer.Attempt) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	ls := levels(c.levels(stream, ""))
	ls.add(now, userRecordsPerPutRecordsRequest, float64(a.UserRecords))
	ls.add(now, userRecordsPerKinesisRecord, float64(a.UserRecords)/float64(a.StoredRecords))
}
