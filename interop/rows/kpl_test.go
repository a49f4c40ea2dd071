package rows

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
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

// kpl is a process with the real KPL. Any number of streams may be put to at once.
type kpl struct {
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
func startKPL(t *testing.T, version, port, executable string) *kpl {
	name := "kpl-" + version
	cmd := exec.CommandContext(t.Context(), "java", append(javaFlags(), "-cp", classPath(name), "Put")...)
	cmd.Env = append(os.Environ(), anyone...)
	cmd.Env = append(cmd.Env, "ROW_KPL_PORT="+port, "ROW_KPL_EXECUTABLE="+executable)
	k := &kpl{waiting: map[string]chan result{}, awake: map[string]bool{}, ended: make(chan struct{}), log: new(tail)}
	cmd.Stderr = k.log
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
	k.in = in
	go k.read(out)
	t.Cleanup(func() {
		in.Close() // it ends with that
		<-k.ended
		cmd.Wait()
	})
	return k
}

func (k *kpl) read(out io.Reader) {
	defer close(k.ended)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		f := strings.Split(lines.Text(), "\t")
		if len(f) != 8 {
			k.log.Write(lines.Bytes())
			continue
		}
		k.mu.Lock()
		done := k.waiting[f[1]+"\t"+f[3]]
		k.mu.Unlock()
		done <- result{f[4], f[5], f[6], f[7]}
	}
}

// put puts user records, and waits for all results. It returns the data of those that the KPL says are stored.
func (k *kpl) put(t *testing.T, stream string, plain bool, users []string) (stored []string) {
	if !plain {
		stored = k.wake(t, stream)
	}
	results := k.begin(t, stream, plain, users)
	for i, r := range results {
		if got := k.wait(t, r); got.err == "" {
			stored = append(stored, users[i])
		} else {
			t.Logf("%s is not stored: %s", users[i], got.err)
		}
	}
	return stored
}

// wake puts pairs until one shares a stored record: before the KPL has listed a stream's shards it puts plain. It returns
// what is stored: nothing if the stream was put to before.
func (k *kpl) wake(t *testing.T, stream string) (stored []string) {
	k.mu.Lock()
	awake := k.awake[stream]
	k.awake[stream] = true
	k.mu.Unlock()
	for i := 0; !awake; i++ {
		pair := []string{fmt.Sprintf("a%03d", i), fmt.Sprintf("b%03d", i)}
		results := k.begin(t, stream, false, pair)
		a, b := k.wait(t, results[0]), k.wait(t, results[1])
		if a.err != "" || b.err != "" || i == 999 {
			t.Fatalf("the KPL does not aggregate: %+v %+v\n%s", a, b, k.log)
		}
		stored = append(stored, pair...)
		awake = a.sequenceNumber == b.sequenceNumber
	}
	return stored
}

// begin puts user records, each under a partition key of its own.
func (k *kpl) begin(t *testing.T, stream string, plain bool, users []string) []chan result {
	kind := "aggregated"
	if plain {
		kind = "plain"
	}
	results := make([]chan result, len(users))
	k.mu.Lock()
	defer k.mu.Unlock()
	for i, user := range users {
		results[i] = make(chan result, 1)
		k.waiting[stream+"\t"+user] = results[i]
		if _, err := fmt.Fprintf(k.in, "%s\t%s\tkey-%s\t%s\n", kind, stream, user, user); err != nil {
			t.Fatalf("KPL: %v\n%s", err, k.log)
		}
	}
	return results
}

func (k *kpl) wait(t *testing.T, r chan result) result {
	select {
	case got := <-r:
		return got
	case <-k.ended:
		t.Fatalf("the KPL has ended\n%s", k.log)
	case <-time.After(patience):
		t.Fatalf("the KPL does not answer\n%s", k.log)
	}
	return result{}
}
