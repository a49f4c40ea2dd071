package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/internal/multilangfake"
	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/seqnum"
)

// processor is a CMD for tests. What it does is its first argument; what was given to it goes to the file RECORDS.
func processor() {
	log, err := os.OpenFile(os.Getenv("RECORDS"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		panic(err)
	}
	mode, at := os.Args[1], os.Args[2]
	in := bufio.NewReader(os.Stdin)
	var held []string // positions that are not done
	crashing := false
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			os.Exit(0)
		}
		var e struct {
			Event, Position, Reason string
			Data                    []byte
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			panic(err)
		}
		if e.Event != "record" {
			fmt.Fprintf(log, "%s", line)
		}
		switch e.Event {
		case "record":
			fmt.Fprintf(log, "record %s %s\n", e.Position, e.Data)
			held = append(held, e.Position)
			stop := string(e.Data) == at
			switch {
			case mode == "strays":
				fmt.Printf("a log line\n{\"level\":\"info\",\"done\":true}\n%s\n", strings.Repeat("x", 100_000))
				fallthrough
			case mode == "good" || mode == "crash" && !stop && !crashing:
				fmt.Printf("{\"done\":%q}\n", e.Position)
			case mode == "late" && !stop:
			case (mode == "crash" || mode == "late") && !crashing:
				crashing = true
				fmt.Printf("{\"checkpoint\":%q}\n", e.Position)
			case mode == "never" && stop:
				fmt.Printf("{\"checkpoint\":\"999999:3\"}\n")
			case mode == "number" && stop:
				fmt.Printf("{\"done\":7}\n")
			case mode == "order" && stop:
				fmt.Printf("{\"done\":%q}\n{\"checkpoint\":%q}\n", held[len(held)-1], held[len(held)-2])
			case mode == "exit" && stop:
				os.Exit(0)
			case mode == "flood" && stop:
				for range 20_000 {
					fmt.Printf("{\"checkpoint\":%q}\n", e.Position)
				}
				time.Sleep(time.Hour)
			case mode == "ahead" && len(held) == 4:
				fmt.Printf("{\"checkpoint\":%q}\n", held[2])
				held = held[3:]
			}
		case "checkpointed":
			if crashing {
				os.Exit(3)
			}
		case "shutdown":
			if mode == "ahead" && len(held) > 0 && e.Reason != "lease-lost" {
				fmt.Printf("{\"checkpoint\":%q}\n", held[len(held)-1])
			}
			code, _ := strconv.Atoi(strings.TrimPrefix(mode, "exits-with-"))
			if mode == "stays" {
				time.Sleep(time.Hour)
			}
			os.Exit(code)
		}
	}
}

// serveCMD lets a daemon speak with kplkit multilang run, and returns the exit code, stderr and what CMD was given.
func serveCMD(t *testing.T, d *multilangfake.Daemon, args ...string) (code int, stderr string, given []string) {
	t.Helper()
	records := t.TempDir() + "/records"
	t.Setenv("RECORDS", records)
	t.Setenv("GORACE", "atexit_sleep_ms=0") // under -race CMD would sleep a second before it ends
	toChild, daemonOut := io.Pipe()
	daemonIn, fromChild := io.Pipe()
	var said bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		code := Run(t.Context(), append([]string{"multilang", "run"}, args...), Streams{In: toChild, Out: fromChild, Err: &said})
		fromChild.Close()
		toChild.Close()
		ended <- code
	}()
	served := d.Serve(daemonIn, daemonOut)
	code = <-ended
	if (code == 0) != (served == nil) {
		t.Fatalf("exit code %d; the daemon: %v\n%s", code, served, said.String())
	}
	if len(d.Strays) > 0 {
		t.Fatalf("strays: %q", d.Strays)
	}
	text, _ := os.ReadFile(records)
	return code, said.String(), strings.Split(strings.TrimSpace(string(text)), "\n")
}

func threeStored() []multilangfake.Stored {
	return []multilangfake.Stored{{Number: "1000", Users: []string{"a0", "a1", "a2"}}, {Number: "1001", Users: []string{"b0", "b1", "b2"}}, {Number: "1002", Users: []string{"c"}}}
}

