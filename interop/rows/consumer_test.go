package rows

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// program is a consumer. Its settings are environment variables:
//
//	ROW_KINESIS ROW_DYNAMODB        URLs
//	ROW_STREAM ROW_APPLICATION ROW_WORKER
//	ROW_CHECKPOINT_FILE             where consumers without a lease table keep their checkpoint
//	ROW_CHECKPOINT                  none, sequence-number, record, extended, extended-beyond (a sub-sequence number of 99), kplkit (as kplkit places it) or nothing
//	ROW_AT                          data of the user record at which to stop hard; empty: go on until END is handed over
//	ROW_ENDS                        how many END there are, if more than 1: one in each shard
//	ROW_WHEN                        at: checkpoint and stop right there; batch: after the batch that holds it;
//	                                later: checkpoint after each batch, stop at it
//	ROW_MAX                         records per GetRecords
//	ROW_POSITION                    TRIM_HORIZON or LATEST
//	ROW_SELF                        1: de-aggregate what the library hands over
//
// It writes events as JSON lines to standard output, each before it goes on. Other lines are taken for its log.
type program struct {
	command []string
	env     []string
	reader  string    // the kind of program: its library, or what its checkpoint is
	jar     [2]string // the installation that its version is in, and the jar there
	index   bool      // its lease table has to be there, with an index: dynalite can't add one, as KCL 3 would
}

// event is a line. Which member is set tells which kind it is.
type event struct {
	Record            []byte `json:"record"` // data as it was handed to user code
	PartitionKey      string `json:"partition_key,omitempty"`
	SequenceNumber    string `json:"sequence_number"`
	SubSequenceNumber int64  `json:"sub_sequence_number"`

	Checkpoint *string `json:"checkpoint,omitempty"` // what was passed
	Stopped    string  `json:"stopped,omitempty"`    // why: the last line
	Error      string  `json:"error,omitempty"`      // of a checkpoint, or of a worker that did not start
	LeaseLost  bool    `json:"lease_lost,omitempty"`
}

// outcome is what a worker did.
type outcome struct {
	records []event
	refused string // the first error of a checkpoint, or of a worker that did not start
	// leaseLost: while it ran alone. It was not renewed in time, since the machine is busy, and what comes then says nothing.
	leaseLost bool
}

// worker is a consumer under way.
type worker struct {
	name    string
	stream  string
	told    workerRecording // without what it did
	cmd     *exec.Cmd
	log     *tail
	cancel  context.CancelFunc
	handed  chan struct{} // gets something with each record, as long as there is room
	stopped chan outcome
}

// start starts a worker. When it has stopped its process is killed, in whatever state that is then.
func (p program) start(t *testing.T, settings map[string]string) *worker {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	w := &worker{name: settings["ROW_WORKER"], stream: settings["ROW_STREAM"], log: new(tail), cancel: cancel, handed: make(chan struct{}, 1), stopped: make(chan outcome, 1)}
	w.told = workerRecording{Reader: p.reader, At: settings["ROW_AT"], Checkpoint: settings["ROW_CHECKPOINT"], When: settings["ROW_WHEN"], Self: settings["ROW_SELF"] == "1"}
	if p.jar[0] != "" {
		w.told.Version = installedVersion(t, p.jar[0], p.jar[1])
	}
	w.cmd = exec.CommandContext(ctx, p.command[0], p.command[1:]...)
	w.cmd.Env = append(append(os.Environ(), anyone...), p.env...)
	for name, value := range settings {
		w.cmd.Env = append(w.cmd.Env, name+"="+value)
	}
	w.cmd.Stderr = w.log
	in, err := w.cmd.StdinPipe() // open as long as the test runs: consumers may end with it
	if err != nil {
		t.Fatal(err)
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.cmd.Start(); err != nil {
		t.Fatalf("%s: %v (is it installed? run.sh does that)", p.command[0], err)
	}
	go func() {
		defer in.Close()
		w.read(bufio.NewReader(out))
	}()
	return w
}

// read takes lines until the worker has stopped, and kills it.
func (w *worker) read(out *bufio.Reader) {
	var o outcome
	stopped := false
	for !stopped {
		line, err := out.ReadString('\n')
		if err != nil {
			break
		}
		var e event
		if !strings.HasPrefix(line, "{") || json.Unmarshal([]byte(line), &e) != nil {
			w.log.Write([]byte(line))
			continue
		}
		if o.refused == "" {
			o.refused = tidy(e.Error)
		}
		if e.Record != nil {
			o.records = append(o.records, e)
			select {
			case w.handed <- struct{}{}:
			default:
			}
		}
		o.leaseLost = o.leaseLost || e.LeaseLost
		stopped = e.Stopped != ""
	}
	w.cancel()
	err := w.cmd.Wait()
	if !stopped && o.refused == "" {
		o.refused = fmt.Sprintf("ended without a word: %v", err)
		if line := w.log.panicked(); line != "" {
			o.refused = line
		}
	}
	w.stopped <- o
}

// tidy undoes what Go's protobuf does to its errors, that nobody may rely on them: its blank is now one, now the other.
func tidy(message string) string { return strings.ReplaceAll(message, "\u00a0", " ") }

func (w *worker) wait(t *testing.T) outcome {
	o := <-w.stopped
	if o.refused != "" {
		t.Logf("%s: %s\n%s", w.name, o.refused, w.log)
	}
	return o
}

// awaitRecord returns when the worker has been handed one.
func (w *worker) awaitRecord(t *testing.T) {
	select {
	case <-w.handed:
	case o := <-w.stopped:
		t.Fatalf("%s has stopped: %+v\n%s", w.name, o, w.log)
	}
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailSize = 8 << 10

func (l *tail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	if len(l.text) > 2*tailSize {
		l.text = append([]byte(nil), l.text[len(l.text)-tailSize:]...)
	}
	return len(p), nil
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

// panicked returns what a Go program died of.
func (l *tail) panicked() string {
	for line := range strings.Lines(l.String()) {
		if strings.HasPrefix(line, "panic: ") {
			return strings.TrimSpace(line)
		}
	}
	return ""
}
