package cli

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/producer"
	"github.com/kplkit/kplkit/producer/separate"
)

const (
	demoChildStream = "payments"
	demoKills       = 5
)

// demoChild is the producer in a process of its own, which is killed while it puts. The data of a user record is its
// number.
type demoChild struct {
	stored []bool          // whether it was said to be, by number
	times  []int           // how often each is in the stream
	kills  int             // that the process was started again after
	again  []time.Duration // from each kill until a user record that was put after it was stored
}

func newDemoChild(records int) *demoChild {
	return &demoChild{stored: make([]bool, records), times: make([]int, records)}
}

// run puts all user records, and reads the stream.
func (c *demoChild) run(ctx context.Context, cfg aws.Config, command ...string) error {
	client := kinesis.NewFromConfig(cfg)
	_, err := client.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String(demoChildStream), ShardCount: aws.Int32(demoShards)})
	if err != nil {
		return err
	}
	p, err := separate.Start(ctx, separate.Config{
		Command: command, Region: cfg.Region, Endpoint: *cfg.BaseEndpoint, Credentials: credentials.NewStaticCredentialsProvider("any", "any", ""),
		MetricsLevel: "none", Logger: slog.New(slog.DiscardHandler), // the kills are meant
		RecordTTL: demoPatience, // a slow machine is no reason for a failure
	})
	if err != nil {
		return err
	}
	err = c.put(ctx, p)
	err = cmp.Or(err, p.Close(ctx))
	c.kills = int(p.Stats().Restarts)
	if err != nil {
		return err
	}
	return c.read(ctx, client)
}

// put kills the child demoKills times, each time while much that was put has no result. What may wait for its result is a
// quarter of what is put between two kills, so the child works again before the next.
func (c *demoChild) put(ctx context.Context, p *separate.Parent) error {
	between := len(c.stored) / (demoKills + 1)
	room := make(chan struct{}, between/4)
	for number := range c.stored {
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		kill, begin := number%between == 0 && 0 < number && number <= demoKills*between, time.Now()
		if kill {
			if err := killProcess(p.PID()); err != nil {
				return fmt.Errorf("can't kill the producer's process: %w", err)
			}
		}
		r := producer.Record{PartitionKey: fmt.Sprintf("customer-%d", number), Data: strconv.AppendInt(nil, int64(number), 10)}
		err := p.Put(ctx, demoChildStream, r, func(_ producer.Record, res producer.Result) {
			if c.stored[number] = res.Err == nil; kill {
				c.again = append(c.again, time.Since(begin))
			}
			<-room
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// killProcess ends a process at once: by SIGKILL, where there are signals.
func killProcess(pid int) error {
	process, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	return process.Kill()
}

// read counts what is in the stream.
func (c *demoChild) read(ctx context.Context, client *kinesis.Client) error {
	stream := aws.String(demoChildStream)
	shards, err := client.ListShards(ctx, &kinesis.ListShardsInput{StreamName: stream})
	if err != nil {
		return err
	}
	for _, shard := range shards.Shards {
		start, err := client.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{
			StreamName: stream, ShardId: shard.ShardId, ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
		})
		if err != nil {
			return err
		}
		for iterator, end := start.ShardIterator, false; !end; {
			out, err := client.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: iterator})
			if err != nil {
				return err
			}
			for _, r := range out.Records {
				if err := c.count(r); err != nil {
					return err
				}
			}
			iterator, end = out.NextShardIterator, len(out.Records) == 0 && *out.MillisBehindLatest == 0
		}
	}
	return nil
}

// count counts the user records of a stored record.
func (c *demoChild) count(r types.Record) error {
	stored := deagg.StoredRecord{SequenceNumber: *r.SequenceNumber, PartitionKey: *r.PartitionKey, Data: r.Data}
	for u := range new(deagg.Decoder).UserRecords(stored) {
		number, err := strconv.Atoi(string(u.Data))
		if err != nil || number < 0 || number >= len(c.times) {
			return fmt.Errorf("stream %s holds %q, which nobody has put", demoChildStream, u.Data)
		}
		c.times[number]++
	}
	return nil
}

// demoChildCounts is what came of the user records that were put through a process.
type demoChildCounts struct {
	Put        int   `json:"put"`
	Stored     int   `json:"stored"` // as the child said
	Failed     int   `json:"failed"`
	Lost       int   `json:"lost"`       // of those stored: not in the stream
	Duplicated int   `json:"duplicated"` // in the stream beyond the first
	Kills      int   `json:"kills"`
	AgainMS    int64 `json:"working_again_ms"` // after a kill, the median
}

func (c *demoChild) counts() demoChildCounts {
	n := demoChildCounts{Put: len(c.stored), Kills: c.kills}
	for number, stored := range c.stored {
		n.Duplicated += max(0, c.times[number]-1)
		switch {
		case !stored:
			n.Failed++
		case c.times[number] == 0:
			n.Lost++
			fallthrough
		default:
			n.Stored++
		}
	}
	if len(c.again) > 0 {
		n.AgainMS = slices.Sorted(slices.Values(c.again))[len(c.again)/2].Milliseconds()
	}
	return n
}