// TestMultilangRun: what CMD is given with each version, and that the shard's end is checkpointed.
func TestMultilangRun(t *testing.T) {
	for _, version := range multilangfake.Versions {
		d := &multilangfake.Daemon{Version: version, Shard: threeStored(), Batch: 2, Closed: true}
		code, stderr, given := serveCMD(t, d, "--", "processor", "good", "")
		if code != 0 || d.Sequence != "SHARD_END" {
			t.Fatalf("%s: exit code %d, the lease says %s: %s", version, code, d.Sequence, stderr)
		}
		position, behind := `"TRIM_HORIZON"`, 7
		if version == "1.3" || version == "1.4" {
			position, behind = "null", 0
		}
		end := fmt.Sprintf(`{"v":1,"event":"batch-end","millis_behind_latest":%d}`, behind)
		want := []string{
			`{"v":1,"event":"start","shard_id":"shardId-000000000000","position":` + position + `}`,
			"record 1000:0 a0", "record 1000:1 a1", "record 1000:2 a2", "record 1001:0 b0", "record 1001:1 b1", "record 1001:2 b2", end,
			"record 1002 c", end, `{"v":1,"event":"shutdown","reason":"shard-ended"}`,
		}
		if !slices.Equal(given, want) {
			t.Errorf("%s: got\n%s\nwant\n%s", version, strings.Join(given, "\n"), strings.Join(want, "\n"))
		}
	}
}

// TestMultilangRunCrash: CMD ends after a checkpoint inside an aggregate, for which it has said of each record that it is done, or of
// none before. The next one gets the rest, and nothing twice that was not promised.
func TestMultilangRunCrash(t *testing.T) {
	for version, twice := range map[multilangfake.Version]int{"1.3": 2, "1.4": 4, "1.14": 0, "2": 0, "3": 0} {
		for _, mode := range []string{"crash", "late"} {
			d := &multilangfake.Daemon{Version: version, Shard: threeStored(), Batch: 3, Closed: true}
			code, stderr, first := serveCMD(t, d, "--", "processor", mode, "b1")
			if code != 1 || !strings.Contains(stderr, "has ended by itself: exit status 3") {
				t.Fatalf("%s: exit code %d: %s", version, code, stderr)
			}
			answer := first[len(first)-1]
			if held := strings.Contains(answer, `"held":true,"error":null`); held != (twice > 0) {
				t.Errorf("%s: %s", version, answer)
			}
			_, _, second := serveCMD(t, d, "--", "processor", "good", "")
			if lost, n := count(append(upTo(first, " b1"), second...)); lost != 0 || n != twice {
				t.Errorf("%s %s: %d lost and %d twice, want 0 and %d", version, mode, lost, n, twice)
			}
		}
	}
}

// count counts what is lost of threeStored, and came twice.
func count(given []string) (lost, twice int) {
	seen := map[string]int{}
	for _, line := range given {
		if words := strings.Fields(line); words[0] == "record" {
			seen[words[2]]++
		}
	}
	for _, s := range threeStored() {
		for _, u := range s.Users {
			if seen[u] == 0 {
				lost++
			}
			twice += max(0, seen[u]-1)
		}
	}
	return lost, twice
}

// upTo returns the lines up to one that ends so.
func upTo(lines []string, end string) []string {
	return slices.Clip(lines[:1+slices.IndexFunc(lines, func(line string) bool { return strings.HasSuffix(line, end) })])
}

// TestMultilangRunRefuses: what CMD must not do ends with a clear message, exit code 1, and no checkpoint.
func TestMultilangRunRefuses(t *testing.T) {
	for _, tt := range []struct {
		mode, at, says string
		args           []string
	}{
		{"never", "b1", "999999:3 is done, which it was not given", nil},
		{"number", "b1", "whose position is not a text", nil},
		{"order", "b1", "out of order: 1001:0 is done after 1001:1", nil},
		{"exit", "b1", "has ended by itself: exit status 0", nil},
		{"mute", "", "has said nothing and taken no record for 100ms (--patience), with 7 records not done, the first at 1000:0", []string{"--patience", "100ms"}},
		{"flood", "a1", "reads no answer", nil},
	} {
		d := &multilangfake.Daemon{Version: "2", Shard: threeStored(), Batch: 3, Closed: true}
		code, stderr, _ := serveCMD(t, d, append(tt.args, "--", "processor", tt.mode, tt.at)...)
		if code != 1 || !strings.Contains(stderr, tt.says) {
			t.Errorf("%s: exit code %d: %s", tt.mode, code, stderr)
		}
		if len(d.Checkpoints) > 1 || tt.mode != "flood" && len(d.Checkpoints) > 0 {
			t.Errorf("%s: %q", tt.mode, d.Checkpoints)
		}
	}
}

