package multilang_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kplkit/kplkit/internal/multilangfake"
	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/kclcompat/multilang"
	"github.com/kplkit/kplkit/seqnum"
)

const (
	oldInitialize = `{"action":"initialize","shardId":"shardId-000000000000"}` + "\n"
	newInitialize = `{"action":"initialize","shardId":"shardId-000000000000","sequenceNumber":"TRIM_HORIZON","subSequenceNumber":0}` + "\n"
	oneRecord     = `{"action":"processRecords","records":[{"data":"YQ==","partitionKey":"k","sequenceNumber":"1000","subSequenceNumber":0}]}` + "\n"
)

// everything marks all as done, and checkpoints.
var everything = writer(func(ctx context.Context, b kclcompat.Batch, c *kclcompat.Checkpointer) error {
	for _, u := range b.Records {
		c.Done(u)
	}
	_, err := c.Checkpoint(ctx)
	return err
})

func run(t *testing.T, in string, p kclcompat.Processor) (said string, err error) {
	t.Helper()
	var out strings.Builder
	err = multilang.Run(t.Context(), strings.NewReader(in), &out, func(string) kclcompat.Processor { return p })
	return out.String(), err
}

// TestHostile: what no daemon says is an error that names it, and no checkpoint is asked for.
func TestHostile(t *testing.T) {
	for name, tt := range map[string]struct{ in, says string }{
		"no JSON":                {"hello\n", "message 1 is not one of a MultiLangDaemon"},
		"a list":                 {"[]\n", "message 1 is not one of a MultiLangDaemon"},
		"no JSON later":          {newInitialize + "log4j: nothing is configured\n", "message 2 is not one"},
		"a wrong type":           {`{"action":5}`, "message 1 is not one"},
		"an unknown action":      {newInitialize + `{"action":"compact"}`, `"compact", which is unknown: known are`},
		"no action":              {"{}", `"", which is unknown`},
		"an unknown reason":      {newInitialize + `{"action":"shutdown","reason":"BORED"}`, `"BORED", which is unknown`},
		"records too early":      {oneRecord, "processRecords where it should not"},
		"initialize twice":       {newInitialize + newInitialize, "initialize where it should not"},
		"an answer to nothing":   {newInitialize + `{"action":"checkpoint","checkpoint":"1"}`, `"checkpoint", which is unknown`},
		"dies inside a message":  {newInitialize + oneRecord[:60], "has ended in the middle of its message 2: unexpected EOF"},
		"dies between messages":  {newInitialize, "the MultiLangDaemon has gone"},
		"dies at once":           {"", "the MultiLangDaemon has gone"},
		"no sequence number":     {newInitialize + strings.Replace(oneRecord, "1000", "", 1), "record 1 of a batch"},
		"a strange one":          {newInitialize + strings.Replace(oneRecord, "1000", "-7", 1), "record 1 of a batch"},
		"a negative sub-":        {newInitialize + strings.Replace(oneRecord, `r":0`, `r":-1`, 1), "sub-sequence number -1"},
		"no base64":              {newInitialize + strings.Replace(oneRecord, "YQ==", "%", 1), "message 2 is not one"},
		"records are no list":    {newInitialize + `{"action":"processRecords","records":7}`, "not a list"},
		"a position of nowhere":  {strings.Replace(newInitialize, "TRIM_HORIZON", "nowhere", 1), "initialize"},
		"a value without end":    {newInitialize + `{"action":"` + strings.Repeat("x", 40<<20), "longer than"},
		"records after the end":  {newInitialize + `{"action":"leaseLost"}` + oneRecord, "processRecords where it should not"},
		"records after shutdown": {newInitialize + `{"action":"shutdownRequested"}` + oneRecord, "after it has shut down"},
	} {
		said, err := run(t, tt.in, everything)
		if err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", name, err, tt.says)
		}
		if strings.Contains(said, "checkpoint") {
			t.Errorf("%s: %s", name, said)
		}
	}
}

// TestForeignAnswers: an answer about another position, or something else in its place, moves nothing.
func TestForeignAnswers(t *testing.T) {
	const zombie = `{"action":"shutdown","reason":"ZOMBIE"}` // the shard is handed back
	for answer, want := range map[string]error{
		`{"action":"checkpoint","sequenceNumber":"1001","subSequenceNumber":0,"error":null}`: nil,
		`{"action":"checkpoint","sequenceNumber":"1000","subSequenceNumber":7,"error":null}`: nil,
		`{"action":"checkpoint","checkpoint":"1000","error":null}`:                           nil,
		zombie: kclcompat.ErrLeaseLost,
		`{"action":"checkpoint","sequenceNumber":"1000","subSequenceNumber":0,"error":"ShutdownException"}`:        kclcompat.ErrLeaseLost,
		`{"action":"checkpoint","sequenceNumber":"1000","subSequenceNumber":0,"error":"IllegalArgumentException"}`: kclcompat.ErrBackwards,
		`{"action":"checkpoint","sequenceNumber":"1000","subSequenceNumber":0,"error":"InvalidStateException"}`:    nil,
	} {
		var failed error
		_, err := run(t, newInitialize+oneRecord+answer, writer(func(ctx context.Context, b kclcompat.Batch, c *kclcompat.Checkpointer) error {
			c.Done(b.Records[0])
			r, err := c.Checkpoint(ctx)
			if failed = err; r.Written != seqnum.TrimHorizon() {
				t.Errorf("%s: the lease is said to be %s", answer, r.Written)
			}
			return err
		}))
		if (err == nil) != (answer == zombie) || failed == nil || want != nil && !errors.Is(failed, want) {
			t.Errorf("%s: %v, %v, want %v", answer, failed, err, want)
		}
	}
}

