package interop

import (
	"strings"
	"sync"
	"testing"
	"time"
)

// put is a user record that was put, and what became of it, which may be read once done is closed.
type put struct {
	stream, key, hashKey string // the latter in decimal, "" without one
	data                 []byte

	done           chan struct{}
	refused        bool // by the wrapper, in its caller's face
	silent         bool // it has no result, and is not waited for any more
	shard, number  string
	attempts, err  string
	begun, settled time.Time
}

func (p *put) stored() bool { return p.err == "" && !p.silent }

// outcomes are what a process that puts says of its puts.
type outcomes struct {
	t     *testing.T
	name  string // of the process
	ended chan struct{}
	log   *tail

	mu     sync.Mutex
	latest time.Time // when the latest put that is stored was begun
}

func newOutcomes(t *testing.T, name string) *outcomes {
	return &outcomes{t: t, name: name, ended: make(chan struct{}), log: new(tail)}
}

// begin is called before a put is handed over.
func (p *put) begin() { p.done, p.begun = make(chan struct{}), time.Now() }

// settle notes what became of a put: SHARD, SEQUENCE NUMBER, ATTEMPTS and ERROR between tabs, or why it was refused. A
// second answer to one panics: each has exactly one.
func (o *outcomes) settle(p *put, refused bool, result string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if p.silent {
		return
	}
	if p.settled, p.refused, p.err = time.Now(), refused, result; !refused {
		r := strings.SplitN(result, "\t", 4)
		p.shard, p.number, p.attempts, p.err = r[0], r[1], r[2], r[3]
	}
	if p.stored() && p.begun.After(o.latest) {
		o.latest = p.begun
	}
	close(p.done)
}

// giveUp waits no longer for a put.
func (o *outcomes) giveUp(p *put) {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case <-p.done:
	default:
		p.silent = true
	}
}

// lastStored is when the latest put that is stored was begun.
func (o *outcomes) lastStored() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.latest
}

// wait waits for the results of puts.
func (o *outcomes) wait(puts []*put) {
	o.t.Helper()
	late := time.After(patience)
	for _, p := range puts {
		select {
		case <-p.done:
		case <-o.ended:
			o.t.Fatalf("%s has ended\n%s", o.name, o.log)
		case <-late:
			o.t.Fatalf("%s: a put has no result\n%s", o.name, o.log)
		}
	}
}

// said is the end of its log, after its name.
func (o *outcomes) said() string { return o.name + "\n" + o.log.String() }

// tail is the end of a log.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (l *tail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	if n := len(l.text) - 4000; n > 0 {
		l.text = append([]byte(nil), l.text[n:]...)
	}
	return len(p), nil
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}
