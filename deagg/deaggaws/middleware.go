package deaggaws

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/seqnum"
)

// handle stands around three operations of the client; all others pass. Inputs are copied, never changed: the caller
// may use them again.
func (d *deaggregation) handle(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
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
	s, err := start{kind: p.ShardIteratorType, number: p.StartingSequenceNumber, time: p.Timestamp}.resolve()
	if err != nil {
		return middleware.InitializeOutput{}, middleware.Metadata{}, fmt.Errorf("deaggaws: shard %s: %w", aws.ToString(p.ShardId), err)
	}
	p.ShardIteratorType, p.StartingSequenceNumber, p.Timestamp = s.kind, s.number, s.time
	out, metadata, err := next.HandleInitialize(ctx, middleware.InitializeInput{Parameters: &p})
	if r, ok := out.Result.(*kinesis.GetShardIteratorOutput); ok && err == nil {
		f := front{after: s.after}
		if d.hashRanges || d.stats != nil {
			f.stream, f.shard = cmp.Or(aws.ToString(p.StreamARN), aws.ToString(p.StreamName)), aws.ToString(p.ShardId)
		}
		r.ShardIterator = f.join(r.ShardIterator)
	}
	return out, metadata, err
}

func (d *deaggregation) getRecords(ctx context.Context, p kinesis.GetRecordsInput, next middleware.InitializeHandler) (
	middleware.InitializeOutput, middleware.Metadata, error,
) {
	f, iterator, err := splitIterator(p.ShardIterator)
	if err != nil {
		return middleware.InitializeOutput{}, middleware.Metadata{}, fmt.Errorf("deaggaws: %w", err)
	}
	p.ShardIterator = iterator
	out, metadata, err := next.HandleInitialize(ctx, middleware.InitializeInput{Parameters: &p})
	if r, ok := out.Result.(*kinesis.GetRecordsOutput); ok && err == nil {
		f.after = d.expand(ctx, &r.Records, f)
		r.NextShardIterator = f.join(r.NextShardIterator)
	}
	return out, metadata, err
}

// expand replaces a batch by its user records behind f.after. It returns what later batches have to skip: nothing once
// a record has come, since all later ones lie behind it.
func (d *deaggregation) expand(ctx context.Context, batch *[]types.Record, f front) seqnum.Extended {
	if len(*batch) == 0 {
		return f.after
	}
	decoder := deagg.Decoder{After: f.after}
	if beyond(&(*batch)[0], f.after) {
		slog.WarnContext(ctx, "kplkit: the checkpoint lies beyond the end of its aggregate, which can't be; all of the aggregate is delivered",
			"checkpoint", f.after.String(), "shard", f.shard)
		decoder.After = seqnum.Extended{}
	}
	if d.hashRanges {
		decoder.HashRange, decoder.Ancestors = d.lineages.of(ctx, f.stream, f.shard)
	}
	*batch = expand(&decoder, *batch, d.secondPass)
	if d.stats != nil {
		d.stats(f.shard, decoder.Stats())
	}
	return seqnum.Extended{}
}

// beyond reports whether after points behind the last user record of r: nobody can have processed such a one, so
// the position was not written for this record. A plain record has the sub-sequence number 0.
func beyond(r *types.Record, after seqnum.Extended) bool {
	n, ok := after.Number()
	if !ok || aws.ToString(r.SequenceNumber) != n.String() {
		return false
	}
	users := 1
	if a, err := deagg.Parse(storedRecord(r)); err == nil {
		users = a.Len()
	}
	return after.SubSequenceNumber() >= int64(max(users, 1))
}

func (d *deaggregation) subscribeToShard(ctx context.Context, p kinesis.SubscribeToShardInput, next middleware.InitializeHandler) (
	middleware.InitializeOutput, middleware.Metadata, error,
) {
	stream, _, _ := strings.Cut(aws.ToString(p.ConsumerARN), "/consumer/")
	f := front{stream: stream, shard: aws.ToString(p.ShardId)}
	if p.StartingPosition != nil {
		at := *p.StartingPosition
		s, err := start{kind: at.Type, number: at.SequenceNumber, time: at.Timestamp}.resolve()
		if err != nil {
			return middleware.InitializeOutput{}, middleware.Metadata{}, fmt.Errorf("deaggaws: shard %s: %w", f.shard, err)
		}
		at.Type, at.SequenceNumber, at.Timestamp = s.kind, s.number, s.time
		p.StartingPosition, f.after = &at, s.after
	}
	out, metadata, err := next.HandleInitialize(ctx, middleware.InitializeInput{Parameters: &p})
	if r, ok := out.Result.(*kinesis.SubscribeToShardOutput); ok && err == nil {
		err = d.replaceStream(ctx, r, f)
	}
	return out, metadata, err
}
