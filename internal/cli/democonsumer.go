package cli

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
)

// demoConsumer is one of the consumers that the demo compares, as this program sees it.
type demoConsumer struct {
	name               string // of its application, and of its lease table
	worker, checkpoint string

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

// work runs a worker as a process until it has to be killed, or is at the end.
//
// The process writes the number of each user record that it is given, and goes on with it once it is answered. So all
// of them are known here, and where the answer does not come the process stands still until it is killed.
func (d *demo) work(ctx context.Context, c *demoConsumer, worker string, kill bool) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, program, "demo-worker", c.name, worker, d.Kinesis, d.DynamoDB)
	cmd.Args[0] = os.Args[0]
	var said bytes.Buffer
	cmd.Stderr = &said
	answers, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	numbers, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(numbers)
	for lines.Scan() {
		number, err := strconv.Atoi(lines.Text())
		if err != nil || number < 0 || number >= len(c.times) {
			break
		}
		c.deliver(number, d.ledger)
		if kill && c.deliveries > len(c.times)*3/10 && d.ledger.inside(number) || !kill && c.ends == demoEnds {
			cmd.Process.Kill()
			cmd.Wait() // tells that it was killed
			return nil
		}
		if _, err := answers.Write([]byte{'\n'}); err != nil {
			break
		}
	}
	cmd.Process.Kill()
	err = cmd.Wait()
	return fmt.Errorf("%s of %s ended before it should: %v; it said %q", worker, c.name, err, said.Bytes())
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