// TestLeaseStolen: a Processor that returns its checkpoint's ErrLeaseLost, as in the documentation, does not end the daemon, which has
// other shards. It gets no more batches, and is shut down once. Only the shard's end is refused.
func TestLeaseStolen(t *testing.T) {
	for _, version := range multilangfake.Versions {
		for _, closed := range []bool{false, true} {
			d := &multilangfake.Daemon{Version: version, Shard: threeAggregates, Batch: 1, Closed: closed, Fail: func() string { return "ShutdownException" }}
			p := &stolen{}
			err := serve(t, d, p)
			reason := map[bool]kclcompat.Reason{false: kclcompat.LeaseLost, true: kclcompat.ShardEnded}[closed]
			if (err == nil) == closed || closed && !errors.Is(err, kclcompat.ErrLeaseLost) || p.batches != 1 || p.reasons != reason || len(d.Checkpoints) != 1 {
				t.Errorf("%s, closed %v: %v; %d batches, %v, %q", version, closed, err, p.batches, p.reasons, d.Checkpoints)
			}
		}
	}
}

// TestLeaseStolenAtShutdown: the same where the last checkpoint of a Processor that is asked to stop meets the end of the lease.
func TestLeaseStolenAtShutdown(t *testing.T) {
	n := 0
	d := &multilangfake.Daemon{Version: "3", Shard: threeAggregates, Batch: 3, Fail: func() string { n++; return "ShutdownException" }}
	if err := serve(t, d, atTheEnd{}); err != nil || n != 1 {
		t.Error(err, n)
	}
	lies := writer(func(context.Context, kclcompat.Batch, *kclcompat.Checkpointer) error { return kclcompat.ErrLeaseLost })
	d = &multilangfake.Daemon{Version: "3", Shard: threeAggregates, Batch: 1}
	if err := serve(t, d, lies); !errors.Is(err, kclcompat.ErrLeaseLost) {
		t.Errorf("%v, and the daemon has not said so", err)
	}
}

// stolen checkpoints each batch, and counts.
type stolen struct {
	batches int
	reasons kclcompat.Reason // their sum
}

func (p *stolen) ProcessRecords(ctx context.Context, b kclcompat.Batch, c *kclcompat.Checkpointer) error {
	p.batches++
	return everything(ctx, b, c)
}

func (p *stolen) Shutdown(_ context.Context, r kclcompat.Reason, _ *kclcompat.Checkpointer) error {
	p.reasons += r
	return nil
}

// atTheEnd checkpoints in Shutdown alone.
type atTheEnd struct{}

func (atTheEnd) ProcessRecords(_ context.Context, b kclcompat.Batch, c *kclcompat.Checkpointer) error {
	c.Done(b.Records[0])
	return nil
}

func (atTheEnd) Shutdown(ctx context.Context, _ kclcompat.Reason, c *kclcompat.Checkpointer) error {
	_, err := c.Checkpoint(ctx)
	return err
}

// TestThrottled: a checkpoint that DynamoDB has throttled is tried again, for a while.
func TestThrottled(t *testing.T) {
	for failures, fine := range map[int]bool{4: true, 5: false} {
		synctest.Test(t, func(t *testing.T) {
			n := 0
			d := &multilangfake.Daemon{Version: "2", Shard: []multilangfake.Stored{{Number: "1", Users: []string{"a"}}}, Batch: 1, Fail: func() string {
				if n++; n <= failures {
					return "ThrottlingException"
				}
				return ""
			}}
			if err := serve(t, d, everything); (err == nil) != fine {
				t.Errorf("%d failures: %v", failures, err)
			}
		})
	}
}

// TestBetweenBatches: a checkpoint that is asked for by a goroutine when the daemon has its answer already goes out in the
// daemon's next call, and at the end of the lease the ones that wait fail.
func TestBetweenBatches(t *testing.T) {
	for _, version := range multilangfake.Versions {
		synctest.Test(t, func(t *testing.T) {
			d := &multilangfake.Daemon{Version: version, Shard: threeAggregates, Batch: 1}
			results := make(chan string, 9)
			err := serve(t, d, writer(func(_ context.Context, b kclcompat.Batch, c *kclcompat.Checkpointer) error {
				go func() {
					time.Sleep(time.Millisecond) // when the daemon has its answer
					for _, u := range b.Records {
						c.Done(u)
					}
					r, err := c.Checkpoint(context.Background())
					results <- fmt.Sprint(r.Effect, errors.Is(err, kclcompat.ErrLeaseLost))
				}()
				if string(b.Records[0].Data) == "b0" {
					time.Sleep(time.Second)
				}
				return nil
			}))
			if err != nil {
				t.Fatal(version, err)
			}
			synctest.Wait()
			time.Sleep(time.Minute)
			for range 3 {
				select {
				case <-results:
				default:
					t.Fatalf("%s: a checkpoint still waits", version)
				}
			}
		})
	}
}

