package kclcompat_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/seqnum"
)

// lease is a sink that keeps one checkpoint in memory.
type lease struct{ checkpoint seqnum.Extended }

// Style: the whole position is stored.
func (l *lease) Style() kclcompat.Style { return kclcompat.SubSequenceNumber }

func (l *lease) WriteCheckpoint(_ context.Context, at, _ seqnum.Extended) error {
	l.checkpoint = at
	return nil
}

// A consumer processes two user records of an aggregate of three and checkpoints. The consumer itself resumes after
// them; an old deployment that knows no sub-sequence numbers may come back too, so that the checkpoint is held.
func Example() {
	ctx := context.Background()
	for _, readers := range [][]kclcompat.Reader{
		{kclcompat.Kplkit()},
		{kclcompat.Kplkit(), kclcompat.SDK()},
	} {
		table := &lease{checkpoint: seqnum.After(seqnum.MustParse("4959033826"))}
		c, err := kclcompat.NewCheckpointer(table, table.checkpoint, readers)
		if err != nil {
			fmt.Println(err)
			return
		}
		for sub := range int64(2) {
			c.Done(deagg.UserRecord{SequenceNumber: "4959033827", SubSequenceNumber: sub, Aggregated: true})
		}
		result, err := c.Checkpoint(ctx)
		fmt.Println(readers, result.Done, table.checkpoint, result.Effect, err)
	}
	// Output:
	// [kplkit] 4959033827:1 4959033827:1 exact <nil>
	// [kplkit sdk] 4959033827:1 4959033826 repeats <nil>
}

func ExampleRefuseHeld() {
	table := &lease{checkpoint: seqnum.TrimHorizon()}
	c, err := kclcompat.NewCheckpointer(table, table.checkpoint, []kclcompat.Reader{kclcompat.SDK()}, kclcompat.RefuseHeld())
	if err != nil {
		fmt.Println(err)
		return
	}
	c.Done(deagg.UserRecord{SequenceNumber: "4959033827", Aggregated: true})
	_, err = c.Checkpoint(context.Background())
	var held *kclcompat.HeldError
	fmt.Println(errors.As(err, &held), held.Done, held.Resumable, held.Rule.ID)
	// Output: true 4959033827:0 TRIM_HORIZON sdk/sub-sequence-number
}

// A loop of one's own checkpoints after every user record. Writes are put off inside a batch, and FinishBatch ends it.
func ExampleWithCheckpointInterval() {
	ctx := context.Background()
	table := &lease{checkpoint: seqnum.TrimHorizon()}
	c, err := kclcompat.NewCheckpointer(table, table.checkpoint, []kclcompat.Reader{kclcompat.Kplkit()}, kclcompat.WithCheckpointInterval(time.Minute))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, batch := range [][]string{{"4959033827", "4959033828", "4959033829"}, {"4959033830", "4959033831"}} {
		c.BeginBatch()
		for _, number := range batch {
			c.Done(deagg.UserRecord{SequenceNumber: number, Last: true})
			result, err := c.Checkpoint(ctx)
			fmt.Println(result.Done, result.Written, result.Effect, err)
		}
		result, err := c.FinishBatch(ctx)
		fmt.Println("end of batch:", result.Done, table.checkpoint, result.Effect, err)
	}
	// Output:
	// 4959033827:0 4959033827:0 exact <nil>
	// 4959033828:0 4959033827:0 repeats <nil>
	// 4959033829:0 4959033827:0 repeats <nil>
	// end of batch: 4959033829:0 4959033829:0 exact <nil>
	// 4959033830:0 4959033829:0 repeats <nil>
	// 4959033831:0 4959033829:0 repeats <nil>
	// end of batch: 4959033831:0 4959033831:0 exact <nil>
}

func ExampleRuleFor() {
	rule := kclcompat.RuleFor(kclcompat.SequenceNumber, kclcompat.KCL(1, 4))
	fmt.Println(rule)
	// Output: rule kcl-1.4/sequence-number (kcl-1.4 resumes): repeats inside an aggregate, repeats at its last user record: checkpoint(sequence number) stores sub-sequence number 0, and it resumes after the aggregate's first user record [measured 2026-11-26, KCL 1.4.0: sequence-number/first, sequence-number/inside, sequence-number/last]
}
