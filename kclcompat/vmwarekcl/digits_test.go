package vmwarekcl_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/kplkit/kplkit/internal/sim"
	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/seqnum"
)

// TestReadsDigits: a worker goes on from digits in the table, as another program with deaggaws.WithDigitPositions has left
// them there: in Checkpoint alone, and beside it. What it writes is a plain number.
func TestReadsDigits(t *testing.T) {
	for stop := range 6 {
		for _, beside := range []bool{false, true} {
			t.Run(fmt.Sprint("after ", stop, ", beside ", beside), func(t *testing.T) {
				sim.Run(t, uint64(stop), sim.Faults{}, func(w *sim.World) { readsDigits(w, stop, beside) })
			})
		}
	}
}

func readsDigits(w *sim.World, stop int, beside bool) {
	w.CreateStream("s", 1)
	all := putAggregates(w.T, w.Control(), 3, 3)
	var positions []seqnum.Extended
	old := &calls{process: func(_ context.Context, b kclcompat.Batch, _ *kclcompat.Checkpointer) error {
		for _, u := range b.Records {
			at, err := u.Position()
			if n, _ := at.Number(); u.Last {
				at = seqnum.After(n)
			}
			positions = append(positions, at)
			if err != nil {
				return err
			}
		}
		return nil
	}}
	worker := old.run(w.T, w.Host("old"), newConfig("old"))
	time.Sleep(10 * time.Second)
	worker.Shutdown()
	digits, ok := positions[stop].Digits()
	if !ok || len(positions) != len(all) {
		w.T.Fatalf("%v of %v", digits, positions)
	}
	values := map[string]ddbtypes.AttributeValue{":d": &ddbtypes.AttributeValueMemberS{Value: digits}}
	expression := "SET Checkpoint = :d REMOVE kplkitPosition"
	if beside {
		values[":b"] = &ddbtypes.AttributeValueMemberS{Value: digits + "|" + digits}
		expression = "SET Checkpoint = :d, kplkitPosition = :b"
	}
	change(w, shard0, expression, values)

	first := ""
	app := &calls{process: func(ctx context.Context, b kclcompat.Batch, c *kclcompat.Checkpointer) error {
		if first == "" && len(b.Records) > 0 {
			c.Done(b.Records[0])
			if _, err := c.Checkpoint(ctx); err != nil {
				return err
			}
			first = lease(w.T, w.Control(), shard0)["Checkpoint"]
		}
		return nil
	}}
	app.run(w.T, w.Host("new"), newConfig("new"))
	time.Sleep(20 * time.Second)
	if _, texts, _ := app.counts(); !slices.Equal(texts, all[stop+1:]) {
		w.T.Errorf("%q, want %q", texts, all[stop+1:])
	}
	written, err := seqnum.Parse(first) // digits are not a number
	if err != nil {
		w.T.Errorf("Checkpoint is %q after the first user record", first)
	}
	if n, _ := positions[stop].Number(); positions[stop].Whole() && written != n {
		w.T.Errorf("Checkpoint is %v after the first user record after %v", first, n)
	}
}
