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
