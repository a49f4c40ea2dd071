// Package lineage knows the hash ranges of shards and of the shards they came from, by which deagg.Decoder tells a user
// record that its writer stores again. It asks Kinesis for them while a stream is read.
package lineage

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/deagg/hashkey"
)

// MaxAge is how long what is known of a stream serves, since its strategy can be switched at any time. It is asked for anew so
// early that a listing, which fails after listingTime, has ended by then. A batch waits for a listing only where
// nothing is known that serves, and only in the listing's first moments: nothing is lost without it.
const (
	MaxAge      = time.Minute
	listingTime = 10 * time.Second
	patience    = time.Second
	maxStreams  = 1000 // that something is known of: a name may come from anyone
)

// Streams knows the shards of the streams that a client reads. Its lock is never held during I/O.
type Streams struct {
	list func(ctx context.Context, stream string) (map[string]Lineage, error)

	mu      sync.Mutex
	streams map[string]*stream
}

// New returns what asks list for all shards of a stream, by their ids.
func New(list func(ctx context.Context, stream string) (map[string]Lineage, error)) *Streams {
	return &Streams{list: list, streams: map[string]*stream{}}
}

// Of returns what asks a client.
func Of(client *kinesis.Client) *Streams {
	return New(func(ctx context.Context, stream string) (map[string]Lineage, error) { return list(ctx, client, stream) })
}

// stream is what is known of one stream.
type stream struct {
	shards  map[string]Lineage // nil where hash ranges say nothing, or could not be had
	at      time.Time          // of the last answer
	listing *listing           // the one in flight
	warned  bool               // for the one in flight to see
}

// listing is one that is in flight.
type listing struct {
	began time.Time
	done  chan struct{}
}

