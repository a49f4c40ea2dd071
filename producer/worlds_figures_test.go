package producer_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/kplkit/kplkit/producer"
)

// figures are what all worlds of a test run come to.
type figures struct {
	mu sync.Mutex

	worlds, records, stored, streams, shards, children, merges, expiries, switches, full int

	twiceKCL, twiceLossless int
	retries                 map[producer.Reason]int

	time time.Duration // virtual
}

var totals = figures{retries: map[producer.Reason]int{}}

func (f *figures) add(change func(*figures)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

func (f *figures) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return fmt.Sprintf("%d worlds so far, %v of virtual time: %d records, %d of them failed; %d streams made anew, %d shards, %d splits, %d merges; %d times credentials expired, %d times AUTO and back, %d times the buffer was nearly full; user records sent again: %v; read besides after an answer was lost: %d under KCL, %d under Lossless",
		f.worlds, f.time.Round(time.Minute), f.records, f.records-f.stored, f.streams, f.shards, f.children/2, f.merges, f.expiries, f.switches, f.full, f.retries, f.twiceKCL, f.twiceLossless)
}

func (f *figures) count(w *world, twiceKCL, twiceLossless int) {
	out, err := kinesis.NewFromConfig(w.Control()).ListShards(context.Background(), &kinesis.ListShardsInput{StreamName: aws.String("s")})
	if err != nil {
		w.T.Error(err)
		return
	}
	f.add(func(n *figures) {
		n.worlds++
		n.time += time.Since(w.born)
		n.records += len(w.taken)
		n.streams += len(w.gone)
		n.twiceKCL += twiceKCL
		n.twiceLossless += twiceLossless
		if w.most > maxBuffered*9/10 {
			n.full++
		}
		for why, records := range w.retries {
			n.retries[why] += records
		}
		for _, s := range out.Shards {
			n.shards++
			switch {
			case s.AdjacentParentShardId != nil:
				n.merges++
			case s.ParentShardId != nil:
				n.children++
			}
		}
	})
}
