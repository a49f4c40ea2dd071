package producer

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"time"

	"github.com/kplkit/kplkit/internal/wire"
	"github.com/kplkit/kplkit/producer/aggregator"
)

const (
	kibibyte = 1 << 10
	mebibyte = 1 << 20
)

// Limits of the API (source: PutRecords in the Kinesis API reference).
const (
	usualRecord   = wire.UsualRecord
	largestRecord = wire.LargestRecord
	requestCount  = 500
)

// config is what the options set.
type config struct {
	stream string

	aggregation                    Aggregation
	maxAggregateBytes              int
	maxAggregateCount              uint32
	maxBatchBytes, maxBatchCount   int
	linger, ttl, timeout, relisted time.Duration
	rateFactor                     float64
	maxBuffered, maxInFlight       int
	strictOrder                    bool
	failThrottled, anyLoad         bool
	trace                          Trace
	logger                         *slog.Logger
}

// Option is a setting of a Producer.
type Option func(*config)

// Aggregation says when user records share a stored record.
type Aggregation uint8

// Aggregations. On a service-managed stream, whose record distribution strategy is AUTO, AWS does not support
// aggregates: they land in any shard, and the KCL drops them.
const (
	AggregateByShard Aggregation = iota // those of one shard do, unless the stream is service-managed; the default
	AggregateNever                      // each user record is a stored record
	AggregateAlways                     // on a service-managed stream, too: for consumers that look at no ranges, such as kplkit's
)

// WithAggregation says when user records share a stored record.
func WithAggregation(a Aggregation) Option { return func(c *config) { c.aggregation = a } }

// WithMaxAggregate limits an aggregate: its bytes, magic and MD5 included, and its user records. The defaults are the
// KPL's, 51,200 and 4,294,967,295.
func WithMaxAggregate(bytes int, userRecords uint32) Option {
	return func(c *config) { c.maxAggregateBytes, c.maxAggregateCount = bytes, userRecords }
}

// WithMaxBatch limits a PutRecords request: the bytes of data and partition keys, and its stored records. The defaults
// are the KPL's, 5 MiB and 500. A stored record that is larger goes alone.
func WithMaxBatch(bytes, storedRecords int) Option {
	return func(c *config) { c.maxBatchBytes, c.maxBatchCount = bytes, storedRecords }
}

// WithLinger sets how long a record waits for others to share a request with: the KPL's recordMaxBufferedTime, 100 ms.
func WithLinger(d time.Duration) Option { return func(c *config) { c.linger = d } }

// WithTimeToLive sets how long a record is tried: the KPL's recordTtl, 30 s. It is looked at between attempts, and each
// record has one at least. Put takes no more for a shard than its rates store in half of it.
func WithTimeToLive(d time.Duration) Option { return func(c *config) { c.ttl = d } }

// WithRequestTimeout sets how long a request may take: the KPL's requestTimeout, 6 s. After one that took longer,
// requests hold less, until they have time to spare; a stored record that is too large for that time gets more of it, up
// to two thirds of what is left of its time to live.
func WithRequestTimeout(d time.Duration) Option { return func(c *config) { c.timeout = d } }

// WithRateLimit sets how much of a shard's rates, 1 MiB and 1,000 stored records a second, this producer uses: the
// KPL's rateLimit, 1.5, since others may leave some of it. 0 means no limit.
func WithRateLimit(factor float64) Option { return func(c *config) { c.rateFactor = factor } }

// WithMaxBuffered limits the bytes of all records that have no result yet, 64 MiB by default. A record counts its data
// and keys, and 256 bytes for what is kept beside it; the aggregates made of it take up to as much again. The records of
// a shard may have as much of it as they leave free, and an equal share at any rate: all of it, where there is one shard.
func WithMaxBuffered(bytes int) Option { return func(c *config) { c.maxBuffered = bytes } }

// WithMaxInFlight limits the requests under way: the KPL's maxConnections, 24.
func WithMaxInFlight(requests int) Option { return func(c *config) { c.maxInFlight = requests } }

// WithStrictOrder keeps the order of each partition key (with an explicit hash key: of each hash key), whatever has to
// be sent again: a shard has one stored record under way at a time. A lost answer may still store a record twice.
func WithStrictOrder() Option { return func(c *config) { c.strictOrder = true } }

