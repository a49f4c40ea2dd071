// Package deaggaws makes every consumer on the AWS SDK for Go see user records where the stream stores aggregates of
// the Kinesis Producer Library (KPL), and lets it resume inside an aggregate. It takes one line:
//
//	client := kinesis.NewFromConfig(cfg, deaggaws.WithDeaggregation())
//
// GetRecords and SubscribeToShard of that client then deliver user records, as types.Record. All else is untouched:
// errors, expired iterators, the ends of shards, retries.
//
// # Sequence numbers
//
// The last user record that is delivered of an aggregate keeps the stored record's bare sequence number, so that a
// checkpoint at the end of a batch is a plain AWS number that any tool can go on with. The others read
// SEQUENCE:SUB, where SUB is the sub-sequence number. Stored records that are plain, or damaged and so handed on
// whole, keep their bare number.
//
// For a store of numbers, WithDigitPositions has all of them as 65 digits.
//
// AFTER_SEQUENCE_NUMBER and AT_SEQUENCE_NUMBER take SEQUENCE:SUB and digits as well, in GetShardIterator and SubscribeToShard:
// delivery goes on inside the aggregate. AT all of a stored record (digits that end with 999999999) starts at the stored record, as AT
// its bare number does. Bare numbers go through untouched. AFTER_SEQUENCE_NUMBER with the name of a
// sentinel (TRIM_HORIZON, LATEST, or AT_TIMESTAMP:MILLISECONDS) becomes that iterator type, since checkpoints of the
// KCL and its kin hold such names.
//
// What has to be skipped travels in front of the opaque shard iterator, through batches, until the position has
// passed, so nothing is remembered elsewhere: any process whose client has this middleware may go on with an iterator.
//
// # Comparing positions
//
// SEQUENCE:SUB is not an integer. Parse positions with seqnum.ParseExtended and compare those, never the texts: as text,
// "9" comes after "10", and a bare number, which means all of a stored record, before its SEQUENCE:SUB. Digits alone compare as
// integers.
//
// # What types.Record can't carry
//
// The explicit hash key and the mark of a damaged aggregate (deagg.UserRecord.Malformed) are not there; WithStats
// counts the latter. AppendUserRecords turns records back into user records that say which one of its aggregate each is. A
// batch may hold more records than the caller's Limit.
//
// # Memory
//
// Data and partition keys share the memory of the stored record's Data, and user records of one key may share the pointer to
// it. Records of 100 bytes take about as much memory again. Empty ones, which take 6 bytes in an aggregate, take 25 times as
// much, nearly all of which a types.Record and its SEQUENCE:SUB need by themselves; docs/format.md has a table. To read a stream
// whose writers are not trusted in little memory, lower Limit, or hand what a client without WithDeaggregation delivers to a
// deagg.Decoder, which hands out one user record at a time.
//
// # Cost
//
// The usual answer of GetRecords is read by this package, not by the SDK, into the same output: in less than half of the SDK's
// CPU time with user records of 100 bytes, de-aggregation included. The SDK reads what is not usual, and all answers of a
// client with a Protocol of its own, of one made from another's Options, and under WithSDKReader.
//
// # Twice
//
// WithDeaggregation may be applied again to a client that has it, and what comes out may pass through deagg.Decoder,
// DeaggregateRecords or another client of this package: it stays as it is. See deagg.Decoder for the one position
// that can't be told there.
//
// # Compatibility
//
// What earlier releases wrote as a sequence number or put in front of an iterator, later releases go on with.
package deaggaws

import (
	"cmp"
	"errors"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/internal/position"
)

// ErrPosition is wrapped by the error of GetShardIterator and SubscribeToShard for a starting position that names no
// place to start from: neither a sequence number, SEQUENCE:SUB, that as digits, nor a sentinel that has one.
var ErrPosition = position.ErrStart

// ErrIterator is wrapped by the error of GetRecords for a shard iterator whose front is damaged.
var ErrIterator = position.ErrIterator

// ErrOption is wrapped by the error of every call of a client whose WithDeaggregation was given an option that is nil.
var ErrOption = errors.New("deaggaws: an option of WithDeaggregation is nil: leave it out")

// Option changes what WithDeaggregation does.
type Option func(*deaggregation)

