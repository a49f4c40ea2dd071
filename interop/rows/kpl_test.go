package rows

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// perAggregate is how many user records the KPL puts into an aggregate (java/kpl).
const perAggregate = 10

// patience is how long a process may take for one thing: far more than any needs on a busy machine, so that one that
// hangs fails the test. The KCL sleeps for half a minute when it starts, and longer until it takes a lease over.
const patience = 6 * time.Minute

func anybody(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: "a", SecretAccessKey: "b"}, nil
}

// process is one that puts: the real KPL (java/kpl), or a client of kplkit's (clients). Any number of streams may be put to
// at once.
type process struct {
	name    string
	version string // of the KPL, as its jar says
	mu      sync.Mutex
	in      io.Writer
	waiting map[string]chan result // by stream and data
	awake   map[string]bool        // streams whose shards it knows
	ended   chan struct{}
	log     *tail
}

// result is what the KPL says of a user record.
type result struct{ shard, sequenceNumber, attempts, err string }

// startKPL starts a KPL, which ends with the test. Its native process is its own, or executable.
func startKPL(t *testing.T, version, port, executable string) *process {
	name := "kpl-" + version
	p := startProcess(t, "KPL "+version, append(append([]string{"java"}, javaFlags()...), "-cp", classPath(name), "Put"), "ROW_KPL_PORT="+port, "ROW_KPL_EXECUTABLE="+executable)
	p.version = installedVersion(t, name, kplJar)
	return p
}

// startProcess starts a process that puts, which ends with the test.
func startProcess(t *testing.T, name string, command []string, settings ...string) *process {
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Env = slices.Concat(os.Environ(), anyone, settings)
	p := &process{name: name, waiting: map[string]chan result{}, awake: map[string]bool{}, ended: make(chan struct{}), log: new(tail)}
	cmd.Stderr = p.log
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	p.in = in
	go p.read(out)
	t.Cleanup(func() {
		in.Close() // it ends with that
		<-p.ended
		cmd.Wait()
	})
	return p
}

func (p *process) read(out io.Reader) {
	defer close(p.ended)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		f := strings.Split(lines.Text(), "\t")
		if len(f) != 8 {
			p.log.Write(lines.Bytes())
			continue
		}
		p.mu.Lock()
		done := p.waiting[f[1]+"\t"+f[3]]
		p.mu.Unlock()
		resultOf(f[1], putResult{f[3], f[4], f[5], f[7]})
		done <- result{f[4], f[5], f[6], f[7]}
	}
}

// put puts user records, and waits for all results. It returns the data of those that are said to be stored.
func (p *process) put(t *testing.T, stream string, plain bool, users []string) (stored []string) {
	if !plain {
		stored = p.wake(t, stream)
	}
	results := p.begin(t, stream, plain, users)
	for i, r := range results {
		if got := p.wait(t, r); got.err == "" {
			stored = append(stored, users[i])
		} else {
			t.Logf("%s is not stored: %s", users[i], got.err)
		}
	}
	return stored
}

// wake puts pairs until one shares a stored record: before a producer has listed a stream's shards it puts plain. It returns
// what is stored: nothing if the stream was put to before.
func (p *process) wake(t *testing.T, stream string) (stored []string) {
	p.mu.Lock()
	awake := p.awake[stream]
	p.awake[stream] = true
	p.mu.Unlock()
	for i := 0; !awake; i++ {
		pair := []string{fmt.Sprintf("a%03d", i), fmt.Sprintf("b%03d", i)}
		results := p.begin(t, stream, false, pair)
		a, b := p.wait(t, results[0]), p.wait(t, results[1])
		if a.err != "" || b.err != "" || i == 999 {
			t.Fatalf("%s does not aggregate: %+v %+v\n%s", p.name, a, b, p.log)
		}
		stored = append(stored, pair...)
		awake = a.sequenceNumber == b.sequenceNumber
	}
	return stored
}

// begin puts user records, each under a partition key of its own.
func (p *process) begin(t *testing.T, stream string, plain bool, users []string) []chan result {
	kind := "aggregated"
	if plain {
		kind = "plain"
	}
	results := make([]chan result, len(users))
	planned(stream, users...)
	if p.version != "" {
		write(stream, func(b *book) { b.Producer = p.version })
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, user := range users {
		results[i] = make(chan result, 1)
		p.waiting[stream+"\t"+user] = results[i]
		if _, err := fmt.Fprintf(p.in, "%s\t%s\tkey-%s\t%s\n", kind, stream, user, user); err != nil {
			t.Fatalf("%s: %v\n%s", p.name, err, p.log)
		}
	}
	return results
}

func (p *process) wait(t *testing.T, r chan result) result {
	select {
	case got := <-r:
		return got
	case <-p.ended:
		t.Fatalf("%s has ended\n%s", p.name, p.log)
	case <-time.After(patience):
		t.Fatalf("%s does not answer\n%s", p.name, p.log)
	}
	return result{}
}
