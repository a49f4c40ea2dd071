package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/kclcompat/multilang"
)

// runMultilang is a record processor under the MultiLangDaemon, on package multilang. Its last argument is the port where it says
// what it does: its standard output belongs to the daemon.
func runMultilang(s settings) error {
	reporter, err := net.Dial("tcp", "127.0.0.1:"+os.Args[len(os.Args)-1])
	if err != nil {
		return err
	}
	sayTo = passedOn{reporter}
	p := &multilangProcessor{settings: s, when: os.Getenv("ROW_WHEN")}
	err = multilang.Run(context.Background(), os.Stdin, os.Stdout, func(shardID string) kclcompat.Processor {
		fmt.Println("a stray print of", shardID)
		return p
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return nil
}

// passedOn writes to what answers each line by a byte when it has passed it on: the daemon may be ended by the record processor of
// another shard.
type passedOn struct{ net.Conn }

func (c passedOn) Write(line []byte) (int, error) {
	n, err := c.Conn.Write(line)
	if err == nil {
		_, _ = c.Read(make([]byte, 1)) // an error: the daemon is gone
	}
	return n, err
}

type multilangProcessor struct {
	settings
	when string
}

func (p *multilangProcessor) ProcessRecords(ctx context.Context, b kclcompat.Batch, c *kclcompat.Checkpointer) error {
	stopping := ""
	for _, u := range b.Records {
		say(struct {
			Record            []byte `json:"record"`
			SequenceNumber    string `json:"sequence_number"`
			SubSequenceNumber int64  `json:"sub_sequence_number"`
		}{u.Data, u.SequenceNumber, u.SubSequenceNumber})
		c.Done(u)
		switch {
		case string(u.Data) == p.at && p.when == "at":
			p.checkpoint(ctx, u, c)
			hardStop(ctx, "at "+p.at)
		case string(u.Data) == p.at:
			stopping = "after the batch with " + p.at
		case bytes.Equal(u.Data, []byte("END")) && p.lastEnd():
			stopping = "END"
		}
	}
	if n := len(b.Records); n > 0 && (stopping != "" && p.at != "" || p.when == "later") {
		p.checkpoint(ctx, b.Records[n-1], c)
	}
	if stopping != "" {
		hardStop(ctx, stopping)
	}
	return nil
}

func (p *multilangProcessor) checkpoint(ctx context.Context, u deagg.UserRecord, c *kclcompat.Checkpointer) {
	_, err := c.Checkpoint(ctx)
	p.stored(u.SequenceNumber, err)
}

func (p *multilangProcessor) Shutdown(_ context.Context, r kclcompat.Reason, _ *kclcompat.Checkpointer) error {
	if r == kclcompat.LeaseLost {
		say(map[string]bool{"lease_lost": true})
	}
	return nil
}

// lastEnd counts an END, in a file that the processes of all shards share.
func (p *multilangProcessor) lastEnd() bool {
	file := p.checkpointFile + ".ends"
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		panic(err)
	}
	fmt.Fprint(f, "x")
	f.Close()
	seen, err := os.ReadFile(file)
	return err == nil && fmt.Sprint(len(seen)) == os.Getenv("ROW_ENDS")
}

// hardStop has the daemon ended as in a crash, and ends with it.
func hardStop(ctx context.Context, why string) {
	say(map[string]string{"stopped": why})
	<-ctx.Done()
	os.Exit(0)
}
