package vmwarekcl

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/smithy-go"
	chk "github.com/vmware/vmware-go-kcl-v2/clientlibrary/checkpoint"
)

// ErrNewStream says that the lease table holds leases of another stream, one of the same name that was deleted and made
// anew since. It is wrapped by the error of Start.
var ErrNewStream = errors.New("the lease is of another stream of this name")

// openAgainAfter is how far apart two listings have to be that show a shard as open whose lease says SHARD_END: one may
// lag behind a split.
const openAgainAfter = 5 * time.Second

// isOther returns what shows that a lease is of another stream, "" if nothing does. listed has to be younger than it.
// A lease without a birth that says SHARD_END, of a shard that stays open, is one, too.
func (lt *leaseTable) isOther(shardID string, listed listedShard, it item) (why string) {
	if why = listed.otherThan(it); why != "" {
		return why
	}
	lt.with(shardID, func(s *shardState) {
		switch now := time.Now(); {
		case !listed.openThough(it):
			s.suspect = time.Time{}
		case s.suspect.IsZero():
			s.suspect = now
		case now.Sub(s.suspect) >= openAgainAfter:
			why = "it says SHARD_END, and the shard is open"
		}
	})
	return why
}

// openThough reports whether a shard is open though its lease says that it is finished, and nothing shows whose it is.
func (s listedShard) openThough(it item) bool {
	return it.text(checkpointKey) == chk.ShardEnd && it.text(birthKey) == "" && s.open && s.start != ""
}

// checkStream returns what shows that the lease of a shard is another stream's, and warns of it once. Where the shards can't
// be listed, it is not known.
func (lt *leaseTable) checkStream(ctx context.Context, shardID string, it item, read time.Time) (why string, known bool) {
	if it.position() == "" {
		return "", true // it stands at no record yet
	}
	shards, err := lt.list(ctx, time.Time{}) // the event loop sees to it that it is young enough
	if listed := shards[shardID]; err == nil && (listed.otherThan(it) != "" || listed.openThough(it)) {
		shards, err = lt.list(ctx, read) // the lease may be younger than the listing
	}
	if err != nil {
		return "", false // acquire asks again before anything is read
	}
	why = lt.isOther(shardID, shards[shardID], it)
	warn := false
	lt.with(shardID, func(s *shardState) { warn, s.warned = why != "" && s.warned != why, why })
	if warn && lt.newStream == StartAgain {
		fanOut := ""
		if lt.cfg.EnableEnhancedFanOutConsumer {
			fanOut = "; start the worker again: its consumer for enhanced fan-out was deleted with the old stream"
		}
		lt.cfg.Logger.Warnf("kplkit: %v; the shard is read from its first record%s", lt.newStreamError(shardID, why), fanOut)
	} else if warn {
		lt.cfg.Logger.Warnf("kplkit: %v; nothing is read of the shard", lt.newStreamError(shardID, why))
	}
	return why, true
}

func (lt *leaseTable) newStreamError(shardID, why string) error {
	return fmt.Errorf("%w: the lease of %s in table %s does not belong to the stream %s that there is now: %s. To read the new stream, remove the item %s from table %s, or use the option OnNewStream(StartAgain)",
		ErrNewStream, shardID, lt.cfg.TableName, lt.cfg.StreamName, why, shardID, lt.cfg.TableName)
}

// checkAllStreams returns an error for the first lease of another stream that can be told at once. Where the table
// can't be scanned or the shards not listed now, that is left to checkStream.
func (lt *leaseTable) checkAllStreams(ctx context.Context) error {
	items := map[string]item{}
	err := lt.table.scan(ctx, func(it item) {
		items[it.text(shardKey)] = it
		lt.sight(it.text(shardKey), it, time.Now())
	})
	if denied := smithy.APIError(nil); errors.As(err, &denied) && denied.ErrorCode() == "AccessDeniedException" {
		return err
	}
	if err != nil {
		lt.cfg.Logger.Debugf("kplkit: the leases can't be looked through at the start: %v", err)
		return nil
	}
	if len(items) == 0 || lt.newStream == StartAgain {
		return nil
	}
	read := time.Now()
	shards, err := lt.list(ctx, time.Time{})
	ids := others(shards, items)
	if len(ids) > 0 {
		shards, err = lt.list(ctx, read) // the leases may be younger than the listing
		ids = others(shards, items)
	}
	if err != nil {
		lt.cfg.Logger.Debugf("kplkit: %v", err)
		return nil
	}
	if len(ids) == 0 {
		return nil
	}
	err = lt.newStreamError(ids[0], shards[ids[0]].otherThan(items[ids[0]]))
	return fmt.Errorf("vmwarekcl: %d of %d leases: %w", len(ids), len(items), err)
}

// others returns the ids of the leases that a listing shows to be of another stream.
func others(shards map[string]listedShard, items map[string]item) (ids []string) {
	for _, id := range slices.Sorted(maps.Keys(items)) {
		if shards[id].otherThan(items[id]) != "" {
			ids = append(ids, id)
		}
	}
	return ids
}