// wait returns when the listing has ended, or is no longer worth waiting for.
func (l *listing) wait(ctx context.Context) {
	timer := time.NewTimer(time.Until(l.began.Add(patience)))
	defer timer.Stop()
	select {
	case <-l.done:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// Shard returns the lineage of a shard, zero where it is not known. A stream is its name or its ARN. It waits for a second at
// most, and logs once where shards can't be listed.
func (l *Streams) Shard(ctx context.Context, log *slog.Logger, name, shard string) Lineage {
	if name == "" {
		return Lineage{} // an iterator of a client that did not ask for ranges
	}
	known, listing := l.ask(ctx, log, name, shard)
	if listing == nil {
		return known
	}
	listing.wait(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.streams[name]
	if s == nil || time.Since(s.at) > MaxAge {
		return Lineage{} // the strategy may be another one by now
	}
	known, ok := s.shards[shard]
	if !ok && s.shards != nil && s.listing == nil {
		s.shards[strings.Clone(shard)] = Lineage{} // it is not listed: it is not asked for again before the next time
	}
	return known
}

// ask returns what is known of a shard and, if that does not serve, the listing that will tell.
func (l *Streams) ask(ctx context.Context, log *slog.Logger, name, shard string) (Lineage, *listing) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.streams[name]
	if s == nil {
		if len(l.streams) >= maxStreams {
			maps.DeleteFunc(l.streams, func(_ string, s *stream) bool { return s.listing == nil && time.Since(s.at) > MaxAge })
		}
		if len(l.streams) >= maxStreams {
			return Lineage{}, nil
		}
		name, s = strings.Clone(name), &stream{} // the names may lie in a request, which is not to be kept for them
		l.streams[name] = s
	}
	known, ok := s.shards[shard]
	lacks, age := s.shards != nil && !ok, time.Since(s.at)
	if s.listing == nil && (lacks || age > MaxAge-listingTime) {
		s.listing = &listing{time.Now(), make(chan struct{})}
		go l.load(context.WithoutCancel(ctx), log, name, s)
	}
	if lacks || age > MaxAge {
		return known, s.listing
	}
	return known, nil
}

// load asks for a stream's strategy and shards. Where that fails nothing is known, and duplicates are delivered.
func (l *Streams) load(ctx context.Context, log *slog.Logger, name string, s *stream) {
	limited, cancel := context.WithTimeout(ctx, listingTime)
	defer cancel()
	shards, err := l.list(limited, name)
	if err != nil && !s.warned { // not guarded by the lock, which is not held while something is logged
		s.warned = true
		log.WarnContext(ctx, "kplkit: the shards of the stream can't be listed: no user record is dropped, so there may be duplicates after a reshard",
			"stream", name, "error", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s.shards, s.at = shards, time.Now()
	close(s.listing.done)
	s.listing = nil
}

// list returns the lineages of all shards of a stream by their ids, none for a service-managed stream.
func list(ctx context.Context, client *kinesis.Client, stream string) (map[string]Lineage, error) {
	name, arn := aws.String(stream), (*string)(nil)
	if strings.HasPrefix(stream, "arn:") {
		name, arn = nil, name
	}
	summary, err := client.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: name, StreamARN: arn})
	if err != nil {
		return nil, err
	}
	if summary.StreamDescriptionSummary == nil {
		return nil, errors.New("DescribeStreamSummary answers without a description, as AWS never does")
	}
	if summary.StreamDescriptionSummary.RecordDistributionStrategy == types.RecordDistributionStrategyAuto {
		return nil, nil
	}
	f := family{listed: map[string]types.Shard{}, known: map[string]Lineage{}}
	for in := (&kinesis.ListShardsInput{StreamName: name, StreamARN: arn}); in != nil; {
		page, err := client.ListShards(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, s := range page.Shards {
			f.listed[aws.ToString(s.ShardId)] = s
		}
		in = nil
		if page.NextToken != nil {
			in = &kinesis.ListShardsInput{NextToken: page.NextToken} // names the stream itself
		}
	}
	for id := range f.listed {
		f.lineageOf(id)
	}
	return f.known, nil
}

// Lineage is the hash range of a shard and those of its ancestors, without the ones that lie in another.
type Lineage struct {
	Own       hashkey.Range
	Ancestors []hashkey.Range
}

// family works out the lineages of listed shards, each once.
type family struct {
	listed map[string]types.Shard
	known  map[string]Lineage
}

// lineageOf returns the lineage of a listed shard, zero for any other: parents are not listed any more one day.
func (f *family) lineageOf(id string) Lineage {
	if k, ok := f.known[id]; ok {
		return k
	}
	s, ok := f.listed[id]
	if !ok {
		return Lineage{}
	}
	k := Lineage{Own: rangeOf(s)}
	f.known[id] = k // a shard that is its own ancestor must not go on for ever
	for _, parent := range []*string{s.ParentShardId, s.AdjacentParentShardId} {
		p := f.lineageOf(aws.ToString(parent))
		k.add(p.Own)
		for _, r := range p.Ancestors {
			k.add(r)
		}
	}
	f.known[id] = k
	return k
}

// add adds the range of an ancestor, unless one that is there has all of its keys.
func (k *Lineage) add(r hashkey.Range) {
	within := func(inner, outer hashkey.Range) bool {
		return outer.Contains(inner.Start()) && outer.Contains(inner.End())
	}
	if !r.IsValid() || slices.ContainsFunc(k.Ancestors, func(a hashkey.Range) bool { return within(r, a) }) {
		return
	}
	k.Ancestors = append(slices.DeleteFunc(k.Ancestors, func(a hashkey.Range) bool { return within(a, r) }), r)
}

func rangeOf(s types.Shard) hashkey.Range {
	if s.HashKeyRange == nil {
		return hashkey.Range{}
	}
	r, err := hashkey.ParseRange(aws.ToString(s.HashKeyRange.StartingHashKey), aws.ToString(s.HashKeyRange.EndingHashKey))
	if err != nil {
		return hashkey.Range{}
	}
	return r
}
