package deaggaws

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/internal/opaque"
	"github.com/kplkit/kplkit/internal/position"
	"github.com/kplkit/kplkit/seqnum"
)

// deaggregation is the middleware of a call. That of an option is never changed once it is made: clients share it.
type deaggregation struct {
	hashRanges bool
	sdkReads   bool
	form       form
	stats      []*func(string, deagg.Stats)
	logger     *slog.Logger // nil for the default
	clients    clients      // if hashRanges

	// Of a call, not of an option: what the first application of all was made to, a client's options or the call's,
	// and, if hashRanges, what the client knows of shards.
	home     *kinesis.Options
	lineages *lineages
}

// addStats takes each function once: the same option may be applied to a client and to a call.
func (d *deaggregation) addStats(f *func(string, deagg.Stats)) {
	if !slices.Contains(d.stats, f) {
		d.stats = append(d.stats, f)
	}
}

func (d *deaggregation) log() *slog.Logger {
	if d.logger == nil {
		return slog.Default() // as it is now, not as it was when the client was made
	}
	return d.logger
}

// named reports whether an option needs to know which stream and shard a batch is of.
func (d *deaggregation) named() bool { return d.hashRanges || len(d.stats) > 0 }

// install puts d, which was applied to home, into the stack of a call: into the step that another application of
// WithDeaggregation has put there for this call, else into a new one. d itself stays as it is.
func (d *deaggregation) install(stack *middleware.Stack, home *kinesis.Options) error {
	before, again := stack.Initialize.Get(d.ID())
	all, ours := before.(*deaggregation)
	switch {
	case again && !ours:
		return fmt.Errorf("deaggaws: the client has a step %q that is not this package's", d.ID())
	case !again:
		all = &deaggregation{home: home}
		if err := stack.Initialize.Add(all, middleware.After); err != nil {
			return err
		}
		if err := stack.Deserialize.Add(all, middleware.After); err != nil {
			return err
		}
	}
	all.hashRanges, all.sdkReads = all.hashRanges || d.hashRanges, all.sdkReads || d.sdkReads
	all.form = form{all.form.secondPass || d.form.secondPass, all.form.digits || d.form.digits}
	all.logger = cmp.Or(d.logger, all.logger)
	for _, f := range d.stats {
		all.addStats(f)
	}
	if d.hashRanges && all.lineages == nil && (stack.ID() == "GetRecords" || stack.ID() == "SubscribeToShard") {
		all.lineages = d.clients.of(stack, all.home)
	}
	return nil
}

// ID is the step's name in the client's stack.
func (*deaggregation) ID() string { return "kplkit de-aggregation" }

// HandleInitialize stands around three operations of the client; all others pass. Inputs are copied, never changed: the
// caller may use them again.
func (d *deaggregation) HandleInitialize(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
	middleware.InitializeOutput, middleware.Metadata, error,
) {
	switch p := in.Parameters.(type) {
	case *kinesis.GetShardIteratorInput:
		return d.getShardIterator(ctx, *p, next)
	case *kinesis.GetRecordsInput:
		return d.getRecords(ctx, *p, next)
	case *kinesis.SubscribeToShardInput:
		return d.subscribeToShard(ctx, *p, next)
	}
	return next.HandleInitialize(ctx, in)
}

func (d *deaggregation) getShardIterator(ctx context.Context, p kinesis.GetShardIteratorInput, next middleware.InitializeHandler) (
	middleware.InitializeOutput, middleware.Metadata, error,
) {
	s, err := position.Start{Kind: string(p.ShardIteratorType), Number: p.StartingSequenceNumber, Time: p.Timestamp}.Resolve()
	if err != nil {
		return middleware.InitializeOutput{}, middleware.Metadata{}, fmt.Errorf("deaggaws: shard %s: %w", aws.ToString(p.ShardId), err)
	}
	p.ShardIteratorType, p.StartingSequenceNumber, p.Timestamp = types.ShardIteratorType(s.Kind), s.Number, s.Time
	out, metadata, err := next.HandleInitialize(ctx, middleware.InitializeInput{Parameters: &p})
	if r, ok := out.Result.(*kinesis.GetShardIteratorOutput); ok && err == nil {
		f := position.Front{After: s.After}
		if d.named() || s.After.IsValid() {
			f.Shard = aws.ToString(p.ShardId)
		}
		if d.named() {
			f.Stream = cmp.Or(aws.ToString(p.StreamARN), aws.ToString(p.StreamName))
		}
		r.ShardIterator = join(f, r.ShardIterator)
	}
	return out, metadata, err
}

