package deaggaws

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/deagg/hashkey"
)

// lister is what of the client tells the shards of a stream.
type lister interface {
	ListShards(context.Context, *kinesis.ListShardsInput, ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error)
	DescribeStreamSummary(context.Context, *kinesis.DescribeStreamSummaryInput, ...func(*kinesis.Options)) (*kinesis.DescribeStreamSummaryOutput, error)
}

// maxAge is how old the knowledge of a stream may become: its strategy can be switched at any time.
const maxAge = time.Minute

// lineages knows the hash ranges and the ancestors of shards.
type lineages struct {
	client func() lister
	lock   chan struct{} // a mutex that can be waited for with a context; held while listing
	known  map[string]*lineage
	warned map[string]bool // streams for which a failure was told
}

// lineage is what is known of one stream. It has no shards where hash ranges say nothing, or could not be had.
type lineage struct {
	at     time.Time
	shards map[string]types.Shard
}

func newLineages(client func() lister) *lineages {
	return &lineages{client, make(chan struct{}, 1), map[string]*lineage{}, map[string]bool{}}
}

// of returns the hash range and the ancestors' ranges of a shard; none where they are not known.
func (l *lineages) of(ctx context.Context, stream, shard string) (hashkey.Range, []hashkey.Range) {
	if stream == "" {
		return hashkey.Range{}, nil // an iterator of a client that did not ask for ranges
	}
	select {
	case l.lock <- struct{}{}:
		defer func() { <-l.lock }()
	case <-ctx.Done():
		return hashkey.Range{}, nil
	}
	known := l.known[stream]
	if known == nil || time.Since(known.at) > maxAge || known.lacks(shard) {
		known = l.load(ctx, stream)
	}
	return known.rangeOf(shard), known.ancestorsOf(shard)
}

// lacks reports whether a list of shards is there that was made before the shard was.
func (k *lineage) lacks(shard string) bool {
	_, ok := k.shards[shard]
	return len(k.shards) > 0 && !ok
}

// load asks for a stream's strategy and shards. Where that fails nothing is known, and duplicates are delivered.
func (l *lineages) load(ctx context.Context, stream string) *lineage {
	shards, err := list(ctx, l.client(), stream)
	if err != nil && ctx.Err() != nil {
		return &lineage{} // the caller gave up; the next one asks again
	}
	if err != nil && !l.warned[stream] {
		l.warned[stream] = true
		slog.WarnContext(ctx, "kplkit: the shards of the stream can't be listed: no user record is dropped, so there may be duplicates after a reshard",
			"stream", stream, "error", err)
	}
	l.known[stream] = &lineage{time.Now(), shards}
	return l.known[stream]
}

// list returns all shards of a stream by their ids, none for a service-managed stream.
func list(ctx context.Context, client lister, stream string) (map[string]types.Shard, error) {
	name, arn := aws.String(stream), (*string)(nil)
	if strings.HasPrefix(stream, "arn:") {
		name, arn = nil, name
	}
	summary, err := client.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: name, StreamARN: arn})
	if err != nil {
		return nil, err
	}
	if summary.StreamDescriptionSummary.RecordDistributionStrategy == types.RecordDistributionStrategyAuto {
		return nil, nil
	}
	shards := map[string]types.Shard{}
	for in := (&kinesis.ListShardsInput{StreamName: name, StreamARN: arn}); in != nil; {
		page, err := client.ListShards(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, s := range page.Shards {
			shards[aws.ToString(s.ShardId)] = s
		}
		in = nil
		if page.NextToken != nil {
			in = &kinesis.ListShardsInput{NextToken: page.NextToken} // names the stream itself
		}
	}
	return shards, nil
}

func (k *lineage) rangeOf(shard string) hashkey.Range {
	s, ok := k.shards[shard]
	if !ok || s.HashKeyRange == nil {
		return hashkey.Range{}
	}
	r, err := hashkey.ParseRange(aws.ToString(s.HashKeyRange.StartingHashKey), aws.ToString(s.HashKeyRange.EndingHashKey))
	if err != nil {
		return hashkey.Range{}
	}
	return r
}

// ancestorsOf returns the ranges of all shards that a shard came from, as far as they are still listed.
func (k *lineage) ancestorsOf(shard string) (ranges []hashkey.Range) {
	seen := map[string]bool{shard: true}
	for open := []string{shard}; len(open) > 0; open = open[1:] {
		s := k.shards[open[0]]
		for _, parent := range []*string{s.ParentShardId, s.AdjacentParentShardId} {
			id := aws.ToString(parent)
			if r := k.rangeOf(id); r.IsValid() && !seen[id] {
				seen[id] = true
				ranges, open = append(ranges, r), append(open, id)
			}
		}
	}
	return ranges
}