// TestMultilangRunEnds: an exit code that is not 0 after shutdown, and a CMD that has no end.
func TestMultilangRunEnds(t *testing.T) {
	for mode, says := range map[string]string{"exits-with-4": "has ended: exit status 4", "stays": "--patience"} {
		d := &multilangfake.Daemon{Version: "2", Shard: nil, Batch: 3, Closed: true}
		code, stderr, _ := serveCMD(t, d, "--patience", "300ms", "--", "processor", mode, "")
		if code != 1 || !strings.Contains(stderr, says) || d.Sequence == "SHARD_END" {
			t.Errorf("%s: exit code %d, %s: %s", mode, code, d.Sequence, stderr)
		}
	}
	code, stderr, _ := serveCMD(t, &multilangfake.Daemon{Version: "2"}, "--", "no-such-command")
	if code != 1 || !strings.Contains(stderr, "start CMD") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

// TestMultilangRunStrays: what is not an answer goes to stderr, whole, and never to the daemon.
func TestMultilangRunStrays(t *testing.T) {
	d := &multilangfake.Daemon{Version: "2", Shard: threeStored(), Batch: 3, Closed: true}
	code, stderr, _ := serveCMD(t, d, "--", "processor", "strays", "")
	if want := strings.Repeat("a log line\n{\"level\":\"info\",\"done\":true}\n"+strings.Repeat("x", 100_000)+"\n", 7); code != 0 || stderr != want {
		t.Errorf("exit code %d, %d bytes on stderr, want %d", code, len(stderr), len(want))
	}
}

// TestMultilangRunAhead: with --ahead the daemon is answered while records are held back, and their checkpoint goes out in
// its next call.
func TestMultilangRunAhead(t *testing.T) {
	for _, version := range multilangfake.Versions {
		d := &multilangfake.Daemon{Version: version, Shard: threeStored(), Batch: 1, Closed: true}
		code, stderr, given := serveCMD(t, d, "--ahead", "4", "--", "processor", "ahead", "")
		if code != 0 || d.Sequence != "SHARD_END" || len(given) < 12 {
			t.Errorf("%s: exit code %d, %s: %s\n%s", version, code, d.Sequence, stderr, given)
		}
	}
	d := &multilangfake.Daemon{Version: "2", Shard: threeStored(), Batch: 1, Closed: true}
	if code, stderr, _ := serveCMD(t, d, "--ahead", "9", "--", "processor", "mute", ""); code != 1 || !strings.Contains(stderr, "7 records of the shard are not done") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

// TestMultilangRunPipesHeld: a process of CMD's own that has its pipes keeps nothing: its end is noticed, and a script that does not
// exec is killed, with what it has started at its stdin's end.
func TestMultilangRunPipesHeld(t *testing.T) {
	for _, tt := range []struct{ patience, script, says string }{
		{"30s", `sleep 60 & exec processor exit b1`, "has ended by itself: exit status 0"},
		{"300ms", `processor mute ""; true`, "has said nothing and taken no record"},
	} {
		d := &multilangfake.Daemon{Version: "2", Shard: threeStored(), Batch: 3, Closed: true}
		code, stderr, _ := serveCMD(t, d, "--patience", tt.patience, "--", "sh", "-c", tt.script)
		if code != 1 || !strings.Contains(stderr, tt.says) || len(d.Checkpoints) > 0 {
			t.Errorf("%s: exit code %d: %s", tt.script, code, stderr)
		}
	}
}

// TestMultilangRunDiesInABatch: how CMD has ended is said, also where kplkit was writing to it.
func TestMultilangRunDiesInABatch(t *testing.T) {
	d := &multilangfake.Daemon{Version: "2", Shard: []multilangfake.Stored{{Number: "1000", Users: []string{strings.Repeat("x", 1<<20)}}}, Batch: 1}
	code, stderr, _ := serveCMD(t, d, "--", "sh", "-c", "head -c 1000 > /dev/null; exit 7")
	if code != 1 || !strings.Contains(stderr, "has ended by itself: exit status 7") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

// TestMultilangRunStartsSlowly: a batch is not answered before it was given, also where the line before it was not taken yet.
func TestMultilangRunStartsSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChild("shard", childOptions{patience: time.Hour})
		stdin, in := io.Pipe()
		go c.feed(in)
		defer close(c.gone)
		if err := c.start(t.Context(), c.patience, feeding{last: "start\n"}); err != nil {
			t.Fatal(err)
		}
		answered := false
		go func() { _ = c.ProcessRecords(t.Context(), kclcompat.Batch{}, nil); answered = true }()
		lines := bufio.NewReader(stdin)
		for _, want := range []string{"start", "batch-end"} {
			synctest.Wait()
			if answered {
				t.Errorf("answered before %s was taken", want)
			}
			if line, err := lines.ReadString('\n'); !strings.Contains(line, want) {
				t.Errorf("%q, %v", line, err)
			}
		}
		synctest.Wait()
		if !answered {
			t.Error("not answered")
		}
	})
}

