package kclcompat_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/producer/aggregator"
	"github.com/kplkit/kplkit/seqnum"
)

// file is a sink that keeps a shard's position in a file, as text.
type file string

func (f file) Style() kclcompat.Style { return kclcompat.SubSequenceNumber }

func (f file) WriteCheckpoint(_ context.Context, at, finished seqnum.Extended) error {
	if n, _ := at.Number(); finished == seqnum.After(n) {
		at = finished // all of the stored record is done: a bare number, which readers without kplkit understand, too
	}
	next := string(f) + ".new" // renamed, so that a crash leaves the old position or the new one
	if err := os.WriteFile(next, []byte(at.String()), 0o600); err != nil {
		return err
	}
	return os.Rename(next, string(f))
}

func (f file) position() (seqnum.Extended, error) {
	text, err := os.ReadFile(string(f))
	if os.IsNotExist(err) {
		return seqnum.TrimHorizon(), nil
	}
	if err != nil {
		return seqnum.Extended{}, err
	}
	return seqnum.ParseExtended(string(text))
}

// consume processes stored records of one shard, from GetRecords or a Lambda event, and stops after some user records, as a
// crash would.
func consume(ctx context.Context, table file, batch []deagg.StoredRecord, crashAfter int) error {
	from, err := table.position()
	if err != nil {
		return err
	}
	c, err := kclcompat.NewCheckpointer(table, from, []kclcompat.Reader{kclcompat.Kplkit()})
	if err != nil {
		return err
	}
	d := deagg.Decoder{After: from} // skips what is done
	for u := range d.UserRecords(batch...) {
		if crashAfter--; crashAfter < 0 {
			return nil
		}
		fmt.Println("processed", string(u.Data))
		c.Done(u)
		if _, err := c.Checkpoint(ctx); err != nil { // as often as you like
			return err
		}
	}
	return nil
}

// A loop of one's own: one Decoder and one Checkpointer a shard, and a Sink that keeps the position. It crashes inside an aggregate,
// and goes on exactly there.
func ExampleCheckpointer_loop() {
	folder, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)
	table := file(filepath.Join(folder, "shardId-000000000000"))
	var e aggregator.Encoder
	for _, data := range strings.Fields("one two three") {
		if _, err := e.Add(aggregator.Record{PartitionKey: "key", Data: []byte(data)}); err != nil {
			fmt.Println(err)
			return
		}
	}
	batch := []deagg.StoredRecord{{SequenceNumber: "4959033827", PartitionKey: "a", Data: e.AppendTo(nil)}}
	for _, crashAfter := range []int{2, 100, 100} {
		if err := consume(context.Background(), table, batch, crashAfter); err != nil {
			fmt.Println(err)
			return
		}
		at, err := table.position()
		fmt.Println("the file says", at, err)
	}
	// Output:
	// processed one
	// processed two
	// the file says 4959033827:1 <nil>
	// processed three
	// the file says 4959033827 <nil>
	// the file says 4959033827 <nil>
}