// WithoutRetryIfThrottled gives records the result ErrThrottled at once when the service has no capacity for them: the
// KPL's failIfThrottled.
func WithoutRetryIfThrottled() Option { return func(c *config) { c.failThrottled = true } }

// WithAnyLoad makes Put take records for a shard as long as the buffer has room, even if the shard's rates can't store
// them within the time to live. It is for a caller that can't wait; the records of a shard in order may get too old then.
func WithAnyLoad() Option { return func(c *config) { c.anyLoad = true } }

// WithRefresh sets how often shards and strategy are looked up in the background, every minute by default. They are
// looked up besides when a record lands in another shard than expected.
func WithRefresh(interval time.Duration) Option { return func(c *config) { c.relisted = interval } }

// WithTrace sets who is told of requests and retries.
func WithTrace(t Trace) Option { return func(c *config) { c.trace = t } }

// WithLogger sets where panics in done and Trace, and failures to list the shards, are logged: slog.Default() unless set.
func WithLogger(l *slog.Logger) Option { return func(c *config) { c.logger = l } }

func newConfig(stream string, opts []Option) (config, error) {
	c := config{
		stream:            stream,
		maxAggregateBytes: aggregator.DefaultMaxBytes, maxAggregateCount: aggregator.DefaultMaxCount,
		maxBatchBytes: 5 * mebibyte, maxBatchCount: requestCount,
		linger: 100 * time.Millisecond, ttl: 30 * time.Second, timeout: 6 * time.Second, relisted: time.Minute,
		rateFactor: 1.5, maxBuffered: 64 * mebibyte, maxInFlight: 24,
		logger: slog.Default(),
	}
	var errs []error
	for i, o := range opts {
		if o == nil {
			errs = append(errs, fmt.Errorf("option %d of %d: nil, want an Option", i+1, len(opts)))
			continue
		}
		o(&c)
	}
	return c, errors.Join(append(errs, c.validate())...)
}

// validate names each bad option, its value and its limit.
func (c *config) validate() error {
	var errs []error
	want := func(ok bool, option string, value any, limit string) {
		if !ok {
			errs = append(errs, fmt.Errorf("%s: %v, want %s", option, value, limit))
		}
	}
	want(c.stream != "", "stream", `""`, "a name or an ARN")
	want(c.aggregation <= AggregateAlways, "WithAggregation", c.aggregation, "AggregateByShard, AggregateNever or AggregateAlways")
	want(within(c.maxAggregateBytes, 64, largestRecord), "WithMaxAggregate bytes", c.maxAggregateBytes, "64 to 10 MiB")
	want(c.maxAggregateCount > 0, "WithMaxAggregate userRecords", c.maxAggregateCount, "1 or more")
	want(within(c.maxBatchBytes, 1, largestRecord), "WithMaxBatch bytes", c.maxBatchBytes, "1 to 10 MiB")
	want(within(c.maxBatchCount, 1, requestCount), "WithMaxBatch storedRecords", c.maxBatchCount, "1 to 500")
	want(c.linger >= 0, "WithLinger", c.linger, "0 or more")
	want(c.ttl > c.linger, "WithTimeToLive", c.ttl, fmt.Sprintf("more than the linger time, %v", c.linger))
	want(c.timeout >= 10*time.Millisecond, "WithRequestTimeout", c.timeout, "10 ms or more")
	want(c.rateFactor == 0 || c.rateFactor >= 0.01 && c.rateFactor <= 1000, "WithRateLimit", c.rateFactor, "0 or 0.01 to 1000")
	want(c.maxBuffered >= 2*mebibyte, "WithMaxBuffered", c.maxBuffered, "2 MiB or more")
	want(within(c.maxInFlight, 1, 10_000), "WithMaxInFlight", c.maxInFlight, "1 to 10,000")
	want(c.relisted >= time.Second, "WithRefresh", c.relisted, "1 s or more")
	want(c.logger != nil, "WithLogger", c.logger, "a Logger")
	return errors.Join(errs...)
}

// mostLoad is how much of a shard's time what is buffered for it may take.
func (c *config) mostLoad() time.Duration {
	if c.anyLoad {
		return math.MaxInt64
	}
	return c.ttl / 2
}

func within(n, low, high int) bool { return low <= n && n <= high }

// streamRef returns the two forms in which requests name the stream.
func (c *config) streamRef() (name, arn *string) {
	if strings.HasPrefix(c.stream, "arn:") {
		return nil, &c.stream
	}
	return &c.stream, nil
}
