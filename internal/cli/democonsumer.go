package cli

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"

	"github.com/kplkit/kplkit/matrix"
)

// demoConsumer is one of the consumers that the demo compares, as this program sees it.
type demoConsumer struct {
	name               string // of its application, and of its lease table
	worker, checkpoint string
	plays              matrix.Consumer // the row of the usage matrix

	times         []int // how often each user record was delivered
	deliveries    int
	ends          int           // shards that it has come to the end of
	began, killed chan struct{} // closed when it has
}

// consume runs one worker of c, kills it, and runs another one to the end.
func (d *demo) consume(ctx context.Context, c *demoConsumer) error {
	if err := d.work(ctx, c, "worker-1", true); err != nil {
		return err
	}
	close(c.killed)
	d.tell("%s, checkpoint %s: killed after %d user records, in the middle of an aggregate; another worker starts.",
		c.worker, c.checkpoint, c.deliveries)
	if err := d.work(ctx, c, "worker-2", false); err != nil {
		return err
	}
	d.tell("%s, checkpoint %s: at the end of every shard.", c.worker, c.checkpoint)
	return nil
}

// work runs a worker until it has to be killed, or is at the end; then it is killed, too.
func (d *demo) work(ctx context.Context, c *demoConsumer, name string, kill bool) error {
	w, err := d.start(ctx, c.name, name)
	if err != nil {
		return err
	}
	reached := false
	for w.numbers.Scan() {
		number, err := strconv.Atoi(w.numbers.Text())
		if err != nil || number < 0 || number >= len(c.times) {
			break
		}
		c.deliver(number, d.ledger)
		if reached = c.ends == demoEnds; kill {
			reached = c.deliveries > len(c.times)*3/10 && d.ledger.inside(number)
		}
		if reached {
			break
		}
		if _, err := w.answers.Write([]byte{'\n'}); err != nil {
			break
		}
	}
	w.cmd.Process.Kill()
	err = w.cmd.Wait()
	if reached {
		return nil
	}
	return fmt.Errorf("%s of %s ended before it should: %v; it said %q", name, c.name, err, w.said.Bytes())
}

// demoProcess is a worker that runs.
//
// It writes the number of each user record that it is given, and goes on with it once it is answered. So all of them
// are known here, and where the answer does not come it stands still until it is killed.
type demoProcess struct {
	cmd     *exec.Cmd
	numbers *bufio.Scanner
	answers io.Writer
	said    bytes.Buffer
}

// start starts this program again, as a worker. It ends with ctx, and when this process does.
func (d *demo) start(ctx context.Context, consumer, name string) (*demoProcess, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	w := &demoProcess{cmd: exec.CommandContext(ctx, program, "demo-worker", consumer, name, d.Kinesis, d.DynamoDB)}
	w.cmd.Args[0] = os.Args[0]
	w.cmd.Stderr = &w.said
	numbers, err := w.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	w.numbers = bufio.NewScanner(numbers)
	if w.answers, err = w.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	return w, w.cmd.Start()
}

// deliver counts a user record.
func (c *demoConsumer) deliver(number int, l *demoLedger) {
	if c.deliveries++; c.deliveries == 1 {
		close(c.began)
	}
	if c.times[number]++; c.times[number] == 1 && l.isEnd(number) {
		c.ends++
	}
}

// demoCounts is what came of a consumer, in user records.
type demoCounts struct {
	Put        int `json:"put"`
	Delivered  int `json:"delivered"` // at least once
	Lost       int `json:"lost"`
	Duplicated int `json:"duplicated"` // deliveries beyond the first
}

func (c *demoConsumer) counts() demoCounts {
	counts := demoCounts{Put: len(c.times)}
	for _, times := range c.times {
		if times == 0 {
			counts.Lost++
			continue
		}
		counts.Delivered++
		counts.Duplicated += times - 1
	}
	return counts
}
