package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/internal/recordio"
	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/seqnum"
)

const longestAnswer = 64 << 10 // of CMD: a longer line is none

// feeding is what is written to CMD at once: records and a line after them.
type feeding struct {
	records []deagg.UserRecord
	last    string
	closing bool // nothing follows
}

// start hands a feeding to the goroutine that writes.
func (c *child) start(ctx context.Context, patience time.Duration, f feeding) error {
	c.mu.Lock()
	c.unfed++
	c.mu.Unlock()
	select {
	case c.jobs <- f:
		return nil
	case <-c.gone:
		return nil // serve says why
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(patience):
		return c.fail(fmt.Errorf("CMD has taken nothing for %v", patience))
	}
}

// feed writes all that CMD gets.
func (c *child) feed(in io.WriteCloser) {
	defer in.Close()
	w := bufio.NewWriterSize(in, 64<<10)
	var line []byte
	for {
		var f feeding
		select {
		case f = <-c.jobs:
		case <-c.replies:
		case <-c.gone:
			return
		}
		for i := range f.records {
			c.writeAnswers(w)
			c.giving(f.records[i])
			line = appendRecordLine(line[:0], &f.records[i])
			w.Write(line)
		}
		c.writeAnswers(w)
		w.WriteString(f.last)
		err := w.Flush() // of any write before
		c.mu.Lock()
		if f.last != "" {
			c.unfed--
		}
		ending := c.exited || c.stopping
		c.mu.Unlock()
		if err != nil && !ending {
			c.takesNothing(err)
		}
		wake(c.news)
		if f.closing {
			return
		}
	}
}

// takesNothing says that CMD has closed its stdin, unless it has ended: then wait says how.
func (c *child) takesNothing(err error) {
	select {
	case <-c.gone:
	case <-time.After(lastWords):
		_ = c.fail(fmt.Errorf("CMD takes no more records: %w", err))
	}
}

// writeAnswers writes what checkpoints came to.
func (c *child) writeAnswers(w *bufio.Writer) {
	c.mu.Lock()
	lines := c.answers
	c.answers = nil
	c.mu.Unlock()
	for _, line := range lines {
		w.WriteString(line)
	}
	if len(lines) > 0 {
		w.Flush()
	}
}

// giving notes a record before CMD can know of it.
func (c *child) giving(u deagg.UserRecord) {
	at, _ := u.Position()
	u.Data, u.PartitionKey, u.ExplicitHashKey = nil, "", ""
	c.mu.Lock()
	defer c.mu.Unlock()
	c.given = append(c.given, handed{at, u})
	c.heard = time.Now()
}

// read takes what CMD says until its stdout ends.
func (c *child) read(said io.ReadCloser) {
	defer said.Close()
	in := bufio.NewReaderSize(said, longestAnswer)
	for begins := true; ; {
		line, err := in.ReadSlice('\n')
		whole := err == nil || err == io.EOF
		if !begins || !whole || !c.take(line) {
			c.log.Write(line)
		}
		if !whole && !errors.Is(err, bufio.ErrBufferFull) || err == io.EOF {
			return
		}
		begins = whole
	}
}

// answer is a line of CMD's.
type answer struct {
	Done       *string `json:"done"`
	Checkpoint *string `json:"checkpoint"`
}

// take takes a line, if it is an answer: an object with done or checkpoint, and nothing else but v.
func (c *child) take(line []byte) bool {
	var keys map[string]json.RawMessage
	if json.Unmarshal(line, &keys) != nil {
		return false
	}
	delete(keys, "v")
	_, done := keys["done"]
	_, checkpoint := keys["checkpoint"]
	if len(keys) != 1 || !done && !checkpoint {
		return false
	}
	var a answer
	err := json.Unmarshal(line, &a)
	position := a.Done
	if checkpoint {
		position = a.Checkpoint
	}
	switch {
	case err != nil || position == nil:
		err = fmt.Errorf("CMD says %.200q, whose position is not a text", line)
	default:
		err = c.doneUpTo(*position, checkpoint)
	}
	if err != nil {
		_ = c.fail(err)
	}
	wake(c.news)
	return true
}

// doneUpTo marks a record that was given, and all before it.
func (c *child) doneUpTo(text string, checkpoint bool) error {
	at, err := seqnum.ParseExtended(text)
	if err != nil {
		return fmt.Errorf("CMD says that %.200q is done: %w", text, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard = time.Now()
	switch {
	case c.failure != nil:
		return nil // nothing counts any more
	case at == c.done:
	case c.done.IsValid() && at.Less(c.done):
		return fmt.Errorf("CMD answers out of order: %s is done after %s, which stands for all before it, too", at, c.done)
	case !c.doneGiven(at):
		return fmt.Errorf("CMD says that %s is done, which it was not given: a record is named by the text of its position", at)
	}
	if checkpoint {
		if c.asked++; c.asked+len(c.answers) > mostAnswers {
			return fmt.Errorf("CMD has asked for %d checkpoints, and reads no answer", mostAnswers)
		}
	}
	return nil
}

// doneGiven looks for a record among the given ones: what it passes over is done too, and is not looked at again.
func (c *child) doneGiven(at seqnum.Extended) bool {
	i := slices.IndexFunc(c.given, func(h handed) bool { c.looked++; return h.at == at })
	if i < 0 {
		return false
	}
	for _, h := range c.given[:i+1] { // each: which stored records are finished is seen by them
		c.commits.Done(h.u)
	}
	c.given, c.done = c.given[i+1:], at
	return true
}

// The lines to CMD.

func startLine(shardID string, from seqnum.Extended) string {
	shard, _ := json.Marshal(shardID)
	position := "null"
	if from.IsValid() {
		position = strconv.Quote(from.String())
	}
	return fmt.Sprintf(`{"v":1,"event":"start","shard_id":%s,"position":%s}`+"\n", shard, position)
}

// appendRecordLine appends a line of kplkit deagg, with two fields more.
func appendRecordLine(b []byte, u *deagg.UserRecord) []byte {
	const begin = `{"v":1`
	more := len(b) + len(begin)
	b = recordio.AppendUserRecord(b, u, "", false)
	position, _ := u.Position() // it was read before
	return slices.Insert(b, more, []byte(`,"event":"record","position":"`+position.String()+`"`)...)
}

func batchEndLine(behind time.Duration) string {
	return fmt.Sprintf(`{"v":1,"event":"batch-end","millis_behind_latest":%d}`+"\n", behind.Milliseconds())
}

func shutdownLine(r kclcompat.Reason) string {
	reason := map[kclcompat.Reason]string{kclcompat.ShardEnded: "shard-ended", kclcompat.Stopping: "stopping", kclcompat.LeaseLost: "lease-lost"}[r]
	return fmt.Sprintf(`{"v":1,"event":"shutdown","reason":"%s"}`+"\n", reason)
}

func checkpointedLine(r kclcompat.Result, err error) string {
	line := struct {
		V       int     `json:"v"`
		Event   string  `json:"event"`
		Written *string `json:"written"`
		Held    bool    `json:"held"`
		Error   *string `json:"error"`
	}{V: 1, Event: "checkpointed", Held: r.Held()}
	if r.Written.IsValid() {
		text := r.Written.String()
		line.Written = &text
	}
	if err != nil {
		text := err.Error()
		line.Error = &text
	}
	text, _ := json.Marshal(line) // texts have no error
	return string(text) + "\n"
}
