package vmwarekcl

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
	chk "github.com/vmware/vmware-go-kcl-v2/clientlibrary/checkpoint"

	"github.com/kplkit/kplkit/seqnum"
)

// listedShard is a shard as the stream lists it. The zero value is one that it does not list.
type listedShard struct {
	parents []string // those that the stream still lists: one after a split, two after a merge
	start   string   // its first sequence number
	open    bool
}

// listing is what one ListShards has brought. vmware never looks again at a shard that it knows, and so does not see
// that the stream is another one.
type listing struct {
	began  time.Time // before the first request
	date   time.Time // of the answer, by Kinesis's clock; zero if it does not tell
	shards map[string]listedShard
	answer []types.Shard // the same, for vmware
}

// listingAge is how old a listing may be where it only confirms what a lease says.
const listingAge = 5 * time.Second

// listed returns a shard that a lease is of, and all others. The listing is made anew unless a young one agrees with the
// birth that the lease has: what a listing contradicts, or adds, it has to know from after the lease was read.
func (lt *leaseTable) listed(ctx context.Context, shardID string, it item, read time.Time) (listedShard, map[string]listedShard, error) {
	all, err := lt.list(ctx, time.Now().Add(-listingAge))
	if shard := all[shardID]; err != nil || shard.start == "" || it.text(birthKey) != shard.start || shard.otherThan(it) != "" {
		all, err = lt.list(ctx, read)
	}
	if err == nil && all[shardID].start == "" {
		err = fmt.Errorf("vmwarekcl: shard %s: %w", shardID, errNotListed)
	}
	return all[shardID], all, err
}

// errNotListed says that the stream has forgotten a shard, as it does when all of its records are too old.
var errNotListed = errors.New("the stream does not list it")

// list returns the shards of the stream by a listing that has begun at a time or later.
func (lt *leaseTable) list(ctx context.Context, since time.Time) (map[string]listedShard, error) {
	lt.mu.Lock()
	last := lt.listing
	lt.mu.Unlock()
	if !last.began.Before(since) {
		return last.shards, nil
	}
	now := listing{began: time.Now()}
	var err error
	if err = lt.listShards(context.WithValue(ctx, inside{}, true), &now); err != nil {
		return nil, fmt.Errorf("vmwarekcl: list the shards of stream %s in region %q: %w", lt.cfg.StreamName, lt.region, err)
	}
	lt.mu.Lock()
	defer lt.mu.Unlock()
	if lt.listing.began.Before(now.began) {
		lt.listing = now
	}
	return now.shards, nil
}

// listFirst lists the shards for a start: the first pass of the event loop goes on from that. A stream that Kinesis refuses it
// would refuse for ever.
func (lt *leaseTable) listFirst() error {
	ctx, cancel := context.WithTimeout(lt.running, startLimit)
	defer cancel()
	now := time.Now()
	if _, err := lt.list(ctx, now); err != nil {
		return fmt.Errorf("%w%s", err, lt.remedy(err))
	}
	lt.mu.Lock()
	defer lt.mu.Unlock()
	lt.loop.nextList = now.Add(lt.loop.sync)
	return nil
}

// remedy returns what to do about an error of ListShards, "" where nothing is known.
func (lt *leaseTable) remedy(err error) string {
	code := ""
	if answer := smithy.APIError(nil); errors.As(err, &answer) {
		code = answer.ErrorCode()
	}
	switch code {
	case "ResourceNotFoundException":
		return ". Create the stream, or configure the StreamName, the region and the credentials of the one that is meant"
	case "AccessDeniedException":
		return ". Allow the credentials in use what docs/permissions.md lists for kclcompat/vmwarekcl"
	case "ValidationException", "InvalidArgumentException":
		return ". Correct StreamName"
	case "ResourceInUseException":
		return ". Start again once the stream is ACTIVE"
	}
	if lt.region == "" {
		return fmt.Sprintf(". The aws.Config of NewWorker has no Region, and the RegionName of vmware's configuration does not take its place: set Region, to %q if that is right", lt.cfg.RegionName)
	}
	return ""
}

