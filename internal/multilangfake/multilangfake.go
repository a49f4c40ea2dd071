// Package multilangfake is the MultiLangDaemon for tests: one shard, and what each version says and takes, as the real ones
// were seen to (docs/multilang.md).
package multilangfake

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/kplkit/kplkit/producer/aggregator"
	"github.com/kplkit/kplkit/seqnum"
)

// Version is a daemon's.
type Version string

// Versions are all that differ.
var Versions = []Version{"1.3", "1.4", "1.14", "2", "3"}

func (v Version) old() bool { return v == "1.3" || v == "1.4" }

// Stored is a stored record: an aggregate of more than one user record.
type Stored struct {
	Number string
	Users  []string // their data
}

func (s Stored) aggregate() []byte {
	if len(s.Users) == 1 {
		return []byte(s.Users[0])
	}
	var e aggregator.Encoder
	for _, u := range s.Users {
		e.Add(aggregator.Record{PartitionKey: keyOf(u), Data: []byte(u)})
	}
	return e.AppendTo(nil)
}

// keyOf is the partition key of a user record.
func keyOf(u string) string { return "key-" + strings.ToValidUTF8(u, "?") }

// Daemon holds the lease of a shard. It survives its children.
type Daemon struct {
	Version Version
	Shard   []Stored
	Batch   int  // stored records that are handed over at once
	Closed  bool // the shard ends with its last record; else the daemon stops then

	Sequence string // of the lease: a number, TRIM_HORIZON or SHARD_END; "" is TRIM_HORIZON
	Sub      int64

	Checkpoints []string // the messages that asked for them
	Strays      []string // other lines

	// Fail is what a checkpoint fails with, if it returns a name of Java's.
	Fail func() string

	in       *bufio.Reader
	out      io.Writer
	greatest position // handed over in this run
}

type position struct {
	number string
	sub    int64
}

func (p position) extended() seqnum.Extended { return seqnum.At(seqnum.MustParse(p.number), p.sub) }

