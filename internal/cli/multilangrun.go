package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/kclcompat/multilang"
)

func newMultilangRun(s Streams) *cobra.Command {
	o := childOptions{log: &oneAtATime{w: s.Err}}
	cmd := &cobra.Command{
		Use:   "run [flags] -- CMD [ARG…]",
		Short: "Runs between the MultiLangDaemon and a record processor in any language",
		Long: `Runs between the MultiLangDaemon, which starts it for each shard (executableName in its properties), and CMD, which it starts.
CMD gets user records one by one, and says how far it is.

To CMD, on its stdin, a JSON object a line:
  {"v":1,"event":"start","shard_id":…,"position":…}      where the shard is read from; null with daemons before KCL 1.7.2
  {"v":1,"event":"record","position":…,…}                the other fields are those of 'kplkit deagg', data in base64
  {"v":1,"event":"batch-end","millis_behind_latest":…}
  {"v":1,"event":"checkpointed","written":…,"held":…,"error":…}
  {"v":1,"event":"shutdown","reason":"shard-ended"}      or stopping, or lease-lost

From CMD, on its stdout:
  {"done":POSITION}         the record of that position is processed, and all before it
  {"checkpoint":POSITION}   the same, and it is to be stored. checkpointed answers: written is what the lease says then, held
                            whether done records would come again after a crash, error what failed, or null
Any other line goes to stderr, also one with other fields. POSITION is a text, as it came. Each line has to be flushed. Nothing but
checkpoint stores anything, and the shard's end.

The daemon gets its answer when the last record of a batch is done. A CMD that holds records back across batches says --ahead
N: then the answer goes out while up to N records are not done, and a checkpoint that is asked for afterwards goes out in the
daemon's next call. callProcessRecordsEvenForEmptyRecordList=true in the daemon's properties sees to it that there is one.

An interrupt, SIGTERM or SIGHUP to the daemon's process group is left to the daemon, which asks for a last checkpoint: CMD has
a group of its own. A second interrupt or SIGTERM ends kplkit, and CMD with it.

CMD ends by itself after shutdown. Any other end, an exit code that is not 0, an answer for a record that it was not given,
answers out of order, or none at all for --patience end kplkit with exit code 1, and with it the daemon: the shard goes on from
its last checkpoint. After shard-ended all records have to be done, and exit code 0 of CMD checkpoints the shard's end.`,
		Example: `  executableName = kplkit multilang run -- python3 processor.py
  executableName = kplkit multilang run --ahead 500 -- node processor.js`,
		Args: usageArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.ahead < 0 || o.patience <= 0 {
				return usageError{errors.New("--ahead is 0 or more, and --patience more than 0")}
			}
			o.command = args
			// What ends the daemon's process group is the daemon's business: it asks for a last checkpoint. A second signal ends
			// kplkit, but for hangups: a terminal that closes has two.
			ctx, stop := untilSignal(cmd.Context())
			defer stop()
			defer context.AfterFunc(ctx, func() {
				fmt.Fprintln(o.log, "kplkit: multilang run: an interrupt or SIGTERM is left to the daemon, which asks for a last checkpoint; a second one ends kplkit")
			})()
			hangups := make(chan os.Signal, 1)
			signal.Notify(hangups, syscall.SIGHUP)
			defer signal.Stop(hangups)
			return runMultilang(context.WithoutCancel(ctx), s, o)
		},
	}
	f := cmd.Flags()
	f.SetInterspersed(false)
	f.IntVar(&o.ahead, "ahead", 0, "how many records may be not done when the daemon gets its answer, `N`")
	f.DurationVar(&o.patience, "patience", 10*time.Minute, "how long CMD may neither answer nor take a record")
	return cmd
}

func runMultilang(ctx context.Context, s Streams, o childOptions) error {
	var c *child
	err := multilang.Run(ctx, s.In, s.Out, func(shardID string) kclcompat.Processor {
		c = newChild(shardID, o)
		return c
	})
	if c != nil {
		err = cmp.Or(err, c.end())
	}
	if err != nil {
		return fmt.Errorf("multilang run: %w", err)
	}
	return nil
}