var threeAggregates = []multilangfake.Stored{
	{Number: "1000", Users: []string{"a0", "a1", "a2"}}, {Number: "1001", Users: []string{"b0", "b1", "b2"}}, {Number: "1002", Users: []string{"c0", "c1"}},
}

// TestDaemonDies: the context of a batch ends with the daemon, as the lease does, and says so.
func TestDaemonDies(t *testing.T) {
	toChild, daemon := io.Pipe()
	reason := kclcompat.Reason(0)
	p := &hooks{batch: func(ctx context.Context) error {
		daemon.Close()
		<-ctx.Done()
		return context.Cause(ctx)
	}, shutdown: func(r kclcompat.Reason) { reason = r }}
	go io.WriteString(daemon, newInitialize+oneRecord)
	err := multilang.Run(t.Context(), toChild, io.Discard, func(string) kclcompat.Processor { return p })
	if !errors.Is(err, multilang.ErrDaemonGone) || reason != kclcompat.LeaseLost {
		t.Errorf("%v, %v", err, reason)
	}
}

type hooks struct {
	batch    func(context.Context) error
	shutdown func(kclcompat.Reason)
}

func (h *hooks) ProcessRecords(ctx context.Context, _ kclcompat.Batch, _ *kclcompat.Checkpointer) error {
	return h.batch(ctx)
}

func (h *hooks) Shutdown(_ context.Context, r kclcompat.Reason, _ *kclcompat.Checkpointer) error {
	h.shutdown(r)
	return nil
}

// TestReasons: what a Processor is told of each end.
func TestReasons(t *testing.T) {
	for said, want := range map[string]kclcompat.Reason{
		`{"action":"leaseLost"}`: kclcompat.LeaseLost, `{"action":"shutdown","reason":"ZOMBIE"}`: kclcompat.LeaseLost,
		`{"action":"shutdownRequested"}{"action":"leaseLost"}`: kclcompat.Stopping, `{"action":"shutdownRequested"}`: kclcompat.Stopping,
	} {
		got := kclcompat.Reason(0)
		_, err := run(t, newInitialize+said, &hooks{shutdown: func(r kclcompat.Reason) { got += r }})
		if err != nil || got != want {
			t.Errorf("%s: %v, want %v once (%v)", said, got, want, err)
		}
	}
}

// TestShardEndNeedsShutdown: where Shutdown fails at the shard's end, it is not checkpointed, also where all of the last batch is done.
func TestShardEndNeedsShutdown(t *testing.T) {
	for _, version := range multilangfake.Versions {
		d := &multilangfake.Daemon{Version: version, Shard: threeAggregates, Batch: 3, Closed: true}
		err := serve(t, d, refusing{})
		if err == nil || d.Sequence == "SHARD_END" {
			t.Errorf("%s: %v, the lease says %s", version, err, d.Sequence)
		}
	}
}

// refusing does all, checkpoints at the shard's end, and fails then.
type refusing struct{}

func (refusing) ProcessRecords(_ context.Context, b kclcompat.Batch, c *kclcompat.Checkpointer) error {
	for _, u := range b.Records {
		c.Done(u)
	}
	return nil
}

func (refusing) Shutdown(ctx context.Context, _ kclcompat.Reason, c *kclcompat.Checkpointer) error {
	_, err := c.Checkpoint(ctx)
	return errors.Join(err, errors.New("not yet"))
}

// FuzzRun: whatever the bytes, Run comes back, and writes lines of its own alone.
func FuzzRun(f *testing.F) {
	f.Add([]byte(newInitialize + oneRecord))
	f.Add([]byte(oldInitialize + oneRecord + `{"action":"checkpoint","checkpoint":null,"error":null}` + `{"action":"shutdown","reason":"TERMINATE"}`))
	f.Add([]byte(newInitialize + `{"action":"processRecords","records":[{"data":"84mawg==","sequenceNumber":"5"},{"data":"","sequenceNumber":"5"}],"millisBehindLatest":1}` + `{"action":"shardEnded"}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		var out strings.Builder
		_ = multilang.Run(t.Context(), strings.NewReader(string(in)), &out, func(string) kclcompat.Processor { return everything })
		for line := range strings.Lines(out.String()) {
			var said struct{ Action string }
			if json.Unmarshal([]byte(line), &said) != nil || said.Action != "status" && said.Action != "checkpoint" {
				t.Errorf("%q", line)
			}
		}
	})
}