func (d *deaggregation) getRecords(ctx context.Context, p kinesis.GetRecordsInput, next middleware.InitializeHandler) (
	middleware.InitializeOutput, middleware.Metadata, error,
) {
	f, iterator, err := position.OfClient.Split(aws.ToString(p.ShardIterator))
	if err != nil {
		return middleware.InitializeOutput{}, middleware.Metadata{}, fmt.Errorf("deaggaws: %w", err)
	}
	if iterator != aws.ToString(p.ShardIterator) {
		p.ShardIterator = &iterator
	}
	if !d.sdkReads {
		ctx = withReader(ctx)
	}
	out, metadata, err := next.HandleInitialize(ctx, middleware.InitializeInput{Parameters: &p})
	if r, ok := out.Result.(*kinesis.GetRecordsOutput); ok && err == nil {
		if f.After, err = d.expand(ctx, &r.Records, f); err != nil {
			return middleware.InitializeOutput{}, metadata, fmt.Errorf("deaggaws: %w", err)
		}
		if !f.After.IsValid() && f.Stream == "" && !d.named() {
			f.Shard = "" // it was for a warning
		}
		r.NextShardIterator = join(f, r.NextShardIterator)
	}
	return out, metadata, err
}

// join returns iterator with f in front.
func join(f position.Front, iterator *string) *string {
	if iterator == nil {
		return nil
	}
	return aws.String(position.OfClient.Join(f, *iterator))
}

// expand replaces a batch by its user records after f.After. It returns what later batches have to skip: nothing once
// the position has passed. It fails only for digits that there are not.
func (d *deaggregation) expand(ctx context.Context, batch *[]types.Record, f position.Front) (seqnum.Extended, error) {
	if len(*batch) == 0 {
		return f.After, nil
	}
	w := workOn(*batch)
	defer w.putBack()
	after, wrong := position.Skip(&w.decoder, f.After, w.stored)
	if wrong != "" {
		d.log().WarnContext(ctx, wrong, "checkpoint", f.After.String(), "shard", f.Shard)
	}
	if d.hashRanges {
		l := d.lineages.Shard(ctx, d.log(), f.Stream, f.Shard)
		w.decoder.HashRange, w.decoder.Ancestors = l.Own, l.Ancestors
	}
	if opaque.Wanted(ctx) {
		*batch = w.seal(*batch)
	} else {
		users, err := w.expand(*batch, d.form)
		if err != nil {
			return f.After, err
		}
		*batch = users
	}
	for _, count := range d.stats {
		(*count)(f.Shard, w.decoder.Stats())
	}
	return after, nil
}

func (d *deaggregation) subscribeToShard(ctx context.Context, p kinesis.SubscribeToShardInput, next middleware.InitializeHandler) (
	middleware.InitializeOutput, middleware.Metadata, error,
) {
	stream, _, _ := strings.Cut(aws.ToString(p.ConsumerARN), "/consumer/")
	f := position.Front{Stream: stream, Shard: aws.ToString(p.ShardId)}
	if p.StartingPosition != nil {
		at := *p.StartingPosition
		s, err := position.Start{Kind: string(at.Type), Number: at.SequenceNumber, Time: at.Timestamp}.Resolve()
		if err != nil {
			return middleware.InitializeOutput{}, middleware.Metadata{}, fmt.Errorf("deaggaws: shard %s: %w", f.Shard, err)
		}
		at.Type, at.SequenceNumber, at.Timestamp = types.ShardIteratorType(s.Kind), s.Number, s.Time
		p.StartingPosition, f.After = &at, s.After
	}
	return next.HandleInitialize(withFront(ctx, f), middleware.InitializeInput{Parameters: &p})
}
