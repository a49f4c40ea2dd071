package cli

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/kplkit/kplkit/matrix"
)

// demoLine is a consumer in JSON, demoChildLine the producer, and demoSummary, the last line, the consumer on kplkit.
type demoLine struct {
	V          int    `json:"v"`
	Consumer   string `json:"consumer"`
	Checkpoint string `json:"checkpoint"`
	demoCounts
	Row string `json:"row"` // of the usage matrix
}

type demoChildLine struct {
	V        int    `json:"v"`
	Producer string `json:"producer"`
	Process  string `json:"process"`
	demoChildCounts
}

type demoSummary struct {
	V       int        `json:"v"`
	Summary demoCounts `json:"summary"`
}

// What the producer in a process of its own is called.
const demoChildProducer, demoChildProcess = "producer/separate", "kplkit daemon"

// report writes the result. It is an error if the consumer on kplkit or the producer has lost anything.
func (d *demo) report(asJSON bool) error {
	var out bytes.Buffer
	if asJSON {
		d.writeJSON(&out)
	} else {
		d.writeText(&out)
	}
	if _, err := d.s.Out.Write(out.Bytes()); err != nil {
		return err
	}
	if lost := d.consumers[0].counts().Lost; lost > 0 {
		return fmt.Errorf("demo: %d user records were lost on kplkit: this is a defect, please report it", lost)
	}
	if lost := d.child.counts().Lost; lost > 0 {
		return fmt.Errorf("demo: %d user records that the producer said are stored are not: this is a defect, please report it", lost)
	}
	return nil
}

func (d *demo) writeJSON(out *bytes.Buffer) {
	encoder := json.NewEncoder(out)
	for _, c := range d.consumers {
		_ = encoder.Encode(demoLine{1, c.worker, c.checkpoint, c.counts(), c.verdict().Rule}) // a Buffer has no error
	}
	_ = encoder.Encode(demoChildLine{1, demoChildProducer, demoChildProcess, d.child.counts()})
	_ = encoder.Encode(demoSummary{1, d.consumers[0].counts()})
}

func (d *demo) writeText(out *bytes.Buffer) {
	const head, row = "%-27s %-17s %7s %10s %6s %6s\n", "%-27s %-17s %7d %10d %6d %6d\n"
	fmt.Fprintf(out, head, "consumer", "checkpoint", "put", "delivered", "lost", "twice")
	var counts []demoCounts
	for _, c := range d.consumers {
		n := c.counts()
		counts = append(counts, n)
		fmt.Fprintf(out, row, c.worker, c.checkpoint, n.Put, n.Delivered, n.Lost, n.Duplicated)
	}
	const childHead, childRow = "%-27s %-17s %7s %10s %6s %6s %7s %6s  %s\n", "%-27s %-17s %7d %10d %6d %6d %7d %6d  %d ms\n"
	n := d.child.counts()
	fmt.Fprintf(out, "\n"+childHead, "producer", "process", "put", "stored", "lost", "twice", "failed", "kills", "working again after")
	fmt.Fprintf(out, childRow, demoChildProducer, demoChildProcess, n.Put, n.Stored, n.Lost, n.Duplicated, n.Failed, n.Kills, n.AgainMS)
	if counts[0].Lost > 0 || n.Lost > 0 {
		return // there is nothing to be proud of
	}
	fmt.Fprintf(out, "\nRows of the usage matrix that were just played ('%s matrix' has all):\n", programName())
	for _, c := range d.consumers {
		v := c.verdict()
		fmt.Fprintf(out, "  %-26s  %-16s  %-22s  %s\n", c.worker, c.checkpoint, v.Rule, v.Aggregation)
	}
	fmt.Fprintf(out, demoSentences, counts[0].Put, len(d.ledger.sizes), n.Put, n.Kills,
		counts[1].Lost, counts[2].Duplicated, counts[0].Duplicated, n.Duplicated, programName())
}

// verdict is what the usage matrix says of the consumer. The demo's producer writes as the KPL does.
func (c *demoConsumer) verdict() matrix.Verdict {
	return matrix.Check(matrix.Today, matrix.Kplkit(), c.plays)
}

const demoSentences = `
What happened: %d user records were put, packed into %d aggregated records as the Kinesis Producer Library does; each
consumer was killed in the middle of one, and a new process went on from its checkpoints, while shards were split. Then
%d were put through a process of their own, which was killed %d times meanwhile.

What it means: alone, a worker can only go on behind a whole aggregated record, so a checkpoint inside one loses the
rest, without an error (%d user records), and one after each batch repeats what the batch had (%d); on kplkit it goes
on inside, loses nothing, and repeats only what came after the last checkpoint (%d). A program survives its producer,
which is started again and gets all that has no answer yet: nothing is lost, and what was stored before a kill and not
answered is stored twice (%d).

What to type next: '%s local --stream orders:4' runs the same Kinesis and DynamoDB for a consumer of
yours; it needs one line, kinesis.NewFromConfig(cfg, deaggaws.WithDeaggregation()), or vmwarekcl.NewWorker (README.md).
`