// TestMultilangRunSlowCheckpoint: --patience does not count while CMD waits for a checkpoint.
func TestMultilangRunSlowCheckpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		commits, err := kclcompat.NewCheckpointer(slowSink{}, seqnum.TrimHorizon(), []kclcompat.Reader{kclcompat.Kplkit()})
		if err != nil {
			t.Fatal(err)
		}
		c := newChild("shard", childOptions{patience: time.Second, log: io.Discard})
		stdin, in := io.Pipe()
		go c.feed(in)
		defer close(c.gone)
		go func() {
			for lines := bufio.NewScanner(stdin); lines.Scan(); {
				switch line := lines.Text(); {
				case strings.Contains(line, "batch-end"):
					c.take([]byte(`{"checkpoint":"1"}`))
				case strings.Contains(line, "checkpointed"):
					time.Sleep(time.Second / 2)
					c.take([]byte(`{"done":"2"}`))
				}
			}
		}()
		batch := kclcompat.Batch{Records: []deagg.UserRecord{{SequenceNumber: "1", Last: true}, {SequenceNumber: "2", Last: true}}}
		if err := c.ProcessRecords(t.Context(), batch, commits); err != nil {
			t.Error(err)
		}
	})
}

// TestMultilangRunRepeats: what CMD says again costs nothing, however many records it has.
func TestMultilangRunRepeats(t *testing.T) {
	const records = 1000
	commits, err := kclcompat.NewCheckpointer(slowSink{}, seqnum.TrimHorizon(), []kclcompat.Reader{kclcompat.Kplkit()})
	if err != nil {
		t.Fatal(err)
	}
	c := newChild("shard", childOptions{log: io.Discard})
	c.commits = commits
	for i := range records {
		c.giving(deagg.UserRecord{SequenceNumber: strconv.Itoa(1000 + i), Last: true})
	}
	for i := range records {
		for range 10 {
			c.take(fmt.Appendf(nil, `{"done":"%d"}`, 1000+i))
		}
	}
	if c.failure != nil || len(c.given) > 0 || c.looked > records {
		t.Errorf("%v, %d records left, %d looked at", c.failure, len(c.given), c.looked)
	}
}

// slowSink is a daemon whose DynamoDB takes its time.
type slowSink struct{}

func (slowSink) Style() kclcompat.Style { return kclcompat.SubSequenceNumber }

func (slowSink) WriteCheckpoint(context.Context, seqnum.Extended, seqnum.Extended) error {
	time.Sleep(time.Minute)
	return nil
}

// TestMultilangExamples: examples/multilang under each version, over batches and through the shard's end.
func TestMultilangExamples(t *testing.T) {
	for command, example := range map[string]string{"python3": "processor.py", "node": "processor.js"} {
		t.Run(command, func(t *testing.T) {
			if _, err := exec.LookPath(command); err != nil {
				t.Skipf("%s is not installed", command)
			}
			for _, version := range multilangfake.Versions {
				shard := threeStored()
				shard[1].Users = []string{"\xff\xfe\x00", "b1\u2028", ""} // what is not text, and line ends of some languages
				d := &multilangfake.Daemon{Version: version, Shard: shard, Batch: 2, Closed: true}
				code, stderr, _ := serveCMD(t, d, "--", command, "../../examples/multilang/"+example)
				want := "order: a0\norder: a1\norder: a2\norder: \xff\xfe\x00\norder: b1\u2028\norder: \norder: c\n"
				if code != 0 || d.Sequence != "SHARD_END" || len(d.Checkpoints) != 3 || stderr != want {
					t.Errorf("%s: exit code %d, %s, %q: %q", version, code, d.Sequence, d.Checkpoints, stderr)
				}
			}
		})
	}
}