// WithHashRanges drops user records that their writer stores again, on the evidence that deagg.Decoder asks for: after
// a reshard there are fewer duplicates. Use it only for streams that the KPL or kplkit alone write; others may lose
// records by it.
//
// Ranges and ancestors of shards come from ListShards, asked about once a minute while the stream is read, and for a
// new shard. Nothing is dropped on a service-managed stream (DescribeStreamSummary tells), nor where one of the two calls
// fails or takes more than ten seconds: that is logged once, as a warning, and tried again a minute later. A batch waits
// for them for one second at most, at most once a minute and for a new shard, and then goes on with what was known
// less than a minute before, else without.
// What is known belongs to the option of WithDeaggregation: one that is made anew for each call lists for each call.
func WithHashRanges() Option { return func(d *deaggregation) { d.hashRanges = true } }

// WithSecondPass is for a consumer that de-aggregates again by itself, as vmware-go-kcl-v2 always does and
// harlow/kinesis-consumer may. Data that starts as an aggregate does, a damaged one handed on whole or a user's own,
// would be torn or refused there: it is wrapped in a valid aggregate of one record, which comes out unchanged;
// but a partition key of more than 1,024 bytes, more than Kinesis takes, is left out.
// Never use it in front of deagg.Decoder or of a consumer that does not de-aggregate.
func WithSecondPass() Option { return func(d *deaggregation) { d.form.secondPass = true } }

// WithStats calls f with the counts of each batch that GetRecords or SubscribeToShard delivered, before the caller
// sees the batch. f may be called from several goroutines. shardID may be "" for an iterator that comes from a client
// without this option. Of several such options all functions are called, each once for a batch.
func WithStats(f func(shardID string, s deagg.Stats)) Option {
	if f == nil {
		return func(*deaggregation) {}
	}
	return func(d *deaggregation) { d.addStats(&f) }
}

// WithLogger sets where it is logged, as warnings, that shards can't be listed (see WithHashRanges) or that a position
// can't be of its stored record: slog.Default(), unless set. Of several such options the last one counts; nil is as if left out.
func WithLogger(l *slog.Logger) Option {
	return func(d *deaggregation) { d.logger = cmp.Or(l, d.logger) }
}

// WithDeaggregation returns an option for kinesis.NewFromConfig and kinesis.New, and for a single call of GetRecords,
// GetShardIterator or SubscribeToShard. Where it is applied more than once, to the same client, to one made from its
// Options, or to a call, records are de-aggregated once, and the options add up. If one of opts is nil, every call
// fails with ErrOption.
//
// It adds to the client's APIOptions and puts a layer around its Protocol. A client that is made from another's Options
// has the first without the second, since kinesis.New drops Protocol. Apply WithDeaggregation to it as well: without,
// each event of enhanced fan-out is decoded and encoded once more, and one with a partition key that is not UTF-8 ends
// the subscription with an error. SubscribeToShard fails for a call whose own options replace APIOptions.
func WithDeaggregation(opts ...Option) func(*kinesis.Options) {
	d := &deaggregation{clients: clients{lineages: map[client]*lineages{}}}
	for _, opt := range opts {
		if opt == nil {
			return func(o *kinesis.Options) {
				o.APIOptions = append(o.APIOptions, func(*middleware.Stack) error { return ErrOption })
			}
		}
		opt(d)
	}
	return func(o *kinesis.Options) {
		o.Protocol = protocolOf(o.Protocol)
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error { return d.install(stack, o) })
	}
}

// AppendStored appends a batch of the SDK's records to dst, as deagg's Decoder takes them. Data is shared.
func AppendStored(dst []deagg.StoredRecord, batch []types.Record) []deagg.StoredRecord {
	for i := range batch {
		dst = append(dst, storedRecord(&batch[i]))
	}
	return dst
}

func storedRecord(r *types.Record) deagg.StoredRecord {
	s := deagg.StoredRecord{
		SequenceNumber: aws.ToString(r.SequenceNumber),
		PartitionKey:   aws.ToString(r.PartitionKey),
		Data:           r.Data,
	}
	if r.ApproximateArrivalTimestamp != nil {
		s.ArrivalTime = *r.ApproximateArrivalTimestamp
	}
	return s
}

// DeaggregateRecords returns the user records of a batch. It has the signature of awslabs' de-aggregator and can take
// its place, but loses nothing: damaged aggregates are handed on whole, and the error is always nil. Sequence numbers
// read as the package says.
func DeaggregateRecords(batch []types.Record) ([]types.Record, error) {
	w := workOn(batch)
	defer w.putBack()
	return w.expand(batch, form{})
}