// Serve speaks with one child until one of both ends. It returns nil where the shard was handed back.
func (d *Daemon) Serve(fromChild io.Reader, toChild io.WriteCloser) error {
	defer toChild.Close()
	d.in, d.out, d.greatest = bufio.NewReader(fromChild), toChild, position{}
	initialize := map[string]any{"action": "initialize", "shardId": "shardId-000000000000"}
	if d.Sequence == "" {
		d.Sequence = "TRIM_HORIZON"
	}
	if !d.Version.old() {
		initialize["sequenceNumber"], initialize["subSequenceNumber"] = d.Sequence, d.Sub
	}
	if err := d.say(initialize, false); err != nil {
		return err
	}
	rest := d.rest()
	for len(rest) > 0 {
		n := min(len(rest), d.Batch)
		if err := d.hand(rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return d.end()
}

// rest is what comes after the lease's position: stored records, and the index of the first user record in each.
func (d *Daemon) rest() (rest []part) {
	for _, s := range d.Shard {
		from := 0
		if at, err := seqnum.Parse(d.Sequence); err == nil {
			switch c := seqnum.MustParse(s.Number).Compare(at); {
			case c < 0, c == 0 && d.Version == "1.3":
				continue
			case c == 0:
				from = int(d.Sub) + 1
			}
		}
		if from < len(s.Users) {
			rest = append(rest, part{s, from})
		}
	}
	return rest
}

type part struct {
	Stored
	from int
}

// hand hands a batch over.
func (d *Daemon) hand(batch []part) error {
	var records []map[string]any
	for _, p := range batch {
		if d.Version == "1.3" {
			records = append(records, map[string]any{"data": p.aggregate(), "partitionKey": "a", "sequenceNumber": p.Number})
			d.greatest = position{p.Number, 0}
			continue
		}
		for sub, u := range p.Users[p.from:] {
			r := map[string]any{"data": []byte(u), "partitionKey": keyOf(u), "sequenceNumber": p.Number}
			if !d.Version.old() {
				r["subSequenceNumber"], r["approximateArrivalTimestamp"], r["action"] = sub+p.from, int64(1795531237000), "record"
			}
			records = append(records, r)
			d.greatest = position{p.Number, int64(sub + p.from)}
		}
	}
	message := map[string]any{"action": "processRecords", "records": records}
	if !d.Version.old() {
		message["millisBehindLatest"] = 7
	}
	return d.say(message, true)
}

func (d *Daemon) end() error {
	switch {
	case d.Closed && d.Version < "2":
		return d.say(map[string]any{"action": "shutdown", "reason": "TERMINATE"}, true)
	case d.Closed:
		return d.say(map[string]any{"action": "shardEnded"}, true)
	case d.Version.old():
		return d.say(map[string]any{"action": "shutdown", "reason": "ZOMBIE"}, false)
	}
	if err := d.say(map[string]any{"action": "shutdownRequested"}, true); err != nil {
		return err
	}
	if d.Version == "1.14" {
		return d.say(map[string]any{"action": "shutdown", "reason": "ZOMBIE"}, false)
	}
	return d.say(map[string]any{"action": "leaseLost"}, false)
}

// say asks for something, and takes checkpoints until the answer comes.
func (d *Daemon) say(message map[string]any, checkpoints bool) error {
	if err := d.write(message); err != nil {
		return err
	}
	for {
		line, err := d.in.ReadBytes('\n')
		if err != nil {
			return fmt.Errorf("the child has ended: %w", err)
		}
		var said map[string]any
		switch {
		case json.Unmarshal(line, &said) != nil, said["action"] != "status" && said["action"] != "checkpoint":
			d.Strays = append(d.Strays, string(line)) // as the real ones, which only log it
		case said["action"] == "checkpoint":
			if err := d.checkpoint(string(line), said, checkpoints, message); err != nil {
				return err
			}
		case said["responseFor"] != message["action"]:
			return fmt.Errorf("the child answers %v, and not %v", said["responseFor"], message["action"])
		default:
			return nil
		}
	}
}

func (d *Daemon) write(message map[string]any) error {
	text, err := json.Marshal(message)
	if err != nil {
		return err
	}
	_, err = d.out.Write(append(text, '\n'))
	return err
}

// checkpoint stores one and answers it, unless the message is one that the version does not know.
func (d *Daemon) checkpoint(line string, said map[string]any, allowed bool, during map[string]any) error {
	key := "sequenceNumber"
	if d.Version.old() {
		key = "checkpoint"
	}
	number, known := said[key]
	if !known {
		d.Strays = append(d.Strays, line)
		return nil
	}
	d.Checkpoints = append(d.Checkpoints, line)
	answer := map[string]any{"action": "checkpoint", key: number, "error": nil}
	if !d.Version.old() {
		answer["subSequenceNumber"] = said["subSequenceNumber"]
	}
	if failure := d.store(number, said["subSequenceNumber"], allowed, during); failure != "" {
		answer["error"] = failure
	}
	return d.write(answer)
}

func (d *Daemon) store(number, sub any, allowed bool, during map[string]any) (failure string) {
	if d.Fail != nil {
		failure = d.Fail()
	}
	ends := during["action"] == "shardEnded" || during["reason"] == "TERMINATE"
	switch {
	case failure != "":
		return failure
	case !allowed:
		return "InvalidStateException"
	case number == nil && ends:
		d.Sequence, d.Sub = "SHARD_END", 0
		return ""
	case number == nil && d.greatest.number == "":
		return "IllegalArgumentException"
	case number == nil:
		d.Sequence, d.Sub = d.greatest.number, d.greatest.sub
		return ""
	}
	asked := position{number: number.(string)}
	if n, ok := sub.(float64); ok && !d.Version.old() {
		asked.sub = int64(n)
	}
	lease, _ := seqnum.FromCheckpoint(d.Sequence, d.Sub)
	if d.greatest.number == "" || asked.extended().Less(lease) || d.greatest.extended().Less(asked.extended()) {
		return "IllegalArgumentException"
	}
	d.Sequence, d.Sub = asked.number, asked.sub
	return ""
}
