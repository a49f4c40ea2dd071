package vmwarekcl

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
)

// parentsOf returns the parents of a shard that the stream still lists: one after a split, two after a merge.
func (c *Checkpointer) parentsOf(ctx context.Context, shardID string) ([]string, error) {
	c.mu.Lock()
	parents, known := c.parents[shardID]
	c.mu.Unlock()
	if known {
		return parents, nil
	}
	all, err := c.listParents(ctx)
	if err != nil {
		return nil, fmt.Errorf("vmwarekcl: parents of %s: %w", shardID, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.parents = all
	return all[shardID], nil
}

func (c *Checkpointer) forgetParents() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.parents = nil
}

func (c *Checkpointer) listParents(ctx context.Context) (map[string][]string, error) {
	named := map[string][]*string{}
	for in := (&kinesis.ListShardsInput{StreamName: &c.cfg.StreamName}); in != nil; {
		page, err := c.stream.ListShards(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, s := range page.Shards {
			named[aws.ToString(s.ShardId)] = []*string{s.ParentShardId, s.AdjacentParentShardId}
		}
		in = nil
		if page.NextToken != nil {
			in = &kinesis.ListShardsInput{NextToken: page.NextToken}
		}
	}
	parents := map[string][]string{}
	for id, ps := range named {
		parents[id] = []string{}
		for _, p := range ps {
			if _, listed := named[aws.ToString(p)]; listed {
				parents[id] = append(parents[id], *p)
			}
		}
	}
	return parents, nil
}