// tip returns a time at or before now, by Kinesis's clock as well as by this machine's: records that come from now on
// are not older.
func (lt *leaseTable) tip() time.Time {
	lt.mu.Lock()
	defer lt.mu.Unlock()
	now := time.Now()
	if date := lt.listing.date; !date.IsZero() && date.Before(now) {
		return date
	}
	return now
}

// outdateListing has the shards listed anew before the next acquisition. What they were stays vmware's answer: of a shard
// that is missing there it would remove the lease.
func (lt *leaseTable) outdateListing() {
	lt.mu.Lock()
	defer lt.mu.Unlock()
	lt.listing.began = time.Time{}
}

// listShards fills l by all pages.
func (lt *leaseTable) listShards(ctx context.Context, l *listing) error {
	named := map[string][]*string{}
	shards := map[string]listedShard{}
	for in := (&kinesis.ListShardsInput{StreamName: &lt.cfg.StreamName}); in != nil; {
		page, err := lt.stream.ListShards(ctx, in)
		if err != nil {
			return err
		}
		l.date, _ = middleware.GetServerTime(page.ResultMetadata)
		l.answer = append(l.answer, page.Shards...)
		for _, s := range page.Shards {
			id, listed := aws.ToString(s.ShardId), listedShard{open: true}
			if r := s.SequenceNumberRange; r != nil {
				listed.start, listed.open = aws.ToString(r.StartingSequenceNumber), r.EndingSequenceNumber == nil
			}
			shards[id], named[id] = listed, []*string{s.ParentShardId, s.AdjacentParentShardId}
		}
		in = nil
		if page.NextToken != nil {
			in = &kinesis.ListShardsInput{NextToken: page.NextToken}
		}
	}
	for id, parents := range named {
		listed := shards[id]
		for _, p := range parents {
			if _, ok := shards[aws.ToString(p)]; ok {
				listed.parents = append(listed.parents, *p)
			}
		}
		shards[id] = listed
	}
	l.shards = shards
	return nil
}

// otherThan returns what shows that a lease is of another shard: of one with the same id, in a stream that was deleted
// and made anew; "" if nothing does. A shard's birth is in all of its sequence numbers, from version 2 on. A lease that
// stands at no record yet says nothing about one.
func (s listedShard) otherThan(it item) string {
	first, err := seqnum.Parse(s.start)
	if err != nil {
		return "" // nothing is known of the shard
	}
	if at, err := parsePosition(it.position()); err == nil {
		if n, ok := at.Number(); ok {
			return otherBirth(first, n, "stands at")
		}
	}
	if it.text(checkpointKey) != chk.ShardEnd {
		return ""
	}
	if n, err := seqnum.Parse(it.text(birthKey)); err == nil && n.Version() == 2 {
		return otherBirth(first, n, "says SHARD_END and is for the numbers from")
	}
	if born, ok := first.ShardCreated(); ok && !it.timeout().IsZero() && it.timeout().Before(born.Add(-clocksDiffer)) {
		return fmt.Sprintf("it says SHARD_END, and was last held until %s; the shard of today was created at %s",
			it.timeout().Format(time.RFC3339), born.Format(time.RFC3339))
	}
	return ""
}

// clocksDiffer is by how much a worker's clock may run behind Kinesis's.
const clocksDiffer = time.Minute

// otherBirth compares a number of a lease with the first one of the shard.
func otherBirth(first, n seqnum.Number, what string) string {
	born, ok1 := first.ShardCreated()
	was, ok2 := n.ShardCreated()
	switch {
	case ok1 && ok2 && was != born:
		return fmt.Sprintf("it %s %v, in a shard that was created at %s; the one of today was created at %s", what, n, was.Format(time.RFC3339), born.Format(time.RFC3339))
	case !(ok1 && ok2) && n.Less(first):
		return fmt.Sprintf("it %s %v, and the shard begins at %v, after that", what, n, first)
	}
	return ""
}
