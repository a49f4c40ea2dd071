package multilang_test

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/kclcompat/multilang"
)

// orders processes the orders of a shard.
type orders struct{ shardID string }

func (o orders) ProcessRecords(ctx context.Context, b kclcompat.Batch, c *kclcompat.Checkpointer) error {
	for _, u := range b.Records {
		fmt.Printf("%s: %s\n", o.shardID, u.Data)
		c.Done(u)
	}
	_, err := c.Checkpoint(ctx)
	return err
}

func (o orders) Shutdown(context.Context, kclcompat.Reason, *kclcompat.Checkpointer) error {
	return nil
}

// A record processor under the MultiLangDaemon, which starts it for each shard with its messages on the standard input. Here
// those of a short life stand in for the daemon; a program calls Run with os.Stdin and os.Stdout, and log.Fatal where it returns an
// error.
func Example() {
	daemon := strings.NewReader(`{"action":"initialize","shardId":"shardId-000000000000","sequenceNumber":"TRIM_HORIZON","subSequenceNumber":0}
{"action":"processRecords","records":[{"data":"dHdvIGJvb2tz","partitionKey":"a","sequenceNumber":"49","subSequenceNumber":0}],"millisBehindLatest":0}
{"action":"checkpoint","sequenceNumber":"49","subSequenceNumber":0,"error":null}
{"action":"leaseLost"}
`)
	err := multilang.Run(context.Background(), daemon, os.Stderr, func(shardID string) kclcompat.Processor {
		return orders{shardID}
	})
	fmt.Println(err)
	// Output:
	// shardId-000000000000: two books
	// <nil>
}
