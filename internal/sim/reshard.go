package sim

import (
	"context"
	"errors"
	"math/big"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// CreateStream creates a stream and waits until it is ACTIVE.
func (w *World) CreateStream(name string, shards int) {
	w.T.Helper()
	client := kinesis.NewFromConfig(w.Control())
	ctx := context.Background()
	_, err := client.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: &name, ShardCount: aws.Int32(int32(shards))})
	if err != nil {
		w.T.Fatal(err)
	}
	time.Sleep(w.faults.StatusDelay)
}

// Reshard splits and merges shards of a stream, n times in all, at drawn instants until d from now; the last one may
// take longer, if it has to wait for the one before. The channel is closed when all of them are done.
func (w *World) Reshard(stream string, n int, d time.Duration) <-chan struct{} {
	rnd := w.Rand("reshard " + stream)
	instants := make([]time.Duration, n)
	for i := range instants {
		instants[i] = time.Duration(rnd.Int64N(int64(d)))
	}
	slices.Sort(instants)
	client, begin, done := kinesis.NewFromConfig(w.Control()), time.Now(), make(chan struct{})
	go func() {
		defer close(done)
		for _, at := range instants {
			time.Sleep(at - time.Since(begin))
			for inUse := true; inUse; {
				inUse = w.reshardOnce(client, stream, rnd)
				time.Sleep(w.faults.StatusDelay)
			}
		}
	}()
	return done
}

// reshardOnce splits a shard or merges two, and tells whether it has to be tried again.
func (w *World) reshardOnce(client *kinesis.Client, stream string, rnd *rand.Rand) (inUse bool) {
	shards := w.openShards(client, stream)
	i := rnd.IntN(len(shards))
	ctx, id := context.Background(), shards[i].ShardId
	var err error
	if i+1 < len(shards) && rnd.IntN(2) == 0 {
		_, err = client.MergeShards(ctx, &kinesis.MergeShardsInput{
			StreamName: &stream, ShardToMerge: id, AdjacentShardToMerge: shards[i+1].ShardId,
		})
	} else {
		_, err = client.SplitShard(ctx, &kinesis.SplitShardInput{
			StreamName: &stream, ShardToSplit: id, NewStartingHashKey: aws.String(middle(shards[i])),
		})
	}
	if busy := (*types.ResourceInUseException)(nil); errors.As(err, &busy) {
		return true
	}
	if err != nil {
		w.T.Errorf("sim: reshard: %v", err)
	}
	return false
}

// SplitAll halves every open shard of a stream, one after the other.
func (w *World) SplitAll(stream string) {
	client := kinesis.NewFromConfig(w.Control())
	for _, sh := range w.openShards(client, stream) {
		w.whenActive(func() error {
			_, err := client.SplitShard(context.Background(), &kinesis.SplitShardInput{
				StreamName: &stream, ShardToSplit: sh.ShardId, NewStartingHashKey: aws.String(middle(sh)),
			})
			return err
		})
	}
}

// MergeAll merges each open shard of a stream with its neighbour, one pair after the other.
func (w *World) MergeAll(stream string) {
	client := kinesis.NewFromConfig(w.Control())
	shards := w.openShards(client, stream)
	for i := 0; i+1 < len(shards); i += 2 {
		w.whenActive(func() error {
			_, err := client.MergeShards(context.Background(), &kinesis.MergeShardsInput{
				StreamName: &stream, ShardToMerge: shards[i].ShardId, AdjacentShardToMerge: shards[i+1].ShardId,
			})
			return err
		})
	}
}

// whenActive does something to a stream as soon as that is not being changed any more.
func (w *World) whenActive(change func() error) {
	for {
		err := change()
		if busy := (*types.ResourceInUseException)(nil); !errors.As(err, &busy) {
			if err != nil {
				w.T.Errorf("sim: reshard: %v", err)
			}
			return
		}
		time.Sleep(max(w.faults.StatusDelay, 10*time.Millisecond))
	}
}

// OpenShards returns the ids of the open shards of a stream, in the order of their hash keys.
func (w *World) OpenShards(stream string) (ids []string) {
	for _, sh := range w.openShards(kinesis.NewFromConfig(w.Control()), stream) {
		ids = append(ids, *sh.ShardId)
	}
	return ids
}

// openShards lists the open shards in the order of their hash keys.
func (w *World) openShards(client *kinesis.Client, stream string) []types.Shard {
	out, err := client.ListShards(context.Background(), &kinesis.ListShardsInput{
		StreamName: &stream, ShardFilter: &types.ShardFilter{Type: types.ShardFilterTypeAtLatest},
	})
	if err != nil {
		w.T.Errorf("sim: reshard: %v", err)
		return nil
	}
	slices.SortFunc(out.Shards, func(a, b types.Shard) int {
		return bigKey(a.HashKeyRange.StartingHashKey).Cmp(bigKey(b.HashKeyRange.StartingHashKey))
	})
	return out.Shards
}

// middle is the hash key that halves a shard.
func middle(sh types.Shard) string {
	keys := sh.HashKeyRange
	sum := new(big.Int).Add(bigKey(keys.StartingHashKey), bigKey(keys.EndingHashKey))
	return sum.Rsh(sum, 1).String()
}

func bigKey(decimal *string) *big.Int {
	k, _ := new(big.Int).SetString(*decimal, 10) // the Kinesis wrote it
	return k
}
